//! `Registration`: our application at a provider, to which tokens were issued.
use super::{Identity, provider::Provider};
use serde::{Deserialize, Serialize};

/// What tokens belong to for as long as they live. The name of a `[[provider]]` may be given to
/// another issuer or application; what the first one issued is then shown to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Who issued them.
    pub issuer: String,
    /// To whom.
    pub client_id: String,
}

impl Provider {
    /// Our application at this provider.
    pub fn registration(&self) -> Registration {
        let config = self.config();
        Registration {
            issuer: config.issuer.to_string(),
            client_id: config.client_id.to_string(),
        }
    }

    /// Whether tokens that were issued to `registration` may be shown to it.
    pub fn has_issued_to(&self, registration: &Registration) -> bool {
        self.is_at(&registration.issuer, &registration.client_id)
    }

    /// Whether it is what proved `identity`, by the name that it has here too.
    pub fn has_proved(&self, identity: &Identity) -> bool {
        *self.config().name == *identity.provider()
            && self.is_at(identity.issuer(), identity.client_id())
    }

    fn is_at(&self, issuer: &str, client_id: &str) -> bool {
        let config = self.config();
        *config.issuer == *issuer && *config.client_id == *client_id
    }
}
