//! Opaque access tokens, which only their provider can tell anything of.
use crate::site::{Settings, Site, assert_refused, authority, note};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sidecar_testkit::{
    client::Answer,
    provider::{Endpoint, Lie, Provider, ProviderOptions},
    sql_node::{SqlNodeOptions, Who},
};

/// A provider of opaque tokens, and an account for whoever it lets in.
pub(crate) async fn site(change: impl FnOnce(&mut Settings)) -> Site {
    let mut options = ProviderOptions::new(&authority());
    options.opaque_access_tokens = true;
    let provider = Provider::start(options);
    Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        settings.provider("introspection", "true");
        settings.login_mode();
        settings.set("sso", "default_database", "'retail_analytics'");
        settings.grant("groups = ['analysts']\naccount = 'analyst'");
        change(settings);
    })
    .await
}

pub(crate) fn opaque(site: &Site, user: &str) -> String {
    let token = site.provider.access_token("ocient", user);
    note(&token);
    assert!(!token.contains('.'), "a token that is no JWT");
    token
}

async fn sso_token(site: &Site, token: &str) -> Answer {
    note(token);
    let body = json!({"database": "retail_analytics", "access_token": token});
    site.sso_token(body).await
}

pub(crate) fn asked(site: &Site) -> usize {
    site.provider.fetches("introspect")
}

#[tokio::test]
async fn an_active_token_queries_and_signs_in_and_is_asked_about_once() {
    let site = site(|_| {}).await;
    let token = opaque(&site, "alice");
    for _ in 0..5 {
        let answer = site.query_as(&token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let request = site.node.last_request();
        assert_ne!(request.credential, Who::Refused);
        let sent = request.header("authorization").unwrap();
        assert!(!sent.contains(&token), "the provider's token stays here");
    }
    let answer = sso_token(&site, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["username"], "alice");
    note(answer.json()["access_token"].as_str().unwrap());
    assert_eq!(asked(&site), 1);
    let question = site.provider.last_request("introspect").unwrap();
    assert_eq!(question.parameter("token"), Some(token.as_str()));
    assert!(question.headers.contains_key("authorization"));
    assert!(question.query.is_empty(), "nothing secret in a URL");
}

#[tokio::test]
async fn grants_are_asked_on_every_request_also_for_known_tokens() {
    let site = site(|_| {}).await;
    let bob = opaque(&site, "bob"); // no analyst
    for _ in 0..2 {
        assert_refused(&site.query_as(&bob).await, 403, -719, "bob");
    }
    assert_eq!(asked(&site), 1);
}

#[tokio::test]
async fn a_hundred_requests_with_one_new_token_ask_once() {
    let site = site(|_| {}).await;
    let token = opaque(&site, "alice");
    site.provider.hold("introspect");
    let client = site.client().http2().connect(&site.origin()).await.unwrap();
    let queries = (0..100).map(|_| {
        let body = json!({"statement": "select 1"});
        client.post("/v1/execute").bearer(&token).json(body).send()
    });
    let release = async {
        site.provider.reached("introspect", 1).await;
        site.provider.release("introspect");
    };
    let (answers, ()) = tokio::join!(join_all(queries), release);
    for answer in answers {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(asked(&site), 1);
}

#[tokio::test]
async fn an_inactive_token_is_the_nodes_affair_or_refused_and_asked_about_once() {
    let open = site(|_| {}).await;
    let closed = site(|settings| settings.set("pass_through", "bearer", "false")).await;
    for _ in 0..3 {
        let answer = open.query_as("an-ocient-bearer").await;
        assert_eq!(answer.status, 401);
        let sent = open.node.last_request();
        let expected = Some("Bearer an-ocient-bearer");
        assert_eq!(sent.header("authorization"), expected);
        let answer = closed.query_as("an-ocient-bearer").await;
        assert_refused(&answer, 401, -1204, "no pass-through");
        let answer = sso_token(&closed, "an-ocient-bearer").await;
        assert_refused(&answer, 401, -1228, "sign-in");
    }
    assert_eq!((asked(&open), asked(&closed)), (1, 1));
    assert!(closed.node.requests().is_empty());
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_means_503_and_never_pass_through() {
    let site = site(|_| {}).await;
    let known = opaque(&site, "alice");
    assert_eq!(site.query_as(&known).await.status, 200);
    let queries = site.node.requests().len();
    site.provider.die();
    for _ in 0..2 {
        let answer = site.query_as("opaque-and-unknown").await;
        assert_refused(&answer, 503, -1220, "outage");
        let answer = sso_token(&site, "opaque-and-unknown").await;
        assert_refused(&answer, 503, -1220, "outage");
        let answer = site.post_as("opaque-and-unknown", "/v1/logout");
        assert_refused(&answer.send().await.unwrap(), 503, -1220, "logout");
    }
    assert_eq!(site.node.requests().len(), queries);
    assert_eq!(
        site.query_as(&known).await.status,
        200,
        "known for a minute"
    );
}

#[tokio::test]
async fn an_active_answer_that_breaks_a_rule_is_refused_and_never_passed_through() {
    let site = site(|settings| {
        settings.set("limits", "failed_signins_per_client", "1000000");
    })
    .await;
    let past = 1_000_000_000;
    let future = 32_000_000_000_i64;
    for (name, value, code) in [
        ("iss", json!("https://evil.example"), -1232),
        ("aud", json!("another-api"), -1233),
        ("aud", json!([]), -1233),
        ("client_id", json!("another-client"), -1233),
        ("client_id", Value::Null, -1231),
        ("sub", Value::Null, -1231),
        ("sub", json!(7), -1231),
        ("exp", Value::Null, -1231),
        ("exp", json!(past), -1228),
        ("nbf", json!(future), -1231),
        ("token_type", json!("DPoP"), -1236),
        ("token_type", json!("refresh_token"), -1236),
        ("token_use", json!("refresh_token"), -1236),
        ("typ", json!("Refresh"), -1236),
        ("cnf", json!({"jkt": "x"}), -1236),
        ("events", json!({}), -1236),
        ("preferred_username", json!("a\nb"), -1231),
        ("groups", json!(7), -1231),
    ] {
        let case = format!("{name} {value}");
        site.provider.lie(Lie::IntrospectedMember(name, value));
        let token = opaque(&site, "alice");
        assert_refused(&site.query_as(&token).await, 401, code, &case);
        assert_refused(&sso_token(&site, &token).await, 401, code, &case);
        site.provider.be_honest();
    }
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn an_active_token_of_no_kind_that_is_for_nobody_is_refused_as_it_may_be_a_refresh_token() {
    let site = site(|_| {}).await;
    for name in ["aud", "token_type"] {
        let lie = Lie::IntrospectedMember(name, Value::Null);
        site.provider.lie(lie);
    }
    let token = opaque(&site, "alice");
    assert_refused(&site.query_as(&token).await, 401, -1236, "a query");
    assert_refused(&sso_token(&site, &token).await, 401, -1236, "a sign-in");
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn harmless_differences_of_introspection_answers_are_accepted() {
    let site = site(|_| {}).await;
    for (name, value) in [
        ("iss", Value::Null),
        ("aud", Value::Null),
        ("aud", json!(["other", "ocient"])),
        ("token_type", Value::Null),
        ("token_type", json!("bearer")),
        ("typ", json!("Bearer")),
        ("preferred_username", Value::Null),
        ("unknown", json!({"a": 1})),
    ] {
        let case = format!("{name} {value}");
        site.provider.lie(Lie::IntrospectedMember(name, value));
        let answer = site.query_as(&opaque(&site, "alice")).await;
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        site.provider.be_honest();
    }
}

#[tokio::test]
async fn a_jwt_without_an_issuer_that_the_provider_tells_nothing_of_is_the_nodes_affair() {
    let site = site(|_| {}).await;
    site.provider.lie(Lie::NoJwtsIntrospected);
    let token = site.token(|token| token.claim("iss", Value::Null));
    for _ in 0..3 {
        assert_eq!(site.query_as(&token).await.status, 401);
        let expected = format!("Bearer {token}");
        let sent = site.node.last_request();
        assert_eq!(sent.header("authorization"), Some(expected.as_str()));
        assert_refused(&sso_token(&site, &token).await, 401, -1228, "a sign-in");
    }
    assert_eq!(asked(&site), 1);
}

#[tokio::test]
async fn answers_that_are_none_are_the_providers_fault() {
    let site = site(|_| {}).await;
    let endpoint = Endpoint::Introspect;
    for lie in [
        Lie::SignedIntrospection,
        Lie::IntrospectedMember("active", json!("true")),
        Lie::IntrospectedMember("active", Value::Null),
        Lie::ServerError(endpoint),
        Lie::NotJson(endpoint),
        Lie::WrongContentType(endpoint),
        Lie::Redirect(endpoint),
        Lie::EndlessBody(endpoint),
        Lie::CompressedBomb(endpoint),
        Lie::DuplicateMember(endpoint),
        Lie::DeepNesting(endpoint),
    ] {
        site.provider.lie(lie.clone());
        let answer = site.query_as(&opaque(&site, "alice")).await;
        assert_refused(&answer, 502, -1222, &format!("{lie:?}"));
        site.provider.be_honest();
    }
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_is_no_flood_at_the_provider() {
    let site = site(|_| {}).await; // twenty failures a minute
    let known = opaque(&site, "alice");
    assert_eq!(site.query_as(&known).await.status, 200);
    let floods = (0..100).map(|number| {
        let token = format!("made-up-token-{number}");
        let (site, client) = (&site, site.client());
        async move { site.query(&client).bearer(&token).send().await.unwrap() }
    });
    let answers = join_all(floods).await;
    let throttled = answers.iter().filter(|answer| answer.status == 429).count();
    assert!(throttled > 0);
    let before = asked(&site);
    assert!(before <= 101, "{before}");
    for number in 100..120 {
        let answer = site.query_as(&format!("made-up-token-{number}")).await;
        assert_refused(&answer, 429, -1100, "spent");
    }
    for (good, what) in [(known, "known"), (opaque(&site, "alice"), "new")] {
        assert_eq!(site.query_as(&good).await.status, 200, "{what}");
    }
}

#[tokio::test]
async fn jwts_of_strangers_and_what_cannot_be_a_token_are_shown_to_nobody() {
    let site = site(|_| {}).await;
    let stranger = site.token(|token| token.claim("iss", "https://other.example"));
    site.query_as(&stranger).await;
    let client = site.client();
    for value in ["Bearer a b", "Bearer", "Bearer a*b", "Negotiate abc"] {
        let query = site.query(&client).header("authorization", value);
        assert_eq!(query.send().await.unwrap().status, 401, "{value}");
    }
    let session = format!("ocs_{}", "A".repeat(43)); // ours, taken for another kind of token
    for token in ["a b", "a\n", " a", "a*b", "=", "\u{e9}", &session] {
        assert_refused(&sso_token(&site, token).await, 401, -1235, token);
    }
    assert_eq!(asked(&site), 0);
}

#[tokio::test]
async fn without_introspection_opaque_tokens_are_the_nodes_affair() {
    let site = site(|settings| settings.provider("introspection", "false")).await;
    let token = opaque(&site, "alice");
    assert_eq!(site.query_as(&token).await.status, 401);
    let expected = format!("Bearer {token}");
    let sent = site.node.last_request();
    assert_eq!(sent.header("authorization"), Some(expected.as_str()));
    assert_refused(&sso_token(&site, &token).await, 401, -1235, "no JWT");
    assert_eq!(asked(&site), 0);
}

#[tokio::test]
async fn an_active_token_is_never_sent_to_the_nodes_own_logout_or_refresh() {
    let site = site(|_| {}).await;
    let token = opaque(&site, "alice");
    for path in ["/v1/logout", "/v1/token_refresh"] {
        let answer = site.post_as(&token, path).send().await.unwrap();
        assert_refused(&answer, 400, -1254, path);
    }
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn in_mode_exchange_the_node_itself_judges_the_opaque_token() {
    let mut options = ProviderOptions::new(&authority());
    options.opaque_access_tokens = true;
    let provider = Provider::start(options);
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        settings.provider("introspection", "true");
    })
    .await;
    let token = opaque(&site, "alice");
    // This node's integration knows no opaque tokens.
    assert_refused(&site.query_as(&token).await, 403, -719, "the node's word");
    assert_eq!(site.node.token_exchanges().sso_token, 1);
}

#[tokio::test]
async fn an_opaque_token_of_an_application_without_tokens_is_not_taken_under_the_rules_of_another()
{
    let mut options = ProviderOptions::new(&authority());
    options.opaque_access_tokens = true;
    let provider = Provider::start(options);
    let issuer = provider.issuer().to_owned();
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        settings.provider("introspection", "true");
        settings.provider("audiences", "['api']");
        settings.more(&format!(
            "[[provider]]\nname = 'public'\nissuer = '{issuer}'\nca = 'ca.crt'\n\
             client_id = 'ocient-public'\naudiences = ['api']\nflows = ['code']\n"
        ));
    })
    .await;
    let token = opaque(&site, "alice");
    for (name, value) in [("client_id", "ocient-public"), ("aud", "api")] {
        site.provider
            .lie(Lie::IntrospectedMember(name, json!(value)));
    }
    for _ in 0..2 {
        assert_refused(&site.query_as(&token).await, 401, -1233, "a query");
        assert_refused(&sso_token(&site, &token).await, 401, -1233, "a sign-in");
    }
    assert!(site.node.requests().is_empty(), "nor left to the SQL node");
}
