//! How a sign-in with a browser begins.
use crate::site::{LOGIN_COOKIE, Site, assert_refused, note, parameter};
use serde_json::json;
use sidecar_testkit::{
    client::{Answer, Client},
    sql_node::{RETAIL, SYSTEM},
};
use std::collections::BTreeSet;

/// `POST /v1/sso_authentication`
async fn post(site: &Site, client: &Client, body: serde_json::Value) -> Answer {
    let url = site.url("/v1/sso_authentication");
    client.post(&url).json(body).send().await.unwrap()
}

fn redirect_url(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["redirect_url"].as_str().unwrap().to_owned()
}

fn cookies(answer: &Answer) -> Vec<&str> {
    let lines = answer.headers.get_all("set-cookie").iter();
    lines.map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn every_attempt_is_fresh_in_state_nonce_challenge_and_cookie() {
    let site = Site::start().await;
    let client = site.client();
    let mut seen = BTreeSet::new();
    for number in 0..6 {
        let url = match number % 3 {
            0 => site
                .begin(&client, "")
                .await
                .header("location")
                .unwrap()
                .to_owned(),
            1 => post(&site, &client, json!({}))
                .await
                .header("location")
                .unwrap()
                .to_owned(),
            _ => redirect_url(&post(&site, &client, json!({"do_redirect": false})).await),
        };
        let value = |name| parameter(&url, name).unwrap_or_else(|| panic!("{name} in {url}"));
        assert!(url.starts_with(&site.provider.url("authorize")), "{url}");
        assert_eq!(value("response_type"), "code");
        assert_eq!(value("client_id"), "ocient");
        assert_eq!(value("redirect_uri"), site.url("/v1/callback"));
        assert_eq!(value("code_challenge_method"), "S256");
        assert_eq!(value("code_challenge").len(), 43);
        let scope = value("scope");
        let scopes: BTreeSet<&str> = scope.split(' ').collect();
        assert_eq!(scopes, BTreeSet::from(["email", "openid", "profile"]));
        for name in ["state", "nonce", "code_challenge"] {
            note(&value(name));
            assert!(value(name).len() >= 43, "{name} is long enough: {url}");
            assert!(seen.insert(value(name)), "{name} is fresh: {url}");
        }
    }
    let jar = client.cookies().all();
    let names: BTreeSet<&str> = jar.iter().map(|cookie| cookie.name.as_str()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(
        names.iter().all(|name| name.starts_with(LOGIN_COOKIE)),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_browser_is_sent_to_the_provider_and_a_program_is_told_where_to_go() {
    let site = Site::start().await;
    for answer in [
        site.begin(&site.client(), "").await,
        site.begin(&site.client(), "do_redirect=true").await,
        post(&site, &site.client(), json!({})).await,
        post(
            &site,
            &site.client(),
            json!({"do_redirect": true, "database": RETAIL}),
        )
        .await,
        site.client()
            .post(&site.url("/v1/sso-authentication"))
            .send()
            .await
            .unwrap(),
    ] {
        assert_eq!(answer.status, 302, "{}", answer.text());
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    for answer in [
        site.begin(&site.client(), "do_redirect=false").await,
        post(&site, &site.client(), json!({"do_redirect": false})).await,
    ] {
        assert!(redirect_url(&answer).starts_with(site.provider.issuer()));
        assert_eq!(answer.json()["status"]["vendor_code"], 0);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(cookies(&answer).len(), 1);
    }
}

#[tokio::test]
async fn a_database_without_a_provider_is_an_error_or_an_empty_redirect_url() {
    let site = Site::with(|settings| settings.provider("databases", "['retail_*']")).await;
    let client = site.client();
    for query in [
        "",
        "database=system",
        "database=retail_analytics&provider=other",
    ] {
        assert_refused(&site.begin(&client, query).await, 404, -1201, query);
    }
    for body in [json!({}), json!({"database": SYSTEM})] {
        let case = body.to_string();
        assert_refused(&post(&site, &client, body.clone()).await, 404, -1201, &case);
        let mut body = body;
        body["do_redirect"] = false.into();
        let answer = post(&site, &client, body).await;
        assert_eq!(redirect_url(&answer), "", "{case}");
        assert!(cookies(&answer).is_empty(), "{case}");
    }
    let begun = site
        .begin(&client, "database=retail_analytics&provider=corp")
        .await;
    assert_eq!(begun.status, 302);
}

#[tokio::test]
async fn malformed_beginnings_are_refused() {
    let site = Site::start().await;
    let client = site.client();
    for query in [
        "database=a&database=b",
        "database=a&database=a",
        "database=a%00",
        "do_redirect=maybe",
        "sso_callback_path=/evil",
        "sso_callback_path=https://evil.example/v1/callback",
        "sso_callback_path=/v1/callback/",
        "sso_callback_path=//evil.example/v1/callback",
    ] {
        assert_refused(&site.begin(&client, query).await, 400, -1254, query);
    }
    for body in [
        json!({"do_redirect": "maybe"}),
        json!({"do_redirect": 1}),
        json!({"database": 1}),
        json!({"sso_callback_path": "/v1/elsewhere"}),
        json!({"sso_callback_path": ["/v1/callback"]}),
        json!({"return_to": {"path": "/"}}),
    ] {
        let case = body.to_string();
        assert_refused(&post(&site, &client, body).await, 400, -1254, &case);
    }
    let form = client.post(&site.url("/v1/sso_authentication"));
    let form = form.form(&[("database", RETAIL)]).send().await.unwrap();
    assert_refused(&form, 415, -1254, "a form");
    for method in ["PUT", "DELETE", "HEAD"] {
        let request = client.request(method.parse().unwrap(), &form.url);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, POST"), "{method}");
    }
    assert!(client.cookies().all().is_empty());
}
