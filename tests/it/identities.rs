//! Many identities at once: none is ever taken for another.
use crate::site::{Settings, Site, authority, note};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::join_all;
use sidecar_testkit::{
    provider::{Provider, ProviderOptions, User},
    sql_node::{Endpoint, RETAIL, SqlNodeOptions, Who},
};
use std::collections::HashMap;

const USERS: usize = 1_000;
const CONNECTIONS: usize = 8;

/// A site whose provider knows so many users.
pub(crate) async fn crowded(users: usize) -> Site {
    let mut options = ProviderOptions::new(&authority());
    options.users = (0..users)
        .map(|number| User::new(&name(number), &[]))
        .collect();
    let provider = Provider::start(options);
    Site::with_parts(
        provider,
        SqlNodeOptions::default(),
        |settings: &mut Settings| {
            settings.set("limits", "failed_signins_per_client", "1000000");
            settings.set("sso", "default_database", "'retail_analytics'");
        },
    )
    .await
}

pub(crate) fn name(number: usize) -> String {
    format!("user-{number}")
}

/// Whom each request to `/v1/execute` was for, by its own words, and whose it was.
fn assert_nobody_is_somebody_else(site: &Site, expected: usize) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for request in site.node.requests() {
        if request.endpoint != Endpoint::Execute {
            continue;
        }
        let user = request.header("x-user").unwrap().to_owned();
        let values = request.headers.get_all("authorization").iter().count();
        assert_eq!(
            (&request.credential, values),
            (&Who::Token(user.clone()), 1),
            "{user}"
        );
        *counts.entry(user).or_default() += 1;
    }
    assert_eq!(counts.len(), USERS);
    assert!(
        counts.values().all(|count| *count == expected),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_thousand_identities_on_a_few_connections_never_swap() {
    let site = crowded(USERS).await;
    // ES256: signing a thousand tokens with RSA takes longer than all the rest.
    let token = |number| site.token(|token| token.algorithm("ES256").user(&name(number)));
    let tokens: Vec<String> = (0..USERS).map(token).collect();
    for client in [site.client(), site.client().http2()] {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(client.connect(&site.origin()).await.unwrap());
        }
        let lanes = connections.iter().enumerate().map(|(lane, connection)| {
            let numbers = (lane..USERS).step_by(CONNECTIONS);
            let (tokens, http2) = (&tokens, lane % 2 == 0);
            async move {
                let send = |number: usize| {
                    let request = connection.get("/v1/execute?statement=select+1");
                    let token = &tokens[number];
                    let request = match number % 3 {
                        0 => request.basic("id_token", token),
                        _ => request.bearer(token),
                    };
                    request.header("x-user", name(number)).send()
                };
                let answers = match http2 {
                    // Side by side where the protocol can.
                    true => join_all(numbers.map(send)).await,
                    false => {
                        let mut answers = Vec::new();
                        for number in numbers {
                            answers.push(send(number).await);
                        }
                        answers
                    }
                };
                for answer in answers {
                    let answer = answer.unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                }
            }
        });
        join_all(lanes).await;
    }
    assert_nobody_is_somebody_else(&site, 2);
    assert_eq!(
        site.node.token_exchanges().sso_token,
        USERS as u64,
        "each once"
    );
}

#[tokio::test]
async fn credentials_of_every_kind_take_turns_on_one_connection_without_leaving_a_trace() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    let id_token = site.id_token("bob");
    let cookie = format!(
        "__Host-ocient_session={}",
        site.session_of("carol", RETAIL).await
    );
    let password = format!("Basic {}", BASE64_STANDARD.encode("admin@system:admin"));
    note(&password);
    let bearer = |token: &str| ("authorization".to_owned(), format!("Bearer {token}"));
    let turns = [
        (Some(bearer(&session)), Who::Token("alice".to_owned())),
        (None, Who::Anonymous),
        (Some(bearer(&id_token)), Who::Token("bob".to_owned())),
        (
            Some(("authorization".to_owned(), password)),
            Who::Basic("admin".to_owned()),
        ),
        (
            Some(("cookie".to_owned(), cookie)),
            Who::Token("carol".to_owned()),
        ),
        (Some(bearer("nobody's")), Who::Refused),
    ];
    for client in [site.client(), site.client().http2()] {
        let connection = client
            .without_cookies()
            .connect(&site.origin())
            .await
            .unwrap();
        for step in [1, 5, 2, 3] {
            for turn in 0..turns.len() * 2 {
                let (field, who) = &turns[turn * step % turns.len()];
                let request = connection.get("/v1/execute?statement=select+1");
                let request = request.header("sec-fetch-site", "same-origin");
                let request = field.iter().fold(request, |request, (name, value)| {
                    request.header(name, value)
                });
                request.send().await.unwrap();
                let seen = site.node.last_request();
                assert_eq!((&seen.credential, seen.header("cookie")), (who, None));
            }
        }
    }
}

#[tokio::test]
async fn two_credentials_in_one_request_are_refused_whichever_would_win() {
    let site = Site::start().await;
    let (alice, bob) = (
        site.session_of("alice", RETAIL).await,
        site.session_of("bob", RETAIL).await,
    );
    site.node.clear_requests();
    let get = || site.client().get(&site.url("/v1/info"));
    let cookie = |token: &str| format!("__Host-ocient_session={token}");
    for (case, request) in [
        ("two bearers", get().bearer(&alice).bearer(&bob)),
        ("the same twice", get().bearer(&alice).bearer(&alice)),
        (
            "password and bearer",
            get().basic("admin", "admin").bearer(&alice),
        ),
        (
            "two cookies in a line",
            get().header("cookie", format!("{}; {}", cookie(&alice), cookie(&bob))),
        ),
        (
            "two lines",
            get()
                .header("cookie", cookie(&alice))
                .header("cookie", cookie(&bob)),
        ),
        (
            "two hosts",
            get().bearer(&alice).header("host", "a").header("host", "b"),
        ),
    ] {
        let answer = request.send().await.unwrap();
        crate::site::assert_refused(&answer, 400, -1254, case);
    }
    assert_eq!(site.node.requests().len(), 0);
}
