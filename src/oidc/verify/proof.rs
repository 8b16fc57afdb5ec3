//! `Proof`: what a good token proves, and what it leaves for userinfo to say.
use super::{Identity, Origin, Rule, Trace, names};
use crate::{
    config::{self, ClaimName},
    oidc::{TokenFault, claims::Claims},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a token that kept every rule proves.
#[derive(Debug)]
pub enum Proof {
    /// Who its bearer is.
    Identity(Identity),
    /// The same without the person's names, which userinfo is to be asked for.
    Lacking(Lacking),
}

/// A good token that lacks claims which count here. No identity comes of it before somebody has
/// said what becomes of them.
#[derive(Debug)]
pub struct Lacking {
    /// Without user name and groups.
    identity: Identity,
    /// What the token itself says of the person.
    own: Map<String, Value>,
}

/// Names the person as the token does; or, with `may_ask`, leaves that until the claims that
/// it lacks have been asked for.
///
/// # Errors
/// No name, or no usable groups.
pub(super) fn proof(
    rules: &config::Provider,
    claims: Claims<'_>,
    unnamed: Identity,
    may_ask: bool,
    trace: &mut Trace,
) -> Result<Proof, TokenFault> {
    let lacking = lacking(rules, claims);
    if !may_ask || !rules.userinfo || lacking.is_empty() {
        return Ok(Proof::Identity(named(rules, claims, unnamed, trace)?));
    }
    // What the token has must be usable, or nobody is asked for the rest.
    let is_named = |claim: &ClaimName| claims.named(claim).is_some();
    let has_name = rules.username_claims.iter().any(is_named);
    if has_name && !lacking.contains(&EMAIL_VERIFIED) {
        let name = names::username(rules, claims);
        name.or_else(|fault| trace.check(Rule::UserName, Err(fault)))?;
    }
    if !lacking.contains(&rules.groups_claim.as_str()) {
        let groups = names::groups(rules, claims);
        groups.or_else(|fault| trace.check(Rule::Groups, Err(fault)))?;
    }
    let configured = rules.username_claims.iter().chain([&rules.groups_claim]);
    let looked_at = configured.map(ClaimName::top);
    let own = looked_at
        .chain([EMAIL_VERIFIED, "sub", "_claim_names"])
        .filter_map(|name| Some((name.to_owned(), claims.find(name)?.clone())));
    Ok(Proof::Lacking(Lacking {
        own: own.collect(),
        identity: unnamed,
    }))
}

impl Proof {
    /// With `origin` instead of a copy of its own.
    pub(in crate::oidc) fn sharing(self, origin: &Arc<Origin>) -> Self {
        match self {
            Self::Identity(identity) => Self::Identity(identity.sharing(origin)),
            Self::Lacking(lacking) => Self::Lacking(Lacking {
                identity: lacking.identity.sharing(origin),
                ..lacking
            }),
        }
    }

    /// The identity where only the subject counts, which then is its name, too, where the token
    /// has no other.
    pub(in crate::oidc) fn by_subject(self) -> Identity {
        match self {
            Self::Identity(identity) => identity,
            Self::Lacking(lacking) => Identity {
                username: (*lacking.identity.subject).into(),
                ..lacking.identity
            },
        }
    }
}

impl Lacking {
    /// The identity with the names that the token itself has, as without any userinfo.
    ///
    /// # Errors
    /// They do not suffice.
    pub(in crate::oidc) fn alone(
        self,
        rules: &config::Provider,
        trace: &mut Trace,
    ) -> Result<Identity, TokenFault> {
        named(rules, Claims::new(&self.own), self.identity, trace)
    }

    /// The identity with what `userinfo` adds to the token's own claims.
    ///
    /// # Errors
    /// It speaks of somebody else (OpenID Connect Core section 5.3.2), or the names do not
    /// suffice all the same.
    pub(in crate::oidc) fn completed(
        mut self,
        rules: &config::Provider,
        userinfo: &Map<String, Value>,
        trace: &mut Trace,
    ) -> Result<Identity, TokenFault> {
        let subject = userinfo.get("sub").and_then(Value::as_str);
        let same = match subject == Some(&self.identity.subject) {
            true => Ok(()),
            false => Err(TokenFault::ForeignUserinfo),
        };
        trace.check(Rule::Userinfo, same)?;
        add(rules, &mut self.own, userinfo);
        self.alone(rules, trace)
    }

    /// The identity with the names of `known`, if that is the same person: what was found out
    /// about them before.
    pub fn named_like(&self, known: &Identity) -> Option<Identity> {
        let unnamed = self.identity.clone();
        let is_same = unnamed.issuer() == known.issuer() && unnamed.subject == known.subject;
        is_same.then(|| Identity {
            username: known.username.clone(),
            groups: known.groups.clone(),
            has_counted_groups: known.has_counted_groups,
            ..unnamed
        })
    }
}

/// The claims that userinfo would be asked for, had a token these claims.
pub fn lacking_claims<'r>(
    rules: &'r config::Provider,
    claims: &Map<String, Value>,
) -> Vec<&'r str> {
    lacking(rules, Claims::new(claims))
}

fn named(
    rules: &config::Provider,
    claims: Claims<'_>,
    unnamed: Identity,
    trace: &mut Trace,
) -> Result<Identity, TokenFault> {
    Ok(Identity {
        username: trace.check(Rule::UserName, names::username(rules, claims))?,
        groups: trace.check(Rule::Groups, names::groups(rules, claims))?,
        has_counted_groups: rules.needs_groups,
        ..unnamed
    })
}

/// The claims that count under `rules` and that `claims` lack, among those that userinfo may
/// add. Groups that no grant looks at do not count, and of the user's names one is enough.
fn lacking<'r>(rules: &'r config::Provider, claims: Claims<'_>) -> Vec<&'r str> {
    let wanted = lacking_names(rules, claims);
    let mut names: Vec<&str> = wanted.iter().map(|claim| claim.as_str()).collect();
    let named = rules
        .username_claims
        .iter()
        .find(|claim| claims.named(claim).is_some());
    let is_address = match named {
        Some(claim) => claim.as_str() == EMAIL,
        None => names.contains(&EMAIL),
    };
    if is_address && is_absent(claims.find(EMAIL_VERIFIED)) {
        names.push(EMAIL_VERIFIED);
    }
    names
}

/// The same without what is said of an address. A nested address is none of them: whether it is
/// verified would have to be said beside it.
fn lacking_names<'r>(rules: &'r config::Provider, claims: Claims<'_>) -> Vec<&'r ClaimName> {
    let is_there = |claim: &&ClaimName| claims.named(claim).is_some();
    let names = &rules.username_claims;
    let mut wanted: Vec<&ClaimName> = match names.iter().find(is_there) {
        Some(_) => Vec::new(),
        None => names.iter().collect(),
    };
    let groups = &rules.groups_claim;
    if rules.needs_groups && !names.contains(groups) && !is_there(&groups) {
        wanted.push(groups);
    }
    wanted.retain(|claim| {
        let is_address = claim.last() == EMAIL && !claim.is_top_level();
        !PROTOCOL.contains(&claim.top()) && !is_address
    });
    wanted
}

/// Adds what is lacking. What the token says itself always counts more: it is signed, and
/// userinfo is not.
fn add(rules: &config::Provider, own: &mut Map<String, Value>, userinfo: &Map<String, Value>) {
    let before = own.clone();
    let wanted = lacking(rules, Claims::new(&before));
    let all = Claims::new(userinfo);
    for claim in lacking_names(rules, Claims::new(&before)) {
        if let Some(value) = all.named(claim) {
            claim.put(value.clone(), own);
        }
    }
    if !rules
        .username_claims
        .iter()
        .any(|claim| claim.as_str() == EMAIL)
    {
        return;
    }
    // Whether an address is verified is said of that very address, and by whoever named it.
    let said = |name: &str| userinfo.get(name).filter(|value| !value.is_null());
    let is_same = own.get(EMAIL).is_some() && own.get(EMAIL) == said(EMAIL);
    let was_added = wanted.contains(&EMAIL);
    let is_denied =
        !is_absent(before.get(EMAIL_VERIFIED)) && !names::is_yes(before.get(EMAIL_VERIFIED));
    if is_same && !is_denied && (was_added || wanted.contains(&EMAIL_VERIFIED)) {
        match said(EMAIL_VERIFIED) {
            Some(value) => own.insert(EMAIL_VERIFIED.to_owned(), value.clone()),
            None => own.remove(EMAIL_VERIFIED),
        };
    }
}

/// OpenID Connect Core section 5.3.2: what is not said is left out, by some as null.
fn is_absent(value: Option<&Value>) -> bool {
    matches!(value, None | Some(Value::Null))
}

pub(super) const EMAIL: &str = "email";

pub(super) const EMAIL_VERIFIED: &str = "email_verified";

/// Claims that say what a token is rather than who somebody is: never taken from userinfo, also
/// where the configuration makes one of them the user's name or groups.
const PROTOCOL: [&str; 24] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "azp",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "sid",
    "at_hash",
    "c_hash",
    "client_id",
    "scope",
    "cnf",
    "events",
    "typ",
    "active",
    "token_type",
    "_claim_names",
    "_claim_sources",
];
