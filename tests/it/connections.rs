//! OAuth connections: a program connects with its key, its owner reads, and it ends.
use crate::site::{LOGIN_COOKIE, Settings, Site, note, parameter};
use serde_json::{Value, json};
use sidecar_testkit::{
    client::{Answer, Client},
    provider::{Lie, Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};
use std::time::Duration;
use url::Url;

/// Keys of two owners; the files are the site's.
pub(crate) const ETL: &str = "key-of-etl-0123456789abcdef";
pub(crate) const CRM: &str = "key-of-crm-0123456789abcdef";
pub(crate) const CALLBACK: &str = "/hub/integrations/oauth-callback";
pub(crate) const ALL: &str = "/hub/integrations/oauth-connections";
pub(crate) const CORP: &str = "/hub/integrations/corp/oauth-connections";

/// A connection callback, and the keys.
pub(crate) fn with_connections(settings: &mut Settings) {
    settings.set("sessions", "store", "'embedded'");
    settings.more(&format!(
        "[[callback]]\npath = '/v1/callback'\n\
         [[callback]]\npath = '{CALLBACK}'\nresponse = 'connection'\n\
         [[api_key]]\nname = 'etl'\nsecret = {{ file = 'etl-key' }}\nowner = 'etl'\n\
         [[api_key]]\nname = 'crm'\nsecret = {{ file = 'crm-key' }}\nowner = 'crm'\n"
    ));
}

/// A site with a connection callback, whose provider's access tokens live for `life`.
pub(crate) async fn connecting(life: Duration) -> Site {
    let mut options = ProviderOptions::new(&crate::site::authority());
    options.access_token_life = life;
    let provider = Provider::start(options);
    let site = Site::with_parts(provider, SqlNodeOptions::default(), with_connections).await;
    note(ETL);
    note(CRM);
    let callback = site.url(CALLBACK);
    site.provider.allow_redirect("ocient", &callback);
    site
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// The callback address that a person's consent leads to, begun by `client` with `key`, if any.
pub(crate) async fn consented(site: &Site, client: &Client, key: Option<&str>, user: &str) -> Url {
    site.provider.preset(user);
    let start = format!("/v1/sso_authentication?do_redirect=false&sso_callback_path={CALLBACK}");
    let mut start = client.get(&site.url(&start));
    if let Some(key) = key {
        start = start.header("x-api-key", key);
    }
    let begun = start.send().await.unwrap();
    assert_eq!(begun.status, 200, "{}", begun.text());
    let redirect_url = begun.json()["redirect_url"].as_str().unwrap().to_owned();
    let consent = site.client().get(&redirect_url).send().await.unwrap();
    assert_eq!(consent.status, 303, "{}", consent.text());
    let back = Url::parse(consent.header("location").unwrap()).unwrap();
    for name in ["code", "state"] {
        note(&parameter(back.as_str(), name).unwrap_or_default());
    }
    back
}

/// A request of a program with its key.
pub(crate) async fn get(client: &Client, url: &str, key: &str) -> Answer {
    let answer = client.get(url).header("x-api-key", key).send().await;
    note_tokens(answer.unwrap())
}

fn note_tokens(answer: Answer) -> Answer {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let listed = body["results"].as_array().cloned().unwrap_or_default();
    for connection in listed.iter().chain([&body]) {
        for name in ["access_token", "refresh_token"] {
            note(connection[name].as_str().unwrap_or_default());
        }
    }
    answer
}

/// A whole connection of `user`, made by the owner of `key`.
pub(crate) async fn connect(site: &Site, key: &str, user: &str) -> Value {
    let client = site.client();
    let back = consented(site, &client, Some(key), user).await;
    let answer = get(&client, back.as_str(), key).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The connections of the owner of `key`.
pub(crate) async fn listed(site: &Site, key: &str) -> Vec<Value> {
    let answer = get(&site.client(), &site.url(ALL), key).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let results = body["results"].as_array().unwrap().clone();
    assert_eq!(body["results_total"], results.len());
    results
}

/// Where a connection is ended.
pub(crate) fn path_of(connection: &Value) -> String {
    let subject = connection["subject"].as_str().unwrap();
    format!("{CORP}/{}", subject.rsplit('.').next().unwrap())
}

/// Asserts a refusal in the form of connections.
#[track_caller]
pub(crate) fn assert_error(answer: &Answer, status: u16, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    let body = answer.json();
    assert!(body["error"].is_string(), "{case}: {body}");
    assert_eq!(body.as_object().unwrap().len(), 1, "{case}: {body}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(
        answer.header("referrer-policy"),
        Some("no-referrer"),
        "{case}"
    );
}

#[tokio::test]
async fn a_program_connects_and_the_connection_was_stored_before_the_answer() {
    let mut site = connecting(HOUR).await;
    let connection = connect(&site, ETL, "alice").await;
    assert_eq!(connection["token_type"], "Bearer");
    assert_eq!(connection["sequence"], 1);
    let left = connection["expires_in"].as_u64().unwrap();
    assert!((3590..=3600).contains(&left), "{connection}");
    let expiry = connection["expiry"].as_str().unwrap();
    assert!(expiry.ends_with(".000000+00:00"), "{expiry}");
    assert!(connection["modified"].as_u64().unwrap() > 1_700_000_000);
    let subject = connection["subject"].as_str().unwrap();
    assert!(
        subject.starts_with("ms.integration.oauth.etl.corp."),
        "{subject}"
    );
    let refresh_token = connection["refresh_token"].as_str().unwrap();
    assert!(site.provider.is_refresh_token_good(refresh_token));
    let audits = site
        .log
        .wait_for("audit", 1, |line| line["event"] == "connect")
        .await;
    assert_eq!(audits[0]["identity"], "etl");

    site.stop_sidecar().await;
    site.start_sidecar().await;
    let after = listed(&site, ETL).await;
    for name in [
        "access_token",
        "refresh_token",
        "expiry",
        "sequence",
        "subject",
        "modified",
    ] {
        assert_eq!(after[0][name], connection[name], "{name}");
    }
    site.provider.allow_redirect("ocient", &site.url(CALLBACK));
    assert_eq!(
        connect(&site, ETL, "alice").await["sequence"],
        2,
        "replaced"
    );
    assert_eq!(connect(&site, ETL, "bob").await["sequence"], 3);
    assert_eq!(listed(&site, ETL).await.len(), 2);
    assert_eq!(site.node.token_exchanges().sso_token, 0, "nobody signs in");
}

#[tokio::test]
async fn the_browser_of_the_person_who_consents_uses_nothing_up() {
    let site = connecting(HOUR).await;
    let program = site.client();
    let back = consented(&site, &program, Some(ETL), "alice").await;
    let person = site.client().get(back.as_str()).accept("text/html");
    assert_error(&person.send().await.unwrap(), 401, "the person's browser");
    let keyless = program.get(back.as_str()).send().await.unwrap();
    assert_error(&keyless, 401, "the program without its key");
    assert_eq!(site.provider.fetches("token"), 0, "the code stays here");
    let bearer = program.get(back.as_str()).bearer(ETL).send().await;
    let answer = note_tokens(bearer.unwrap());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let login = program.cookies().all();
    assert!(
        login
            .iter()
            .all(|cookie| !cookie.name.starts_with(LOGIN_COOKIE))
    );
    let again = get(&program, back.as_str(), ETL).await;
    assert_error(&again, 400, "used");
}

#[tokio::test]
async fn a_link_in_a_browser_begins_a_connection_that_its_program_completes() {
    let site = connecting(HOUR).await;
    let client = site.client();
    let back = consented(&site, &client, None, "alice").await;
    assert_eq!(get(&client, back.as_str(), CRM).await.status, 200);
    assert_eq!(listed(&site, CRM).await.len(), 1);
    let wrong = client
        .get(&site.url(&format!(
            "/v1/sso_authentication?sso_callback_path={CALLBACK}"
        )))
        .header("x-api-key", "no-key-of-ours");
    assert_eq!(wrong.send().await.unwrap().status, 401);
    let plain = site.begin(&client, "database=retail_analytics").await;
    let to = parameter(plain.header("location").unwrap(), "redirect_uri");
    assert_eq!(
        to,
        Some(site.url("/v1/callback")),
        "a sign-in is the default"
    );
}

#[tokio::test]
async fn another_owners_connection_is_as_if_there_were_none() {
    let site = connecting(HOUR).await;
    let connection = connect(&site, ETL, "alice").await;
    let delete = async |path: &str, key: &str| {
        let request = site.client().delete(&site.url(path));
        request.header("x-api-key", key).send().await.unwrap()
    };
    assert!(listed(&site, CRM).await.is_empty());
    let integration = get(&site.client(), &site.url(CORP), CRM).await;
    assert_eq!(
        integration.json(),
        json!({"results": [], "results_total": 0})
    );
    let foreign = delete(&path_of(&connection), CRM).await;
    let nothing = delete(&format!("{CORP}/never-was"), CRM).await;
    for answer in [&foreign, &nothing] {
        assert_error(answer, 404, "not theirs");
    }
    let text = |answer: &Answer| answer.json()["error"].as_str().unwrap()[..18].to_owned();
    assert_eq!(text(&foreign), text(&nothing));
    let refresh_token = connection["refresh_token"].as_str().unwrap();
    assert!(site.provider.is_refresh_token_good(refresh_token));

    let elsewhere = path_of(&connection).replace("corp", "other");
    assert_error(&delete(&elsewhere, ETL).await, 404, "another integration");
    let own = delete(&path_of(&connection), ETL).await;
    assert_eq!((own.status.as_u16(), own.json()), (200, json!({})));
    assert_error(&delete(&path_of(&connection), ETL).await, 404, "it is gone");
    assert!(listed(&site, ETL).await.is_empty());
    site.provider.reached("revoke", 1).await;
    assert_eq!(connect(&site, ETL, "alice").await["sequence"], 3);
    site.log
        .wait_for("audit", 1, |line| line["event"] == "disconnect")
        .await;
}

#[tokio::test]
async fn without_a_connection_callback_the_paths_reach_the_sql_node_untouched() {
    let site = Site::start().await;
    for path in [
        ALL,
        CORP,
        "/hub/integrations/corp/oauth-connections/x",
        CALLBACK,
    ] {
        let request = site
            .client()
            .get(&site.url(path))
            .header("x-api-key", "theirs");
        request.send().await.unwrap();
        let seen = site.node.requests().pop().unwrap();
        assert_eq!(seen.target, path);
        assert_eq!(seen.header("x-api-key"), Some("theirs"), "{path}");
    }
}

#[tokio::test]
async fn a_provider_of_plain_oauth_proves_no_account_and_is_connected_all_the_same() {
    let site = connecting(HOUR).await;
    site.provider.lie(Lie::NoIdToken);
    site.provider.lie(Lie::NoRefreshToken);
    let first = connect(&site, ETL, "alice").await;
    let second = connect(&site, ETL, "alice").await;
    assert_ne!(
        first["subject"], second["subject"],
        "nobody knows whether they are one"
    );
    assert!(first.get("refresh_token").is_none(), "{first}");
    let delete = site.client().delete(&site.url(&path_of(&first)));
    let deleted = delete.header("x-api-key", ETL).send().await.unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert_eq!(listed(&site, ETL).await.len(), 1);
}
