//! `Identity`: the proof that a token was verified.
use super::lineage::Lineage;
use crate::token_kind::TokenKind;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::SystemTime};

/// Who the caller is, proven by a verified token. Made only by the verifier, or read back
/// from a sealed record that held one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub(super) provider: Arc<str>,
    pub(super) issuer: Arc<str>,
    /// Empty in a record that did not keep it, which then fits no application.
    #[serde(default)]
    pub(super) client_id: Arc<str>,
    pub(super) subject: Box<str>,
    pub(super) username: Arc<str>,
    pub(super) groups: Vec<String>,
    pub(super) issued_at: Option<SystemTime>,
    /// By our clock.
    #[serde(default)]
    pub(super) asked_at: Option<SystemTime>,
    pub(super) expires_at: SystemTime,
    pub(super) sid: Option<Box<str>>,
    pub(super) token_kind: TokenKind,
    /// Boxed: most tokens, of which a hundred thousand are remembered, have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lineage: Option<Box<Lineage>>,
}

impl Identity {
    /// Name of the provider in config.toml.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The token's `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Our application by whose rules the token was judged.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The token's `sub`: unique and never reassigned within the issuer.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What `username_claim` says.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The same, shared: for whoever keeps it longer than the identity.
    pub fn shared_username(&self) -> Arc<str> {
        self.username.clone()
    }

    /// What `groups_claim` says; empty if the token has no such claim.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The token's `iat`; an access token may lack it.
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.issued_at
    }

    /// When the provider was asked about the token, where it had to be.
    pub fn asked_at(&self) -> Option<SystemTime> {
        self.asked_at
    }

    /// From this instant on the token proves nothing: its `exp` plus the provider's
    /// `clock_skew`.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The provider's own session, if the token names one.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Which kind of token proved it.
    pub fn token_kind(&self) -> TokenKind {
        self.token_kind
    }

    /// Whether the token has ended at `now`; the expiry instant itself counts as ended
    /// (`exp`: "on or after which", RFC 7519 section 4.1.4).
    pub fn is_expired(&self, now: SystemTime) -> bool {
        now >= self.expires_at
    }
}

/// Names the person and no more: groups and provider sessions are nobody's business in a log.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("provider", &self.provider)
            .field("subject", &self.subject)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
