//! `TokenForm`: what a provider's brought tokens look like, where that is not what RFC 9068 says.
use super::{
    fault::Fault,
    section::Section,
    values::{choice, string, text},
};

/// The keys of a `[[provider]]` that say so. Each takes more tokens than without it.
#[derive(Clone, Debug, Default)]
pub struct TokenForm {
    /// Which JWTs are access tokens; default those of RFC 9068.
    pub access_tokens: AccessTokens,
    /// Parties whose access tokens are taken where `aud` names none of ours; default none.
    pub authorized_parties: Vec<String>,
    /// What `iss` may be in them besides the issuer, byte for byte; default nothing.
    pub token_issuers: Vec<String>,
}

/// How access tokens are told from ID tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessTokens {
    /// By `typ`, which is `at+jwt` (RFC 9068 section 2.1).
    #[default]
    Rfc9068,
    /// Also by claims that only they have, where `typ` is `JWT` or missing.
    Jwt,
}

impl TokenForm {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let kinds = choice(&[
            ("rfc9068", AccessTokens::Rfc9068),
            ("jwt", AccessTokens::Jwt),
        ]);
        // RFC 9068: without its `typ` an ID token could pass for an access token.
        let access_tokens = section.defaulted("access_tokens", "'rfc9068'", kinds);
        let authorized_parties = section.list("authorized_parties", "[]", string(text));
        let token_issuers = section.list("token_issuers", "[]", string(token_issuer));
        Some(Self {
            access_tokens: access_tokens?,
            authorized_parties: authorized_parties?,
            token_issuers: token_issuers?,
        })
    }
}

/// Plain text: nothing is fetched from there, so `http://` does no harm, and neither does what is no
/// URL. A placeholder of somebody's documentation would match no token.
fn token_issuer(written: &str) -> Result<String, Fault> {
    let issuer = text(written)?;
    match issuer.contains(['{', '}', '*', '<', '>']) {
        true => Err(
            Fault::new("a placeholder, but issuers are compared as they are")
                .cure("copy `iss` from one of the tokens"),
        ),
        false => Ok(issuer),
    }
}
