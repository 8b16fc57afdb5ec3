//! Connections to the SQL node are bounded, and one client's part of them.
use crate::{
    site::{Site, vendor_code},
    wire::patiently,
};
use futures_util::future::join_all;
use sidecar_testkit::client::{BodySender, Client, Connection, Streaming, body_channel};
use std::net::IpAddr;

fn from(site: &Site, last: u8) -> Client {
    site.client().from_address(IpAddr::from([127, 0, 0, last]))
}

/// A request that the SQL node answers as long as its body lasts.
async fn held(connection: &Connection) -> (BodySender, Streaming) {
    let (mut sender, stream) = body_channel();
    let request = connection.post("/test/echo").body_stream(stream);
    sender.send("a").await;
    (sender, request.stream().await.unwrap())
}

async fn info(client: &Client, site: &Site) -> u16 {
    let answer = client.get(&site.url("/v1/info")).send().await.unwrap();
    answer.status.as_u16()
}

#[tokio::test]
async fn seven_http2_connections_of_one_client_shut_nobody_out() {
    let site = Site::with(|settings| settings.set("sql_node", "max_connections", "200")).await;
    let attacker = from(&site, 6).http2();
    let mut connections = Vec::new();
    for _ in 0..7 {
        connections.push(attacker.connect(&site.origin()).await.unwrap());
    }
    let all = connections
        .iter()
        .flat_map(|connection| (0..100).map(move |_| held(connection)));
    let (served, refused): (Vec<_>, Vec<_>) = join_all(all)
        .await
        .into_iter()
        .partition(|(_, answer)| answer.status == 200);
    // Two workers may each find the last place free at the same moment.
    assert!((100..=102).contains(&served.len()), "{}", served.len());
    for (_, answer) in refused {
        assert!(answer.header("retry-after").is_some());
        let answer = answer.collect().await.unwrap();
        assert_eq!((answer.status.as_u16(), vendor_code(&answer)), (503, -206));
    }
    for last in 7..12 {
        assert_eq!(info(&from(&site, last), &site).await, 200, "{last}");
    }
    let alive = site.client().get(&site.admin_url("/livez")).send().await;
    assert_eq!(alive.unwrap().status, 200);
    assert!(site.node.open_connections() <= 200);
    drop((served, connections));
    let recovered = async { while info(&attacker, &site).await != 200 {} };
    patiently("its share again", recovered).await;
}

#[tokio::test]
async fn an_idle_connection_of_one_worker_gives_its_place_to_another_worker() {
    let site = Site::with(|settings| settings.set("sql_node", "max_connections", "2")).await;
    let first = from(&site, 6)
        .http2()
        .connect(&site.origin())
        .await
        .unwrap();
    let second = from(&site, 7)
        .http2()
        .connect(&site.origin())
        .await
        .unwrap();
    for _ in 0..3 {
        for connection in [&first, &second] {
            let (sender, answer) = held(connection).await;
            assert_eq!(answer.status, 200);
            drop(sender);
            assert_eq!(answer.collect().await.unwrap().body, "a");
        }
        let ((one, answer), (other, further)) = (held(&first).await, held(&second).await);
        assert_eq!(
            (answer.status.as_u16(), further.status.as_u16()),
            (200, 200)
        );
        drop((one, other));
        assert_eq!(answer.collect().await.unwrap().body, "a");
        assert_eq!(further.collect().await.unwrap().body, "a");
    }
}

#[tokio::test]
async fn a_request_too_many_is_told_so_at_once_and_served_when_there_is_room() {
    let site = Site::with(|settings| settings.set("sql_node", "max_connections", "1")).await;
    let busy = from(&site, 6)
        .http2()
        .connect(&site.origin())
        .await
        .unwrap();
    let (sender, answer) = held(&busy).await;
    assert_eq!(answer.status, 200);
    let other = from(&site, 7);
    let refused = other.get(&site.url("/v1/info")).send().await.unwrap();
    assert_eq!(
        (refused.status.as_u16(), vendor_code(&refused)),
        (503, -206)
    );
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(sender);
    answer.collect().await.unwrap();
    let served = async { while info(&other, &site).await != 200 {} };
    patiently("room", served).await;
}

#[tokio::test]
async fn a_clients_share_behind_a_trusted_proxy_is_that_of_the_forwarded_address() {
    let site = Site::with(|settings| {
        settings.set("listen", "trusted_proxies", "['127.0.0.9']");
        settings.set("sql_node", "connections_per_client", "1");
    })
    .await;
    let proxy = from(&site, 9)
        .http2()
        .connect(&site.origin())
        .await
        .unwrap();
    let (mut sender, stream) = body_channel();
    let request = proxy
        .post("/test/echo")
        .header("x-forwarded-for", "192.0.2.1");
    sender.send("a").await;
    let held = request.body_stream(stream).stream().await.unwrap();
    assert_eq!(held.status, 200);
    for (client, expected) in [
        (Some("192.0.2.1"), 503),
        (Some("192.0.2.2"), 200),
        (None, 200),
    ] {
        let mut request = proxy.get("/v1/info");
        if let Some(client) = client {
            request = request.header("x-forwarded-for", client);
        }
        assert_eq!(request.send().await.unwrap().status, expected, "{client:?}");
    }
    drop(sender);
    held.collect().await.unwrap();
    let again = proxy.get("/v1/info").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(again.send().await.unwrap().status, 200);
}
