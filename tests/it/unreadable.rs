//! Heads that are refused before they are requests: one access line each, without a word of theirs.
use crate::{
    site::Site,
    wire::{Ended, Wire, patiently},
};

#[tokio::test]
async fn a_head_that_cannot_be_read_has_one_access_line_without_a_word_of_it() {
    let site = Site::with(|settings| settings.set("limits", "header_bytes", "'128KiB'")).await;
    let long_target = format!(
        "GET /{}evil HTTP/1.1\r\nhost: a\r\n\r\n",
        "x".repeat(66_000)
    );
    let long_head = format!("GET / HTTP/1.1\r\nhost: a\r\nevil: {}", "x".repeat(140_000));
    let forged = "{\"kind\":\"audit\",\"event\":\"evil\"}\n";
    for (sent, status) in [
        ("evil\r\n\r\n", 400),
        ("GET / HTTP/7.3\r\nevil: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nevil field: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nevil: \u{0}\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nhost: evil\r\ncontent-length: x\r\n\r\n",
            400,
        ),
        (forged, 400),
        (long_target.as_str(), 414),
        (long_head.as_str(), 431),
    ] {
        let case = format!("{sent:.60?}");
        let before = site.log.of_kind("access").len();
        let mut wire = Wire::open(&site).await;
        // The last bytes of a long one may meet a closed connection.
        drop(wire.try_send(sent).await);
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{case}");
        let lines = site.log.wait_for("access", before + 1, |_| true);
        let line = patiently("line", lines).await.pop().unwrap();
        assert_eq!(line["status"], status, "{case}");
        assert_eq!(
            (&line["method"], &line["path"]),
            (&"".into(), &"".into()),
            "{case}"
        );
        assert_eq!(line["client"], "127.0.0.1", "{case}");
        assert_eq!(line["request_id"].as_str().unwrap().len(), 32, "{case}");
    }
    assert!(!site.log.text().contains("evil"), "{}", site.log.text());
    assert!(site.node.requests().is_empty());
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_told_from_the_request_before_it() {
    let site = Site::start().await;
    let mut wire = Wire::open(&site).await;
    wire.send("GET /v1/info HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 200);
    wire.send("evil\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 400);
    assert_eq!(wire.rest().await, (Vec::new(), Ended::Properly));
    let lines = site.log.wait_for("access", 2, |_| true).await;
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(200), Some(400)]);
}

#[tokio::test]
async fn connections_that_end_without_a_head_have_no_access_line() {
    let site = Site::start().await;
    for sent in ["", "\r\n"] {
        let mut wire = Wire::open(&site).await;
        wire.send(sent).await;
        wire.say_goodbye().await;
    }
    site.client()
        .get(&site.url("/v1/info"))
        .send()
        .await
        .unwrap();
    site.log.wait_for("access", 1, |_| true).await;
}
