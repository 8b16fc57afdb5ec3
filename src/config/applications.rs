//! Which application a token belongs to has to be clear, where several `[[provider]]` are configured.
use super::{fault::Fault, section::Section, token_form::TokenForm};

/// What tells the tokens of one `[[provider]]` from those of another.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) audiences: Vec<String>,
    pub(super) tokens: TokenForm,
    /// Whether clients may bring tokens of it.
    pub(super) takes_tokens: bool,
}

/// What is known of the providers read so far, even of those with mistakes.
#[derive(Debug, Default)]
pub(super) struct Applications {
    pub(super) names: Vec<String>,
    /// Name of each and, one by one, its `username_claim`s.
    pub(super) username_claims: Vec<(String, String)>,
    known: Vec<Application>,
}

impl Applications {
    /// Remembers an application; its tokens have to lead to one provider.
    pub(super) fn add(&mut self, section: &mut Section<'_>, new: Application) -> Option<()> {
        let clash = self.known.iter().find_map(|known| new.clash(known));
        let clash = clash.or_else(|| new.own_clash());
        self.known.push(new);
        match clash {
            Some((key, fault)) => section.fault(key, fault),
            None => Some(()),
        }
    }
}

impl Application {
    fn own_clash(&self) -> Option<(&'static str, Fault)> {
        let fault = || Fault::new("holds the provider's own `issuer`").cure("remove that one");
        let is_own = self.tokens.token_issuers.contains(&self.issuer);
        is_own.then(|| ("token_issuers", fault()))
    }

    /// The key by which a token could belong to both. A value of `iss` stands for one issuer, whose
    /// subjects and logouts are its own.
    fn clash(&self, other: &Self) -> Option<(&'static str, Fault)> {
        if other.tokens.token_issuers.contains(&self.issuer) {
            let fault = Fault::new("another provider's `token_issuers` has this issuer");
            return Some(("issuer", fault.cure("remove it there")));
        }
        let issuers = &self.tokens.token_issuers;
        if issuers.contains(&other.issuer) && other.issuer != self.issuer {
            let fault = Fault::new("holds the issuer of another provider");
            return Some(("token_issuers", fault.cure("remove that one")));
        }
        if is_shared(issuers, &other.tokens.token_issuers) {
            let fault = Fault::new("another provider has one of these issuers, too");
            return Some(("token_issuers", fault.cure("leave it to one of them")));
        }
        if self.issuer != other.issuer {
            return None;
        }
        if self.client_id == other.client_id {
            let fault = Fault::new("another provider has this issuer and client id");
            return Some(("client_id", fault.cure("join the two")));
        }
        let parties = &self.tokens.authorized_parties;
        if is_shared(parties, &other.tokens.authorized_parties) {
            let fault = Fault::new("another provider of this issuer has one of these parties, too");
            return Some(("authorized_parties", fault.cure("leave it to one of them")));
        }
        if parties.contains(&other.client_id) {
            let fault = Fault::new("one is the `client_id` of another provider of this issuer");
            return Some(("authorized_parties", fault.cure("its tokens belong there")));
        }
        if other.tokens.authorized_parties.contains(&self.client_id) {
            let fault = Fault::new("another provider of this issuer has it as authorized party");
            return Some(("client_id", fault.cure("remove it there")));
        }
        let both_take = self.takes_tokens && other.takes_tokens;
        if both_take && is_shared(&self.audiences, &other.audiences) {
            let fault = Fault::new("another provider of this issuer has one of these audiences");
            return Some(("audiences", fault.cure("leave it to one of them")));
        }
        None
    }
}

fn is_shared(some: &[String], others: &[String]) -> bool {
    some.iter().any(|one| others.contains(one))
}
