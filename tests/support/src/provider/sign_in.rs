//! The browser's part of a sign-in: from the sidecar to the provider and back.

use http::StatusCode;

use super::Provider;
use super::authorize::{CONSENT_HEADER, USER_HEADER};
use crate::client::{Answer, Client, ClientError, RequestBuilder};

impl Provider {
    /// Signs the preset user in: follows all redirects from `start_url` (at the sidecar) through the
    /// provider, with the client's cookies, and returns the answer of the callback, or of the page that
    /// the callback redirects to. If the provider shows its form, the form is filled in.
    ///
    /// # Panics
    /// When a request gets no answer.
    pub async fn sign_in(&self, client: &Client, start_url: &str) -> Answer {
        let user = self.shared.lock().preset.clone();
        self.sign_in_as(client, start_url, &user).await
    }

    /// The same for this user, whatever the preset is; so several can sign in at a time.
    ///
    /// # Panics
    /// When a request gets no answer or there is no such user.
    pub async fn sign_in_as(&self, client: &Client, start_url: &str, user: &str) -> Answer {
        self.walk(client.get(start_url), client, user).await
    }

    /// The same from a request, e.g. one with `Accept: text/html`, which all requests then have.
    ///
    /// # Panics
    /// When a request gets no answer or there is no such user.
    pub async fn walk(&self, start: RequestBuilder, client: &Client, user: &str) -> Answer {
        let walked = self.try_walk(start, client, user, &[]).await;
        walked.unwrap_or_else(|error| panic!("the sign-in broke off: {error:?}"))
    }

    /// The same, but the person refuses at the provider.
    ///
    /// # Panics
    /// When a request gets no answer.
    pub async fn refuse(&self, start: RequestBuilder, client: &Client) -> Answer {
        let refusal = [(CONSENT_HEADER, "refuse")];
        let walked = self.try_walk(start, client, "alice", &refusal).await;
        walked.unwrap_or_else(|error| panic!("the refused sign-in broke off: {error:?}"))
    }

    async fn try_walk(
        &self,
        start: RequestBuilder,
        client: &Client,
        user: &str,
        extra: &[(&str, &str)],
    ) -> Result<Answer, ClientError> {
        let password = self
            .shared
            .lock()
            .user(user)
            .map(|user| user.password.clone());
        let password = password.unwrap_or_else(|| panic!("the provider knows no user {user}"));
        let issuer = self.issuer();
        // The provider alone gets to see the test's wishes.
        let wishes = |request: RequestBuilder| {
            if !request.url().starts_with(issuer) {
                return request;
            }
            let request = request.header(USER_HEADER, user);
            let add =
                |request: RequestBuilder, (name, value): &(&str, &str)| request.header(name, value);
            extra.iter().fold(request, add)
        };
        let accept = start.header_value(http::header::ACCEPT);
        let answer = start.follow_with(wishes).await?;
        let is_form = answer.status == StatusCode::OK && answer.url.starts_with(issuer);
        if !is_form {
            return Ok(answer);
        }
        let choice = if extra.is_empty() { "allow" } else { "refuse" };
        let fields = [
            ("username", user),
            ("password", &password),
            ("choice", choice),
        ];
        let mut form = client.post(&answer.url).form(&fields);
        if let Some(accept) = accept {
            form = form.accept(&accept);
        }
        form.follow().await
    }
}
