//! `Trace`: which rules a token was held against, and the one that it broke.
use super::Taken;
use crate::oidc::TokenFault;

/// One rule for tokens. The order is that in which they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Compact JWS of bounded size, two JSON objects with unique members, no `crit`.
    Form,
    /// `typ` is that of the kind of token that is expected.
    Type,
    /// `alg` is one of the configured algorithms.
    Algorithm,
    /// A key of the provider, made for `alg`, signed it.
    Signature,
    /// `iss` is the configured issuer, byte for byte.
    Issuer,
    /// No `events`: it is no logout token.
    NoEvent,
    /// No `cnf`: it is not bound to a key.
    NoKeyBinding,
    /// The claims are of the kind of token that is expected.
    Kind,
    /// `aud` names us, and the token was issued to us.
    Audience,
    /// An ID token says when it was issued.
    IssuedAt,
    /// `exp`, `nbf` and `iat` allow it now.
    Lifetime,
    /// `nonce` is that of the sign-in.
    Nonce,
    /// `auth_time` is as young as `max_age` demands.
    SignedInAt,
    /// `acr` is one of `acr_values`.
    WayOfSignIn,
    /// `at_hash` is of the access token that came with it.
    AccessTokenHash,
    /// `c_hash` is of the code that it came for.
    CodeHash,
    /// `sub` is a name.
    Subject,
    /// `sid`, if there, is a name.
    ProviderSession,
    /// A refreshed token is for whom, from whom and of when the sign-in was.
    Lineage,
    /// Userinfo, where it was asked, speaks of the same `sub`.
    Userinfo,
    /// The configured claim has the user's name.
    UserName,
    /// The configured claim, if there, has the names of groups.
    Groups,
}

impl Rule {
    /// All, in their order.
    pub const ALL: [Self; 22] = [
        Self::Form,
        Self::Type,
        Self::Algorithm,
        Self::Signature,
        Self::Issuer,
        Self::NoEvent,
        Self::NoKeyBinding,
        Self::Kind,
        Self::Audience,
        Self::IssuedAt,
        Self::Lifetime,
        Self::Nonce,
        Self::SignedInAt,
        Self::WayOfSignIn,
        Self::AccessTokenHash,
        Self::CodeHash,
        Self::Subject,
        Self::ProviderSession,
        Self::Lineage,
        Self::Userinfo,
        Self::UserName,
        Self::Groups,
    ];

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Type => "type",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::NoEvent => "no event",
            Self::NoKeyBinding => "no key binding",
            Self::Kind => "kind",
            Self::Audience => "audience",
            Self::IssuedAt => "issued at",
            Self::Lifetime => "lifetime",
            Self::Nonce => "nonce",
            Self::SignedInAt => "signed in at",
            Self::WayOfSignIn => "way of sign-in",
            Self::AccessTokenHash => "access token hash",
            Self::CodeHash => "code hash",
            Self::Subject => "subject",
            Self::UserName => "user name",
            Self::Groups => "groups",
            Self::ProviderSession => "provider session",
            Self::Lineage => "lineage",
            Self::Userinfo => "userinfo",
        }
    }

    /// The document and section that demands it.
    pub fn source(self) -> &'static str {
        match self {
            Self::Form => "RFC 7515 sections 4, 4.1.11, 7.1",
            Self::Type => "RFC 8725 section 3.11, RFC 9068 section 4",
            Self::Algorithm => "RFC 8725 sections 3.1, 3.2",
            Self::Signature => "RFC 7515 section 5.2, RFC 8725 section 3.3",
            Self::Issuer => "OpenID Connect Core section 3.1.3.7, RFC 8725 section 3.8",
            Self::NoEvent => "RFC 8417 section 4.6",
            Self::NoKeyBinding => "RFC 7800 section 3.1, RFC 8705 section 3, RFC 9449 section 7",
            Self::Kind => "RFC 8725 section 3.12",
            Self::Audience => "OpenID Connect Core section 3.1.3.7, RFC 9068 section 4",
            Self::IssuedAt => "OpenID Connect Core section 2",
            Self::Lifetime => "RFC 7519 sections 4.1.4, 4.1.5",
            Self::Nonce => "OpenID Connect Core section 3.1.3.7",
            Self::SignedInAt => "OpenID Connect Core section 3.1.3.7",
            Self::WayOfSignIn => "OpenID Connect Core section 3.1.3.7",
            Self::AccessTokenHash => "OpenID Connect Core section 3.1.3.8",
            Self::CodeHash => "OpenID Connect Core section 3.3.2.11",
            Self::Subject => "OpenID Connect Core section 2",
            Self::UserName => "configuration, username_claim",
            Self::Groups => "configuration, groups_claim",
            Self::ProviderSession => "OpenID Connect Back-Channel Logout section 2.1",
            Self::Lineage => "OpenID Connect Core section 12.2",
            Self::Userinfo => "OpenID Connect Core section 5.3.2",
        }
    }
}

/// What was checked so far. Every rule runs through it, so none can be left out of it; it takes
/// no memory but its own.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    outcomes: [Option<Result<(), TokenFault>>; Rule::ALL.len()],
    taken: Option<Taken>,
}

impl Trace {
    /// Notes how `rule` ended.
    ///
    /// # Errors
    /// The same as `outcome`'s.
    pub(in crate::oidc) fn check<T>(
        &mut self,
        rule: Rule,
        outcome: Result<T, TokenFault>,
    ) -> Result<T, TokenFault> {
        self.outcomes[rule as usize] = Some(outcome.as_ref().map(drop).map_err(TokenFault::clone));
        outcome
    }

    /// How `rule` ended; `None` if it was not asked, either because an earlier one was broken
    /// or because it is for other tokens.
    pub fn outcome(&self, rule: Rule) -> Option<Result<(), TokenFault>> {
        self.outcomes[rule as usize].clone()
    }

    /// The rules that were found broken, in their order.
    pub fn broken(&self) -> impl Iterator<Item = Rule> {
        let is_broken = |rule: &Rule| matches!(self.outcomes[*rule as usize], Some(Err(_)));
        Rule::ALL.into_iter().filter(is_broken)
    }

    /// What the token was taken for, and why, where a client brought it.
    pub fn taken(&self) -> Option<Taken> {
        self.taken
    }

    pub(super) fn take(&mut self, taken: Option<Taken>) {
        self.taken = taken;
    }

    /// `fault` with what the token was taken for, where that may be why.
    pub(in crate::oidc) fn explained(&self, fault: TokenFault) -> TokenFault {
        let depends = matches!(
            fault,
            TokenFault::Type
                | TokenFault::Audience
                | TokenFault::AuthorizedParty
                | TokenFault::Claim(_)
        );
        match self.taken {
            Some(taken) if depends => TokenFault::AsTaken(fault.into(), taken),
            _ => fault,
        }
    }

    /// Whether the signature was found good, so that the claims are the provider's own words.
    pub fn is_signed(&self) -> bool {
        self.outcomes[Rule::Signature as usize] == Some(Ok(()))
    }
}
