//! How long userinfo counts for opaque tokens.
use super::super::*;
use crate::{
    auth::ended::tests::nobody_ended,
    oidc::stand_in::{StandIn, provider},
};
use serde_json::{Value, json};

const INTROSPECTION: &str = "/introspect";
const USERINFO: &str = "/userinfo";

/// A provider whose opaque tokens lack the groups, which userinfo has.
async fn asking() -> (StandIn, Arc<Provider>) {
    let stand_in = StandIn::start().await;
    let mut metadata = stand_in.metadata();
    for (name, path) in [
        ("introspection_endpoint", INTROSPECTION),
        ("userinfo_endpoint", USERINFO),
    ] {
        metadata[name] = json!(format!("{}{path}", stand_in.issuer));
    }
    stand_in.publish(metadata);
    says(&stand_in, INTROSPECTION, &active("u-1"));
    says(
        &stand_in,
        USERINFO,
        &json!({"sub": "u-1", "groups": ["analysts"]}),
    );
    let mut config = stand_in.config();
    (config.introspection, config.userinfo) = (true, true);
    let provider = provider(&config, Some("secret"));
    (stand_in, provider)
}

fn says(stand_in: &StandIn, path: &'static str, members: &Value) {
    stand_in.page(path, 200, "application/json", &members.to_string());
}

fn active(subject: &str) -> Value {
    let far = 32_000_000_000_i64;
    json!({
        "active": true, "sub": subject, "client_id": "ocient", "token_type": "Bearer",
        "exp": far, "preferred_username": "alice",
    })
}

/// Asks `opaque` this long after its start, as for a request that finds nothing that counts.
async fn ask(
    opaque: &Opaque,
    provider: &Arc<Provider>,
    after: Duration,
) -> Result<Answer, Failure> {
    let token = Secret::new("opaque");
    let about = ("192.0.2.1".parse().unwrap(), start() + after);
    let question = question(provider, &token);
    assert!(!matches!(opaque.known(&question, about.1), Some(Ok(_))));
    opaque.inactive.invalidate(&question);
    opaque
        .ask(question, provider, Vec::new(), &token, about)
        .await
}

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

async fn nothing_known() -> Opaque {
    let ended = nobody_ended(&tempfile::tempdir().unwrap()).await;
    let throttle = Throttle::new(0);
    Opaque::new(
        10,
        Duration::from_secs(10),
        Handle::current(),
        throttle,
        ended,
    )
}

#[tokio::test]
async fn an_outage_of_userinfo_keeps_out_nobody_whose_groups_were_told_within_the_hour() {
    let ((stand_in, provider), opaque) = (asking().await, nothing_known().await);
    let counts = || [INTROSPECTION, USERINFO].map(|path| stand_in.asked(path).len());
    let first = ask(&opaque, &provider, Duration::ZERO).await.unwrap();
    assert_eq!(first.unwrap().identity.groups(), ["analysts"]);
    stand_in.page(USERINFO, 500, "text/html", "");
    for round in 1..60 {
        let again = ask(&opaque, &provider, LONGEST * round).await;
        let again = again.unwrap().unwrap();
        assert_eq!(again.identity.groups(), ["analysts"], "{round}");
    }
    assert_eq!(counts(), [60, 1]);
    let stale = ask(&opaque, &provider, NAMED).await;
    assert_eq!(stale.unwrap_err(), Failure::ProviderUnreachable);
    assert_eq!(counts(), [61, 2], "asked anew");
}

#[tokio::test]
async fn groups_of_somebody_else_are_no_ones_and_a_token_that_ended_is_refused_at_once() {
    let ((stand_in, provider), opaque) = (asking().await, nothing_known().await);
    ask(&opaque, &provider, Duration::ZERO).await.unwrap();
    says(&stand_in, INTROSPECTION, &active("u-2"));
    let other = ask(&opaque, &provider, LONGEST).await;
    let fault = Failure::Token(TokenFault::ForeignUserinfo);
    assert_eq!(other.unwrap_err(), fault, "userinfo is asked, of u-1");
    says(&stand_in, INTROSPECTION, &json!({"active": false}));
    let ended = ask(&opaque, &provider, LONGEST * 2).await;
    assert!(ended.unwrap().is_none());
}

#[tokio::test]
async fn whoever_comes_when_the_answer_is_there_already_asks_nobody() {
    let ((stand_in, provider), opaque) = (asking().await, nothing_known().await);
    let asked_about = async |token: &Secret| {
        let question = question(&provider, token);
        let about = ("192.0.2.1".parse().unwrap(), start());
        let asking = opaque.ask(question, &provider, Vec::new(), token, about);
        asking.await.map(|answer| answer.is_some())
    };
    let faulty = json!({"active": true, "sub": "", "client_id": "ocient"});
    for (name, says_of_it) in [
        ("active", active("u-1")),
        ("inactive", json!({"active": false})),
        ("faulty", faulty),
    ] {
        says(&stand_in, INTROSPECTION, &says_of_it);
        let (token, before) = (Secret::new(name), stand_in.asked(INTROSPECTION).len());
        let first = asked_about(&token).await;
        let second = asked_about(&token).await;
        assert_eq!(first, second, "{name}");
        let now = stand_in.asked(INTROSPECTION).len();
        assert_eq!(now, before + 1, "{name}");
    }
}
