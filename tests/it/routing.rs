//! None of our endpoints, however it is spelled, reaches the SQL node's own.
use crate::{
    site::Site,
    wire::{Plain, Wire},
};
use sidecar_testkit::{
    client::Client,
    sql_node::{Endpoint, RETAIL, RawNode, Recorded, Then},
};

/// Who answers a spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// One of our endpoints.
    Ours,
    /// Nobody: 400.
    Nobodys,
    /// The SQL node.
    Nodes,
}
use Whose::{Nobodys, Nodes, Ours};

const SPELLINGS: [(&str, Whose); 107] = [
    ("/v1/sso_authentication", Ours),
    ("/v1/sso-authentication", Ours),
    ("/v1/sso_authentication/", Ours),
    ("/v1/sso_authentication?database=system", Ours),
    ("/v1/sso_authentication?", Ours),
    ("/v1/sso_authentication#x", Ours),
    ("//v1/sso_authentication", Ours),
    ("/v1//sso_authentication//", Ours),
    ("/v1/./sso_authentication", Ours),
    ("/./v1/sso_authentication/.", Ours),
    ("/v1/x/../sso_authentication", Ours),
    ("/../../v1/sso_authentication", Ours),
    ("/v1/x/%2e%2e/sso_authentication", Ours),
    ("/v1/%2E/sso%5fauthentication", Ours),
    ("/%76%31/%73%73%6f_authentication", Ours),
    ("/v1/sso%2Dauthentication", Ours),
    ("/v1/callback", Ours),
    ("/v1/callback/", Ours),
    ("/v1/callback?code=a&state=b", Ours),
    ("/v1/c%61llback", Ours),
    ("/v1/info/../callback", Ours),
    ("/v1/sso_token", Ours),
    ("/v1/sso-token", Ours),
    ("/v1/sso_token/?x", Ours),
    ("/v1/sso_device_grant", Ours),
    ("/v1/sso-device-grant", Ours),
    ("/v1/sso_device-grant/", Ours),
    ("/v1/sso_device_grant_verify", Ours),
    ("/v1/sso-device-grant-verify", Ours),
    ("/v1/backchannel_logout", Ours),
    ("/V1/sso_authentication", Nobodys),
    ("/v1/SSO_AUTHENTICATION", Nobodys),
    ("/v1/Sso-Authentication", Nobodys),
    ("/v1/CALLBACK", Nobodys),
    ("/V1/Callback/", Nobodys),
    ("/v1/sso%5FTOKEN", Nobodys),
    ("/v1%2fcallback", Nobodys),
    ("/v1%2Fcallback", Nobodys),
    ("/v1/callback%2f", Nobodys),
    ("%2fv1/callback", Nobodys),
    ("/%2fv1/callback", Nobodys),
    ("/v1/x%2f..%2fcallback", Nobodys),
    ("/v1/x/%252e%252e/callback", Nobodys),
    ("/v1%5ccallback", Nobodys),
    ("/v1\\callback", Nobodys),
    ("\\v1\\callback", Nobodys),
    ("/\\v1/callback", Nobodys),
    ("/v1/x\\..\\callback", Nobodys),
    ("/v1/callback;", Nobodys),
    ("/v1/callback;jsessionid=1", Nobodys),
    ("/v1;x=y/callback", Nobodys),
    ("/;/v1/callback", Nobodys),
    ("/v1/callback;x/", Nobodys),
    ("/v1/callback%3bx", Nobodys),
    ("/v1/callback%00", Nobodys),
    ("/v1/callback%00.json", Nobodys),
    ("/v1/call%00back", Nobodys),
    ("/v1/callback%23", Nobodys),
    ("/v1/callback%3Fx", Nobodys),
    ("/v1/callback%20", Nobodys),
    ("/v1/%20callback", Nobodys),
    ("/v1/callback%09", Nobodys),
    ("/v1/callback%0a", Nobodys),
    ("/v1/callback%0d%0a", Nobodys),
    ("/v1/callback%7f", Nobodys),
    ("/v1/callback.", Nobodys),
    ("/v1/callback%2e%20", Nobodys),
    ("/v1/%63allback%2f", Nobodys),
    ("/v1/%2563allback", Nobodys),
    ("/v1/%252563allback", Nobodys),
    ("/v1/%25%36%33allback", Nobodys),
    ("/v1%c0%afcallback", Nobodys),
    ("/v1/%c0%afcallback", Nobodys),
    ("/v1/callback%c2%a0", Nobodys),
    ("/v1/sso_authentication%2f%2e%2e%2fcallback", Nobodys),
    ("/v1/sso_device_grant;x", Nobodys),
    ("/v1/SSO_Device_Grant_Verify", Nobodys),
    ("/v1/sso-device%2dgrant%00", Nobodys),
    ("/v1/sso_token%5c", Nobodys),
    ("/v1/info", Nodes),
    ("/V1/INFO", Nodes),
    ("/v1/%69nfo/", Nodes),
    ("/v1/callbacks", Nodes),
    ("/v1/callback/x", Nobodys),
    ("/v1/callback.json", Nobodys),
    ("/v1/sso-token/x/y", Nobodys),
    ("/v1/token_refresh;v=1", Nobodys),
    ("/v1/logout/x", Nobodys),
    ("/v1/%f0%80%81%a3allback", Nobodys),
    ("/v1/%fc%80%80%80%81%a3allback", Nobodys),
    ("/v1/\\u0063allback", Nobodys),
    ("/v1/%5cu0063allback", Nobodys),
    ("/v1/callback;/../info", Nobodys),
    ("/v1/callback_x", Nodes),
    ("/v2/callback", Nodes),
    ("/callback", Nodes),
    ("/v1/sso_tokens%2f", Nodes),
    ("/v1/sso", Nodes),
    ("/v1/execute%2f..;x%00", Nodes),
    ("/a%2fb%5c;c//d/../%00?%zz", Nodes),
    ("/v1/callback/../info?next=/v1/callback", Nobodys),
    ("/v1//../callback", Nobodys),
    ("/v1/%c1%23allback", Nobodys),
    ("/v1/x/../info?next=/v1/callback", Nodes),
    ("/v1/info?/../callback", Nodes),
    ("/openapi.json", Nodes),
    ("/", Nodes),
];

const METHODS: [&str; 6] = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"];

fn credentials(site: &Site, session: &str) -> [String; 4] {
    [
        String::new(),
        "authorization: Basic YWRtaW5Ac3lzdGVtOmFkbWlu\r\n".to_owned(),
        format!("authorization: Bearer {session}\r\n"),
        format!("authorization: Bearer {}\r\n", site.id_token("alice")),
    ]
}

async fn ask(wire: &mut Wire, method: &str, target: &str, fields: &str) -> Plain {
    let request = format!("{method} {target} HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    wire.send(request).await;
    wire.answer_to(method).await
}

/// Sends one request, on a connection of its own as some answers close it, and looks at who
/// answered.
async fn check(site: &Site, (target, whose): (&str, Whose), method: &str, fields: &str) {
    let case = format!("{method} {target} {fields:?}");
    site.node.clear_requests();
    let mut wire = Wire::open(site).await;
    let answer = ask(&mut wire, method, target, fields).await;
    assert!(!answer.head.contains("x-sql-node-sso"), "{case}");
    // The exchange of a token is the sidecar's own.
    let mut arrived = site.node.requests();
    arrived.retain(|request| request.endpoint != Endpoint::SsoToken);
    let is_sso_handler = |request: &Recorded| request.endpoint.is_sso_handler();
    assert!(!arrived.iter().any(is_sso_handler), "{case}");
    assert_eq!(arrived.len(), usize::from(whose == Nodes), "{case}");
    if whose == Nobodys {
        assert_eq!(answer.status, 400, "{case}");
        // What is no target at all is refused before there is a request.
        if target.starts_with('/') && method != "HEAD" {
            assert_eq!(answer.vendor_code(), -1254, "{case}");
        }
    }
}

#[tokio::test]
async fn no_spelling_of_an_endpoint_of_ours_reaches_the_sql_node() {
    let site = Site::start().await;
    let session = site.session_of("alice", RETAIL).await;
    for fields in credentials(&site, &session) {
        for spelling in SPELLINGS {
            for method in METHODS {
                check(&site, spelling, method, &fields).await;
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_ours_is_forwarded_byte_for_byte() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let node = RawNode::answering(ok, Then::Repeat).await;
    let site = Site::before(&node.url()).await;
    let mut wire = Wire::open(&site).await;
    let forwarded = SPELLINGS.iter().filter(|(_, whose)| *whose == Nodes);
    for (number, (target, _)) in forwarded.enumerate() {
        assert_eq!(
            ask(&mut wire, "POST", target, "").await.status,
            200,
            "{target}"
        );
        let received = node.received().remove(0);
        let received = String::from_utf8(received).unwrap();
        let head = received.split("\r\n\r\n").nth(number).unwrap();
        let line = head.lines().next().unwrap();
        assert_eq!(line, format!("POST {target} HTTP/1.1"));
    }
}

#[tokio::test]
async fn http2_and_absolute_targets_are_read_alike() {
    let site = Site::start().await;
    let clients: [Client; 2] = [site.client(), site.client().http2()];
    for (target, whose) in SPELLINGS
        .iter()
        .filter(|(target, _)| target.starts_with('/'))
    {
        site.node.clear_requests();
        let mut statuses = Vec::new();
        for client in &clients {
            let request = client.get(&site.url(target));
            // The test's own client cannot say it.
            let Ok(answer) = request.basic("admin@system", "admin").send().await else {
                continue;
            };
            statuses.push(answer.status.as_u16());
        }
        let mut wire = Wire::open(&site).await;
        let absolute = site.url(target);
        let basic = "authorization: Basic YWRtaW5Ac3lzdGVtOmFkbWlu\r\n";
        statuses.push(ask(&mut wire, "GET", &absolute, basic).await.status);
        statuses.dedup();
        assert_eq!(statuses.len(), 1, "{target}: {statuses:?}");
        assert_eq!(site.node.requests().is_empty(), *whose != Nodes, "{target}");
        assert!(statuses[0] == 400 || *whose != Nobodys, "{target}");
    }
}

#[tokio::test]
async fn a_callback_path_of_the_operators_own_is_ours_in_every_spelling() {
    let own = "[[callback]]\npath = '/auth/Return'\n";
    let site = Site::with(|settings| settings.more(own)).await;
    for (target, status) in [
        ("/auth/Return", 400),
        ("/auth/%52eturn/", 400),
        ("/auth/return", 400),
        ("/AUTH%2fRETURN", 400),
        ("/v1/callback", 400),
        ("/auth/Returned", 404),
    ] {
        let mut wire = Wire::open(&site).await;
        let answer = ask(&mut wire, "GET", target, "").await;
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(site.node.requests().is_empty(), status == 400, "{target}");
    }
}
