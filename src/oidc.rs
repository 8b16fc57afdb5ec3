//! OpenID Connect: finds out who somebody is, and believes only what a signature proves.
//!
//! ```text
//! Provider ── discovery ─▶ metadata, keys          (kept fresh in the background)
//!    │
//!    ├─ authorization_url ─▶ browser ─▶ check_response_issuer ─▶ redeem ─┐
//!    └─ verify ◀── a token that a client brings                          │
//!         └── jws (looks right) ─▶ keys (signature) ─▶ verify (rules) ◀──┘
//!                                                        └─▶ Identity, or Lacking ─▶ userinfo
//! ```
mod algorithm;
mod assertion;
mod claims;
mod client_auth;
mod client_key;
mod connect;
mod device;
mod documents;
mod end_session;
mod error;
mod freshness;
mod introspection;
mod json;
mod jws;
mod keys;
mod latest;
mod metadata;
#[cfg(test)]
mod mint;
mod oddities;
mod owner;
mod provider;
mod pushed;
mod redemption;
mod registration;
mod remote;
mod renewal;
mod revocation;
mod sign_in;
#[cfg(test)]
pub(crate) mod stand_in;
mod token_answer;
mod token_endpoint;
mod trouble;
mod upkeep;
mod userinfo;
mod verify;

pub use client_auth::ClientCredentials;
pub use client_key::{ClientKey, UnusableKey};
pub use connect::Tokens;
pub use device::DeviceAuthorization;
pub use end_session::{LogoutHint, Return};
pub use error::{Cause, OAuthError, OidcError, TokenFault};
pub use jws::{unverified_issuer, unverified_parts};
pub use keys::KeysVersion;
pub use owner::Owner;
pub use provider::Provider;
pub use redemption::RedemptionError;
pub use registration::Registration;
pub use renewal::Renewed;
pub use sign_in::{Attempt, SignIn};
pub use trouble::Trouble;
pub use verify::{
    Expect, Identity, Lacking, LogoutToken, Proof, Rule, Said, Taken, Trace, Whose, lacking_claims,
};
