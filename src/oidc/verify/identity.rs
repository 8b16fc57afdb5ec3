//! `Identity`: the proof that a token was verified.
use super::{
    kept::{Kept, Said},
    lineage::Lineage,
};
use crate::{
    config::{self, ClaimName},
    token_kind::TokenKind,
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::SystemTime};

/// Who the caller is, proven by a verified token. Made only by the verifier, or read back
/// from a sealed record that held one.
///
/// Small, since a hundred thousand are remembered: what many have in common is shared, and what
/// most lack is beside the rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Identity {
    pub(super) origin: Arc<Origin>,
    pub(super) subject: Box<str>,
    pub(super) username: Arc<str>,
    pub(super) groups: Box<[String]>,
    pub(super) issued_at: Option<SystemTime>,
    pub(super) expires_at: SystemTime,
    pub(super) extras: Option<Box<Extras>>,
    pub(super) token_kind: TokenKind,
    pub(super) has_counted_groups: bool,
}

/// By whose rules an identity was proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::oidc) struct Origin {
    provider: Arc<str>,
    issuer: Arc<str>,
    client_id: Arc<str>,
}

/// What most identities lack.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Extras {
    asked_at: Option<SystemTime>,
    sid: Option<Box<str>>,
    lineage: Option<Lineage>,
    claims: Box<[Kept]>,
}

/// An identity as it is made, and as it is written in a record.
#[derive(Serialize, Deserialize)]
pub(super) struct Parts {
    pub(super) provider: Arc<str>,
    pub(super) issuer: Arc<str>,
    /// Empty in a record that did not keep it, which then fits no application.
    #[serde(default)]
    pub(super) client_id: Arc<str>,
    pub(super) subject: Box<str>,
    pub(super) username: Arc<str>,
    pub(super) groups: Box<[String]>,
    pub(super) issued_at: Option<SystemTime>,
    /// By our clock.
    #[serde(default)]
    pub(super) asked_at: Option<SystemTime>,
    pub(super) expires_at: SystemTime,
    pub(super) sid: Option<Box<str>>,
    pub(super) token_kind: TokenKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lineage: Option<Lineage>,
    /// Not in a record from before any grant looked at groups.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) has_counted_groups: bool,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub(super) claims: Box<[Kept]>,
}

impl From<Parts> for Identity {
    fn from(parts: Parts) -> Self {
        let extras = Extras {
            asked_at: parts.asked_at,
            sid: parts.sid,
            lineage: parts.lineage,
            claims: parts.claims,
        };
        Self {
            origin: Arc::new(Origin {
                provider: parts.provider,
                issuer: parts.issuer,
                client_id: parts.client_id,
            }),
            subject: parts.subject,
            username: parts.username,
            groups: parts.groups,
            issued_at: parts.issued_at,
            expires_at: parts.expires_at,
            extras: (extras != Extras::default()).then(|| extras.into()),
            token_kind: parts.token_kind,
            has_counted_groups: parts.has_counted_groups,
        }
    }
}

impl From<Identity> for Parts {
    fn from(identity: Identity) -> Self {
        let extras = identity.extras.map(|extras| *extras).unwrap_or_default();
        Self {
            provider: identity.origin.provider.clone(),
            issuer: identity.origin.issuer.clone(),
            client_id: identity.origin.client_id.clone(),
            subject: identity.subject,
            username: identity.username,
            groups: identity.groups,
            issued_at: identity.issued_at,
            asked_at: extras.asked_at,
            expires_at: identity.expires_at,
            sid: extras.sid,
            token_kind: identity.token_kind,
            lineage: extras.lineage,
            has_counted_groups: identity.has_counted_groups,
            claims: extras.claims,
        }
    }
}

impl Origin {
    /// Of all identities that are proven by `rules`.
    pub(in crate::oidc) fn of(rules: &config::Provider) -> Self {
        Self {
            provider: rules.name.clone(),
            issuer: rules.issuer.clone(),
            client_id: rules.client_id.clone(),
        }
    }
}

impl Identity {
    /// Name of the provider in config.toml.
    pub fn provider(&self) -> &str {
        &self.origin.provider
    }

    /// The token's `iss`.
    pub fn issuer(&self) -> &str {
        &self.origin.issuer
    }

    /// Our application by whose rules the token was judged.
    pub fn client_id(&self) -> &str {
        &self.origin.client_id
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

    /// Whether a grant looked at groups when the token was judged: else some that it is in may be
    /// missing, since what could not be read kept nobody out.
    pub fn has_counted_groups(&self) -> bool {
        self.has_counted_groups
    }

    /// What the token said in a claim that grants look at.
    pub fn claim(&self, name: &ClaimName) -> Said<'_> {
        let extras = self.extras.as_ref();
        extras.map_or(Said::Unkept, |extras| Kept::find(&extras.claims, name))
    }

    /// The token's `iat`; an access token may lack it.
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.issued_at
    }

    /// When the provider was asked about the token, where it had to be.
    pub fn asked_at(&self) -> Option<SystemTime> {
        self.extras.as_ref()?.asked_at
    }

    /// From this instant on the token proves nothing: its `exp` plus the provider's
    /// `clock_skew`.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The provider's own session, if the token names one.
    pub fn sid(&self) -> Option<&str> {
        self.extras.as_ref()?.sid.as_deref()
    }

    /// What a refresh of its token may not change.
    pub(super) fn lineage(&self) -> Option<&Lineage> {
        self.extras.as_ref()?.lineage.as_ref()
    }

    /// With `origin` instead of a copy of its own.
    pub(super) fn sharing(mut self, origin: &Arc<Origin>) -> Self {
        if self.origin == *origin {
            self.origin = origin.clone();
        }
        self
    }

    /// The identity that a refresh proved in place of `before`. What grants look at and only `before` had
    /// counts as not kept: it gives nothing, and a grant that denies asks for a new sign-in.
    #[must_use]
    pub fn following(mut self, before: &Self) -> Self {
        let had_no_groups = before.has_counted_groups && before.groups.is_empty();
        self.has_counted_groups &= had_no_groups || !self.groups.is_empty();
        if let Some(extras) = &mut self.extras {
            let earlier = before.extras.as_ref().map(|extras| &*extras.claims);
            let claims = std::mem::take(&mut extras.claims);
            extras.claims = Kept::following(claims, earlier.unwrap_or_default());
        }
        self
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
            .field("provider", &self.provider())
            .field("subject", &self.subject)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn alice(sid: Option<&str>) -> Value {
        let at = |second| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
        json!({
            "provider": "corp", "issuer": "https://x", "client_id": "ocient", "subject": "s",
            "username": "alice", "groups": ["a", "b"], "issued_at": at(1), "asked_at": at(2),
            "expires_at": at(3), "sid": sid, "token_kind": "Id",
        })
    }

    fn read(written: &Value) -> Identity {
        serde_json::from_value(written.clone()).unwrap()
    }

    #[test]
    fn is_written_as_it_is_read() {
        for sid in [None, Some("s-1")] {
            let identity = read(&alice(sid));
            assert_eq!(serde_json::to_value(&identity).unwrap(), alice(sid));
            assert_eq!(identity.sid(), sid);
            assert!(identity.asked_at() < Some(identity.expires_at()));
        }
        let mut old = alice(None);
        for name in ["client_id", "asked_at"] {
            old.as_object_mut().unwrap().remove(name);
        }
        assert_eq!((read(&old).client_id(), read(&old).asked_at()), ("", None));
    }

    #[test]
    fn shares_an_origin_only_if_it_is_the_same() {
        let ours = read(&alice(None)).origin;
        let shared = read(&alice(Some("s-1"))).sharing(&ours);
        assert!(Arc::ptr_eq(&shared.origin, &ours));
        for name in ["provider", "issuer", "client_id"] {
            let mut other = alice(None);
            other[name] = json!("other");
            let other = read(&other);
            assert!(other == other.clone().sharing(&ours), "{name}");
        }
    }

    #[test]
    fn what_a_refresh_leaves_out_is_unknown_and_what_it_repeats_is_known() {
        let name: ClaimName = "hd".parse().unwrap();
        let of = |groups: Value, claims: Value| {
            let mut written = alice(None);
            written["groups"] = groups;
            written["has_counted_groups"] = json!(true);
            written["claims"] = claims;
            read(&written)
        };
        let hd = |values: Value| of(json!(["a"]), json!([{"name": "hd", "values": values}]));
        let unkept = || of(json!(["a"]), json!([]));
        for (before, after, is_known) in [
            (hd(json!(["x"])), hd(json!(["y"])), true),
            (hd(json!(["x"])), hd(json!([])), false),
            (hd(json!(null)), hd(json!([])), false),
            (unkept(), hd(json!([])), false),
            (unkept(), hd(json!(["y"])), true),
            (hd(json!([])), hd(json!([])), true),
        ] {
            let is_unkept = after.following(&before).claim(&name) == Said::Unkept;
            assert_eq!(is_unkept, !is_known, "{:?}", before.claim(&name));
        }
        let groups = |names: Value| of(names, json!([]));
        for (before, after, is_counted) in [
            (groups(json!(["a"])), groups(json!(["b"])), true),
            (groups(json!(["a"])), groups(json!([])), false),
            (groups(json!([])), groups(json!([])), true),
            (read(&alice(None)), groups(json!([])), false),
        ] {
            let after = after.following(&before);
            assert_eq!(
                after.has_counted_groups(),
                is_counted,
                "{:?}",
                before.groups()
            );
        }
    }

    /// With the counts of its `Arc` it is 120 bytes, and takes 128; the next larger piece of
    /// memory that there is has 160.
    #[test]
    fn is_small() {
        assert!(size_of::<Identity>() <= 112, "{}", size_of::<Identity>());
    }
}
