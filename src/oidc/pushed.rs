//! Pushed authorization requests (RFC 9126): the browser carries a reference instead.
#[cfg(test)]
mod tests;

use super::{
    OidcError,
    client_auth::ClientAuth,
    json,
    remote::{Discovered, Remote},
};
use http::StatusCode;
use std::time::Duration;
use url::Url;

impl Remote {
    /// Sends the parameters that `authorization` has beyond those of the provider's endpoint to
    /// the provider, if it takes that, so that nobody on the browser's way reads or changes
    /// them. The URL that the browser gets then; without such an endpoint the same.
    ///
    /// # Errors
    /// Refused, unreachable or nonsense: never the open way instead, which whoever disturbs
    /// this one could bring about.
    pub(super) async fn pushed(
        &self,
        discovered: &Discovered,
        authorization: Url,
    ) -> Result<Url, OidcError> {
        let metadata = &discovered.metadata;
        let Some(endpoint) = &metadata.pushed_authorization_request_endpoint else {
            return match metadata.require_pushed_authorization_requests {
                true => {
                    Err(self.nonsense("its metadata requires pushed requests and has no endpoint"))
                }
                false => Ok(authorization),
            };
        };
        let mut url = metadata.authorization_endpoint.url().clone();
        let own = url.query_pairs().count();
        // Beside other ways of authentication the client's name is in the form already.
        let is_named = !matches!(discovered.client_auth, ClientAuth::Basic(_));
        let mut pairs: Vec<(String, String)> =
            authorization.query_pairs().into_owned().skip(own).collect();
        pairs.retain(|(name, _)| !(is_named && name == "client_id"));
        let form: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let place = tokio::time::timeout(MAX_WAIT, self.pushes.acquire());
        let Ok(Ok(_place)) = place.await else {
            return Err(self.busy("too many pushed requests at once"));
        };
        let answer = self.post(discovered, endpoint, &form).await?;
        if ![StatusCode::CREATED, StatusCode::OK].contains(&answer.status()) {
            return Err(self.refusal("pushed authorization request endpoint", &answer));
        }
        let reference = reference(answer.body());
        let reference =
            reference.ok_or_else(|| self.nonsense("its pushed request has no request_uri"))?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.config.client_id)
            .append_pair("request_uri", &reference);
        Ok(url)
    }
}

/// `request_uri`, if it can be one. `expires_in` is not needed: the browser goes there at once.
fn reference(body: &[u8]) -> Option<String> {
    let members = json::object(body)?;
    let reference = members.get("request_uri")?.as_str()?;
    let fits = (1..=LONGEST).contains(&reference.len());
    (fits && reference.bytes().all(|byte| byte.is_ascii_graphic())).then(|| reference.to_owned())
}

/// A URN with a random part; longer ones would make no URL that every browser takes.
const LONGEST: usize = 1024;

/// Requests under way at most: anybody may begin a sign-in, so a flood of those must be to the
/// provider no more than one busy application.
pub(super) const MAX_PUSHES: usize = 32;

/// Longest wait for a place among them: providers answer in a fraction of it.
const MAX_WAIT: Duration = Duration::from_secs(2);
