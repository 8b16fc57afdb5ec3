//! A sign-in taken step by step, and other things that many tests do.
use super::{Settings, Site, secrets::note};
use serde_json::{Value, json};
use sidecar_testkit::{
    client::{Answer, Client, RequestBuilder},
    provider::TokenBuilder,
    sql_node::RETAIL,
};
use std::{fs, path::PathBuf};
use url::Url;

/// The session cookie.
pub(crate) const SESSION_COOKIE: &str = "__Host-ocient_session";
/// What the cookies of attempts to sign in begin with.
pub(crate) const LOGIN_COOKIE: &str = "__Host-ocient_login_";

impl Site {
    /// With the default settings, but for the patience with clients that guess.
    pub(crate) async fn patient() -> Self {
        Self::with(|settings| settings.set("limits", "failed_signins_per_client", "1000000")).await
    }

    /// As [`Self::patient`], for clients that make their credentials up.
    pub(crate) async fn fuzzed(change: impl FnOnce(&mut Settings)) -> Self {
        let mut site = Self::with(|settings| {
            settings.set("limits", "failed_signins_per_client", "1000000");
            change(settings);
        })
        .await;
        site.is_fuzzed = true;
        site
    }

    /// The running sidecar's configuration, written to a file.
    pub(crate) fn configuration(&self) -> PathBuf {
        let path = self.folder.path().join("config.toml");
        fs::write(&path, self.settings.text(self.port())).unwrap();
        path
    }

    /// Begins a sign-in at the sidecar with this query string.
    pub(crate) async fn begin(&self, client: &Client, query: &str) -> Answer {
        let url = self.url(&format!("/v1/sso_authentication?{query}"));
        client.get(&url).send().await.unwrap()
    }

    /// Goes where `begun` redirects to and signs alice in there. The URL that the provider
    /// sends the browser back to; not visited yet.
    pub(crate) async fn at_provider(&self, client: &Client, begun: &Answer) -> Url {
        assert_eq!(begun.status, 302, "{}", begun.text());
        let location = begun.header("location").unwrap();
        let answer = client.get(location).send().await.unwrap();
        assert_eq!(answer.status, 303, "{}", answer.text());
        let back = Url::parse(answer.header("location").unwrap()).unwrap();
        for name in ["code", "state"] {
            note(&parameter(back.as_str(), name).unwrap_or_default());
        }
        back
    }

    /// Begins a sign-in to the retail database and signs alice in at the provider. What is left
    /// to do is to visit the URL.
    pub(crate) async fn nearly_signed_in(&self, client: &Client) -> Url {
        let begun = self.begin(client, &format!("database={RETAIL}")).await;
        self.at_provider(client, &begun).await
    }

    /// A query with this credential in `Authorization`.
    pub(crate) async fn query_as(&self, token: &str) -> Answer {
        note(token);
        let client = self.client();
        self.query(&client).bearer(token).send().await.unwrap()
    }

    /// `POST /v1/sso_token` of an ID token for the retail database.
    pub(crate) async fn exchange(&self, id_token: &str) -> Answer {
        note(id_token);
        let body = json!({"database": RETAIL, "id_token": id_token});
        self.sso_token(body).await
    }

    /// A token of alice, changed by `change`.
    pub(crate) fn token(&self, change: impl FnOnce(TokenBuilder) -> TokenBuilder) -> String {
        let token = change(self.provider.mint().id_token()).build();
        note(&token);
        token
    }

    /// A POST with a session token.
    pub(crate) fn post_as(&self, token: &str, path: &str) -> RequestBuilder {
        self.client().post(&self.url(path)).bearer(token)
    }

    /// The session token in the jar of a client that signed in.
    pub(crate) fn session_cookie(&self, client: &Client) -> String {
        let cookie = client.cookies().find(SESSION_COOKIE);
        let value = cookie.expect("the client has signed in").value;
        note(&value);
        value
    }
}

/// The same URL with the parameter `name` set to `value`, or left out.
pub(crate) fn with_parameter(url: &Url, name: &str, value: Option<&str>) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| key != name)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let mut url = url.clone();
    let mut pairs = url.query_pairs_mut();
    pairs.clear().extend_pairs(kept);
    pairs.extend_pairs(value.map(|value| (name, value)));
    drop(pairs);
    url
}

/// The value of a URL's parameter.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    let mut pairs = url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Asserts that `answer` is a refusal of ours with this HTTP status and code of Ocient's.
#[track_caller]
pub(crate) fn assert_refused(answer: &Answer, status: u16, vendor_code: i64, case: &str) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let found = (
        answer.status.as_u16(),
        body["status"]["vendor_code"].as_i64(),
    );
    assert_eq!(
        found,
        (status, Some(vendor_code)),
        "{case}: {}",
        String::from_utf8_lossy(&answer.body)
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    let sets_session = answer.headers.get_all("set-cookie").iter().any(|cookie| {
        let cookie = String::from_utf8_lossy(cookie.as_bytes());
        cookie.starts_with(&format!("{SESSION_COOKIE}=ocs_"))
    });
    assert!(!sets_session, "{case}: a refusal must begin no session");
}
