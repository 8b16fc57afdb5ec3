//! What a session remembers of a sign-in.
use super::ended::names;
use crate::{
    ocient::OcientToken, oidc::Identity, secret::Secret, session::Record, token_kind::TokenKind,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// The record of a session. Its serialised form holds secrets in the clear and exists only
/// inside the sealed rows of the session store.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignedIn {
    /// Who signed in.
    pub identity: Identity,
    /// The database the sign-in was for; requests that name none use it.
    pub database: String,
    #[serde(with = "text")]
    proof: Secret,
    #[serde(with = "optional_text")]
    refresh_token: Option<Secret>,
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
}

impl SignedIn {
    pub(super) fn new(fresh: Fresh, database: String) -> Self {
        Self {
            identity: fresh.identity,
            database,
            proof: fresh.proof,
            refresh_token: fresh.refresh_token,
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

    /// The same, with the newest Ocient token.
    pub(super) fn with_token(mut self, token: &OcientToken) -> Self {
        self.ocient = Some(Stored {
            token: token.secret().clone(),
            obtained_at: token.obtained_at(),
            life: token.life(),
        });
        self
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
        held.is_some_and(|held| held.token.matches(token.secret().expose()))
    }
}

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
