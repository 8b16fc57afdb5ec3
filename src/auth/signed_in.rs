//! What a session remembers of a sign-in.
use super::ended::names;
use crate::{
    ocient::OcientToken, oidc::Identity, secret::Secret, session::Record, token_kind::TokenKind,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The record of a session. Its serialised form holds secrets in the clear and exists only
/// inside the sealed rows of the session store.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignedIn {
    /// Who signed in.
    pub identity: Identity,
    /// The database the sign-in was for; requests that name none use it.
    pub database: Arc<str>,
    #[serde(with = "text")]
    proof: Secret,
    #[serde(with = "optional_text")]
    refresh_token: Option<Secret>,
    /// When a refresh last brought a proof, or an answer that promises none.
    renewed_at: Option<SystemTime>,
    /// After a refresh without a new proof: the next one would bring none either before this.
    no_sooner: Option<SystemTime>,
    ocient: Option<Stored>,
}

/// A sign-in that has just been proven, not a session yet.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Who signs in.
    pub identity: Identity,
    /// The provider token.
    pub proof: Secret,
    /// The provider's refresh token, where it gave one.
    pub refresh_token: Option<Secret>,
}

/// An Ocient token as a session keeps it across restarts.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    #[serde(with = "text")]
    token: Secret,
    obtained_at: SystemTime,
    life: Duration,
}

impl Record for SignedIn {
    fn names(&self) -> Vec<Vec<u8>> {
        names(&self.identity)
    }

    /// A refresh at the provider says that the sign-in there is still good.
    fn vouched_at(&self) -> Option<SystemTime> {
        self.renewed_at
    }
}

impl SignedIn {
    pub(super) fn new(fresh: Fresh, database: Arc<str>) -> Self {
        Self {
            identity: fresh.identity,
            database,
            proof: fresh.proof,
            refresh_token: fresh.refresh_token,
            renewed_at: None,
            no_sooner: None,
            ocient: None,
        }
    }

    /// The provider token of the sign-in; the identity says of which kind.
    pub(super) fn proof(&self) -> &Secret {
        &self.proof
    }

    /// The ID token of the sign-in, if it was one.
    pub fn id_token(&self) -> Option<&Secret> {
        (self.identity.token_kind() == TokenKind::Id).then_some(&self.proof)
    }

    /// The provider's refresh token.
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// When the provider's word is to be renewed: a little before the proof ends, but not twice
    /// within `pause`. `skew` is how much longer than that a proof counts here.
    pub(super) fn renewal_due(&self, skew: Duration, pause: Duration) -> SystemTime {
        let end = self.identity.expires_at() - skew;
        let life = self
            .identity
            .issued_at()
            .and_then(|begin| end.duration_since(begin).ok());
        let due = end - EARLY.min(life.unwrap_or_default() / 5);
        let paused = self.renewed_at.map(|renewed_at| renewed_at + pause);
        [self.no_sooner, paused]
            .into_iter()
            .flatten()
            .fold(due, SystemTime::max)
    }

    /// Whether a refresh brought something within `span`.
    pub(super) fn renewed_within(&self, span: Duration, now: SystemTime) -> bool {
        self.renewed_at
            .is_some_and(|renewed_at| now < renewed_at + span)
    }

    /// Whether it was renewed since `seen`.
    pub(super) fn is_newer_than(&self, seen: &Self) -> bool {
        self.renewed_at > seen.renewed_at
    }

    /// Takes the refresh token that a refresh brought, if it is a new one. Nobody has vouched for
    /// anything by that; should no proof follow, the next refresh is not tried at once.
    pub(super) fn rotate(&mut self, refresh_token: Option<Secret>, now: SystemTime) {
        self.no_sooner = Some(now + EARLY);
        if refresh_token.is_some() {
            self.refresh_token = refresh_token;
        }
    }

    /// Takes note of a refresh that brought no newer proof, and until when the next one would
    /// bring nothing more (`life`: of the access token).
    pub(super) fn renew(&mut self, life: Option<Duration>, now: SystemTime) {
        self.renewed_at = Some(now);
        self.no_sooner = Some(now + life.unwrap_or(ASSUMED_LIFE).max(EARLY));
    }

    /// Takes a newer proof, and with it the user's present name and groups.
    pub(super) fn prove(&mut self, identity: Identity, proof: Secret, now: SystemTime) {
        self.identity = identity.following(&self.identity);
        self.proof = proof;
        self.renewed_at = Some(now);
        self.no_sooner = None;
    }

    /// The same, with the newest Ocient token.
    pub(super) fn with_token(mut self, token: &OcientToken) -> Self {
        self.keep(token);
        self
    }

    /// Keeps the newest Ocient token.
    pub(super) fn keep(&mut self, token: &OcientToken) {
        self.ocient = Some(Stored {
            token: token.secret(),
            obtained_at: token.obtained_at(),
            life: token.life(),
        });
    }

    /// The Ocient token it was kept with.
    pub(super) fn stored_token(&self) -> Option<OcientToken> {
        let Stored {
            token,
            obtained_at,
            life,
        } = self.ocient.clone()?;
        OcientToken::new(token, obtained_at, life)
    }

    /// Whether `token` is the one it was kept with.
    pub(super) fn holds(&self, token: &OcientToken) -> bool {
        let held = self.ocient.as_ref();
        held.is_some_and(|held| token.is(&held.token))
    }
}

/// How long before the end of its proof a session is renewed at most: far longer than a refresh
/// takes, and little beside the five minutes that the shortest proofs last.
const EARLY: Duration = Duration::from_secs(60);

/// Life of an access token whose provider does not say it, as of the shortest in use.
const ASSUMED_LIFE: Duration = Duration::from_secs(300);

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SignedIn({:?}, {:?})",
            self.identity.username(),
            self.database
        )
    }
}

mod text {
    use super::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

mod optional_text {
    use super::Secret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Secret::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECOND: Duration = Duration::from_secs(1);

    /// Signed in at the start of 1970, with an ID token of `life` seconds.
    fn signed_in(life: u32) -> SignedIn {
        let at = |second| serde_json::to_value(SystemTime::UNIX_EPOCH + SECOND * second).unwrap();
        let identity = json!({
            "provider": "corp", "issuer": "https://x", "subject": "s", "username": "alice",
            "groups": [], "issued_at": at(0), "expires_at": at(life + 60), "token_kind": "Id",
        });
        let fresh = Fresh {
            identity: serde_json::from_value(identity).unwrap(),
            proof: Secret::new("t"),
            refresh_token: Some(Secret::new("r")),
        };
        SignedIn::new(fresh, "system".into())
    }

    fn due(record: &SignedIn) -> u64 {
        let due = record.renewal_due(60 * SECOND, 10 * SECOND);
        due.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    }

    #[test]
    fn is_due_a_little_before_the_end_of_its_proof() {
        for (life, expected) in [(3600, 3540), (300, 240), (100, 80), (0, 0)] {
            assert_eq!(due(&signed_in(life)), expected, "{life}");
        }
    }

    #[test]
    fn is_not_due_again_at_once_after_a_refresh() {
        let now = SystemTime::UNIX_EPOCH + 1000 * SECOND;
        let mut record = signed_in(0);
        record.renew(None, now);
        assert_eq!(due(&record), 1300, "no proof, and no word of the next");
        record.renew(Some(600 * SECOND), now);
        assert_eq!(due(&record), 1600, "no proof before the access token ends");
        record.renew(Some(SECOND), now);
        assert_eq!(due(&record), 1060, "not every second");
        record.prove(signed_in(0).identity, Secret::new("u"), now);
        assert_eq!(due(&record), 1010, "a proof that has ended already");
        assert!(record.refresh_token().unwrap().matches("r"));
    }

    #[test]
    fn a_refresh_token_alone_vouches_for_nothing() {
        let mut record = signed_in(300);
        let early = SystemTime::UNIX_EPOCH + 100 * SECOND;
        record.rotate(None, early);
        assert!(record.refresh_token().unwrap().matches("r"));
        record.rotate(Some(Secret::new("s")), early);
        assert!(record.refresh_token().unwrap().matches("s"));
        assert_eq!((record.vouched_at(), due(&record)), (None, 240));
        let now = SystemTime::UNIX_EPOCH + 200 * SECOND;
        record.rotate(None, now);
        assert_eq!(due(&record), 260, "not again at once");
        record.prove(signed_in(300).identity, Secret::new("u"), now);
        assert_eq!(record.vouched_at(), Some(now));
    }
}
