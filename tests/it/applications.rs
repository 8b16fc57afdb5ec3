//! Several applications of one issuer: each token meets the rules of its own, and no others.
use crate::site::{Settings, Site, assert_refused, parameter};
use serde_json::json;
use sidecar_testkit::{provider::TokenBuilder, sql_node::RETAIL};

/// Beside the first entry, `corp` with the client `ocient`, a second one named `public` with the
/// client `ocient-public`, which has these lines, too.
fn second(settings: &mut Settings, site_issuer: &str, lines: &str) {
    settings.login_mode();
    settings.more(&format!(
        "[[provider]]\nname = 'public'\nissuer = '{site_issuer}'\nca = 'ca.crt'\n\
         client_id = 'ocient-public'\n{lines}"
    ));
}

/// A site with both; `corp` has the key `flows` where it is given. Grants as in `grants`.
pub(crate) async fn site(flows: Option<&str>, lines: &str, grants: &[&str]) -> Site {
    use crate::site::authority;
    use sidecar_testkit::{
        provider::{Provider, ProviderOptions},
        sql_node::SqlNodeOptions,
    };
    let provider = Provider::start(ProviderOptions::new(&authority()));
    let issuer = provider.issuer().to_owned();
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        second(settings, &issuer, lines);
        if let Some(flows) = flows {
            settings.provider("flows", flows);
        }
        settings.set("sso", "default_database", "'retail_analytics'");
        settings.set("limits", "failed_signins_per_client", "1000000");
        for grant in grants {
            settings.grant(&format!("account = 'analyst'\n{grant}"));
        }
    })
    .await;
    let callback = site.url("/v1/callback");
    site.provider.allow_redirect("ocient-public", &callback);
    site
}

/// Asserts that `token` gets in nowhere, and that the SQL node never sees it.
async fn assert_gets_in_nowhere(site: &Site, token: &str, code: i64, case: &str) {
    site.node.clear_requests();
    assert_refused(&site.query_as(token).await, 401, code, case);
    let client = site.client();
    let password = site.query(&client).basic("id_token", token);
    assert_refused(&password.send().await.unwrap(), 401, code, case);
    for name in ["id_token", "access_token"] {
        for provider in [None, Some("corp"), Some("public")] {
            let body = json!({"database": RETAIL, name: token, "provider": provider});
            let answer = site.sso_token(body).await;
            assert!(
                answer.status == 401 || answer.status == 404,
                "{case}: {}",
                answer.text()
            );
        }
    }
    assert!(site.node.requests().is_empty(), "{case}");
}

pub(crate) fn to(client: &'static str) -> impl Fn(TokenBuilder) -> TokenBuilder {
    move |token| token.claim("aud", client).claim("azp", client)
}

/// An access token for an API, issued to `client`.
fn for_api(client: &'static str) -> impl Fn(TokenBuilder) -> TokenBuilder {
    move |token| {
        token
            .access_token()
            .claim("aud", "api")
            .claim("client_id", client)
    }
}

#[tokio::test]
async fn a_token_of_an_application_without_tokens_is_not_taken_under_the_rules_of_another() {
    let site = site(Some("['code']"), "audiences = ['api', 'ocient']", &[""]).await;
    for (case, token) in [
        ("an ID token", site.token(to("ocient"))),
        (
            "an ID token for both",
            site.token(|it| to("ocient")(it).claim("aud", json!(["ocient", "ocient-public"]))),
        ),
        ("an access token", site.token(for_api("ocient"))),
        (
            "an access token for the client itself",
            site.token(|it| for_api("ocient")(it).claim("aud", "ocient")),
        ),
        (
            "an access token that says azp",
            site.token(|it| for_api("x")(it).claim("azp", "ocient")),
        ),
    ] {
        assert_gets_in_nowhere(&site, &token, -1236, case).await;
    }
    let fine = site.token(to("ocient-public"));
    assert_eq!(site.query_as(&fine).await.status, 200);
    let fine = site.token(for_api("another client"));
    assert_eq!(site.query_as(&fine).await.status, 200);
}

#[tokio::test]
async fn a_token_that_names_two_applications_belongs_to_neither() {
    let site = site(None, "audiences = ['api', 'other']", &[""]).await;
    for (case, token) in [
        (
            "azp and client_id",
            site.token(|it| for_api("ocient")(it).claim("azp", "ocient-public")),
        ),
        (
            "two audiences",
            site.token(|it| {
                it.claim("aud", json!(["ocient", "ocient-public"]))
                    .without("azp")
            }),
        ),
    ] {
        assert_gets_in_nowhere(&site, &token, -1233, case).await;
    }
}

#[tokio::test]
async fn a_forged_claim_leads_to_no_rules_that_its_signature_does_not_meet() {
    let site = site(Some("['code']"), "", &[""]).await;
    let token = site.token(to("ocient"));
    let mut parts = token.split('.');
    let (header, _, signature) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
    let other = site.token(to("ocient-public"));
    let claims = other.split('.').nth(1).unwrap();
    let forged = format!("{header}.{claims}.{signature}");
    assert_gets_in_nowhere(&site, &forged, -1234, "claims of the other application").await;
}

#[tokio::test]
async fn a_grant_for_one_application_admits_no_token_of_another() {
    let site = site(None, "", &["provider = 'public'"]).await;
    let (own, other) = (site.token(to("ocient-public")), site.token(to("ocient")));
    assert_eq!(site.query_as(&own).await.status, 200);
    assert_refused(&site.query_as(&other).await, 403, -719, "a bearer token");
    assert_refused(&site.exchange(&other).await, 403, -719, "sso_token");
}

#[tokio::test]
async fn each_application_reads_names_by_its_own_rules() {
    let site = site(
        None,
        "username_claim = 'email'",
        &["users = ['alice@example.com']"],
    )
    .await;
    assert_eq!(
        site.query_as(&site.token(to("ocient-public"))).await.status,
        200
    );
    let other = site.token(to("ocient"));
    assert_refused(
        &site.query_as(&other).await,
        403,
        -719,
        "preferred_username",
    );
}

#[tokio::test]
async fn sso_token_takes_a_token_only_under_the_provider_that_the_request_names() {
    let site = site(None, "", &[""]).await;
    for (client, named, other) in [
        ("ocient", "corp", "public"),
        ("ocient-public", "public", "corp"),
    ] {
        let token = site.token(to(client));
        let with = |provider| json!({"database": RETAIL, "id_token": token, "provider": provider});
        assert_eq!(site.sso_token(with(named)).await.status, 200, "{named}");
        assert_refused(&site.sso_token(with(other)).await, 401, -1233, other);
        assert_refused(&site.sso_token(with("nobody")).await, 404, -1201, "nobody");
    }
}

#[tokio::test]
async fn a_browser_signs_in_with_the_application_that_is_named_or_that_the_database_has() {
    let site = site(None, "", &[""]).await;
    for (query, client_id) in [
        ("database=retail_analytics", "ocient"),
        ("database=retail_analytics&provider=corp", "ocient"),
        ("database=retail_analytics&provider=public", "ocient-public"),
    ] {
        let client = site.client();
        let begun = site.begin(&client, query).await;
        let found = parameter(begun.header("location").unwrap(), "client_id");
        assert_eq!(found.as_deref(), Some(client_id), "{query}");
        let back = site.at_provider(&client, &begun).await;
        let answer = client.get(back.as_str()).send().await.unwrap();
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let answer = site.query(&client).header("sec-fetch-site", "same-origin");
        assert_eq!(answer.send().await.unwrap().status, 200, "{query}");
    }
}

#[tokio::test]
async fn an_application_for_tokens_alone_signs_no_browser_in() {
    let site = site(Some("['token']"), "databases = ['system']", &[""]).await;
    let client = site.client();
    for query in [
        "database=retail_analytics",
        "database=retail_analytics&provider=corp",
    ] {
        assert_refused(&site.begin(&client, query).await, 404, -1201, query);
    }
    let begun = site.begin(&client, "database=system").await;
    let found = parameter(begun.header("location").unwrap(), "client_id");
    assert_eq!(found.as_deref(), Some("ocient-public"));
}
