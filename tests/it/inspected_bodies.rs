//! Bodies that are held to see which database they name have one common budget.
use crate::{
    site::{Site, vendor_code},
    wire::patiently,
};
use futures_util::future::select_all;
use sidecar_testkit::client::{Answer, BodySender, Client, ClientError, body_channel};
use std::net::IpAddr;
use tokio::task::JoinHandle;

const KIB: usize = 1024;

/// 64 KiB for all bodies, 16 KiB for one.
async fn site() -> Site {
    Site::with(|settings| {
        settings.grant("databases = ['retail_*']");
        settings.set("sso", "default_database", "'retail_analytics'");
        settings.set("limits", "inspected_body", "'16KiB'");
        settings.set("limits", "inspected_bodies", "'64KiB'");
    })
    .await
}

fn from(site: &Site, last: u8) -> Client {
    let address = IpAddr::from([127, 0, 0, last]);
    site.client().http2().from_address(address)
}

/// A query whose body is not at its end.
struct Slow {
    sender: BodySender,
    answer: JoinHandle<Result<Answer, ClientError>>,
}

impl Slow {
    /// Of which 12 KiB are there.
    async fn begin(site: &Site, client: &Client, token: &str) -> Self {
        let (mut sender, body) = body_channel();
        let request = client.post(&site.url("/v1/execute")).bearer(token);
        let request = request.header("content-type", "application/json");
        let answer = tokio::spawn(request.body_stream(body).send());
        let begin = format!("{{\"statement\": \"select 1\",{}", " ".repeat(12 * KIB));
        assert!(sender.send(begin).await);
        Self { sender, answer }
    }

    async fn end(mut self) -> Answer {
        self.sender.send("\"format\": \"collection\"}").await;
        drop(self.sender);
        self.answer.await.unwrap().unwrap()
    }
}

async fn query(site: &Site, client: &Client, token: &str) -> Answer {
    let request = client.post(&site.url("/v1/execute")).bearer(token);
    let statement = format!("{{\"statement\": \"select 1\"{}}}", " ".repeat(12 * KIB));
    let request = request.header("content-type", "application/json");
    request.body(statement).send().await.unwrap()
}

#[tokio::test]
async fn bodies_past_the_budget_get_503_and_nobody_who_is_slow_has_all_of_it() {
    let site = site().await;
    let token = site.id_token("alice");
    let (slow, other) = (from(&site, 6), from(&site, 7));
    let mut held = Vec::new();
    // 12 KiB each: whichever comes last makes 36 KiB of 64, of which one client has 16 then.
    for _ in 0..3 {
        held.push(Slow::begin(&site, &slow, &token).await);
    }
    let answers = held.iter_mut().map(|slow| &mut slow.answer);
    let (refused, which, _) = patiently("its share", select_all(answers)).await;
    let refused = refused.unwrap().unwrap();
    held.remove(which);
    let status = refused.status.as_u16();
    assert_eq!((status, vendor_code(&refused)), (503, -206));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(query(&site, &other, &token).await.status, 200, "of another");
    for slow in held {
        assert_eq!(slow.end().await.status, 200);
    }
    let recovered = async { while query(&site, &slow, &token).await.status != 200 {} };
    patiently("the budget again", recovered).await;
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_part_of_the_budget_back() {
    let site = site().await;
    let token = site.id_token("alice");
    let client = from(&site, 6);
    for round in 0..20 {
        let held = [
            Slow::begin(&site, &client, &token).await,
            Slow::begin(&site, &client, &token).await,
        ];
        for slow in held {
            slow.answer.abort();
        }
        let served = async { while query(&site, &client, &token).await.status != 200 {} };
        patiently(&format!("round {round}"), served).await;
    }
}
