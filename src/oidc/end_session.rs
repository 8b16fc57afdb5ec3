//! Where a browser ends its session at the provider (OpenID Connect RP-Initiated Logout 1.0).
use super::provider::Provider;
use crate::secret::Secret;
use url::Url;

/// How the provider learns whose session to end, so that it need not ask.
#[derive(Clone, Copy, Debug)]
pub enum LogoutHint<'a> {
    /// By the ID token of the sign-in: the URL is for the browser then, and never for a log.
    IdToken(&'a Secret),
    /// By the name of the user.
    User(&'a str),
    /// Not at all.
    Nobody,
}

/// Where the provider sends the browser afterwards.
#[derive(Clone, Debug)]
pub struct Return<'a> {
    /// Registered at the provider.
    pub redirect_uri: Url,
    /// Comes back unchanged.
    pub state: &'a str,
}

impl Provider {
    /// The URL; `None` if the provider has no such place, or is not known yet.
    pub fn end_session_url(&self, hint: LogoutHint<'_>, back: Option<&Return<'_>>) -> Option<Url> {
        let discovered = self.known()?;
        let end_session = discovered.metadata.end_session_endpoint.as_ref()?;
        let mut url = end_session.url().clone();
        let mut pairs = url.query_pairs_mut();
        match hint {
            LogoutHint::IdToken(token) => {
                pairs.append_pair("id_token_hint", token.expose());
            }
            LogoutHint::User(name) => {
                pairs.append_pair("logout_hint", name);
            }
            LogoutHint::Nobody => {}
        }
        pairs.append_pair("client_id", &self.config().client_id);
        if let Some(back) = back {
            pairs
                .append_pair("post_logout_redirect_uri", back.redirect_uri.as_str())
                .append_pair("state", back.state);
        }
        drop(pairs);
        Some(url)
    }
}
