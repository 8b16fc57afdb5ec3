//! What the program holds while bodies pass through it: the same, however long they are.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sidecar_testkit::client::{Client, body_channel};
use tokio::time::interval;

use crate::{parts, release::memory_kib, site::Site};

const GIB: u64 = 1 << 30;

/// Length of one piece of a body.
const PIECE: usize = 1 << 20;

/// How much passes between two looks: 64 looks at a gibibyte.
const BETWEEN_LOOKS: u64 = 16 << 20;

/// Heap and stacks, where a body would be kept. Not Pss: that grows when another test's sidecar, which
/// shares the program's pages with this one, ends.
const KIND: &str = "Anonymous";

/// What a long transfer may add to the memory of a sidecar that has served short ones, in KiB. Its
/// buffers: 64 KiB for each direction of each side, as much within TLS, and 1 MiB of an upload over
/// HTTP/2 (its flow-control window). The rest is room for the allocator, which gives freed memory
/// back late; up to 1.9 MiB were seen. Of a body that is kept, 1 % is more than this.
const MOST_ADDED_KIB: u64 = 8 * 1024;

#[tokio::test]
async fn a_gibibyte_each_way_passes_in_constant_memory() {
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    site.start_sidecar(); // without its provider: nobody signs in here
    let mut measured = String::new();
    let client = site.browser().timeout(Duration::from_secs(60));
    for (protocol, client) in [("HTTP/1.1", client.clone()), ("HTTP/2", client.http2())] {
        for (way, length) in [
            ("down", PIECE as u64),
            ("up", PIECE as u64),
            ("down", GIB),
            ("up", GIB),
        ] {
            let mut memory = Memory::of(&site);
            match way {
                "down" => download(&site, &client, length, &mut memory).await,
                _ => upload(&site, &client, length, &mut memory).await,
            }
            let case = format!("{protocol} {way} {length}: {memory:?}\n");
            measured += &case;
            // The short ones make what every first request makes: pages of code, arenas, connections.
            if length == GIB {
                assert_eq!(memory.looks, GIB / BETWEEN_LOOKS, "{case}");
                assert!(memory.most - memory.before < MOST_ADDED_KIB, "{case}");
            }
        }
    }
    fs::write(parts::other_log("measured"), &measured).expect("the folder can be written");
}

/// Connections of the burst, each with a body that is half sent.
const BURST: usize = 400;

/// Half of such a body: it is on its way through the buffers of both sides.
const HALF: usize = 256 * 1024;

/// Longest time until the memory of a burst is given back.
const A_MINUTE: Duration = Duration::from_secs(60);

/// What the threads keep of a burst for the next one, in KiB: each worker up to 2 MiB of pieces of
/// 8 KiB (`.cargo/config.toml`), and as much of all other sizes; up to 6 MiB were seen.
const CACHES_KIB: u64 = 8 * 1024;

#[tokio::test]
async fn memory_is_within_a_tenth_of_before_a_minute_after_a_burst() {
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    site.start_sidecar();
    burst(&site, 4).await; // what every first request makes
    let process = site.sidecar().id();
    let new = memory_kib(process, KIND);
    let mut measured = format!("new: {new} KiB\n");
    // The first burst fills the threads' caches, the second one finds them full.
    let mut before = new;
    for bound in [|new| new + CACHES_KIB, |before| before + before / 10] {
        let most = burst(&site, BURST).await;
        let ended = Instant::now();
        let mut look = interval(Duration::from_millis(100));
        let bound = bound(before);
        let mut after = memory_kib(process, KIND);
        while after > bound && ended.elapsed() < A_MINUTE {
            look.tick().await;
            after = memory_kib(process, KIND);
        }
        let took = ended.elapsed();
        measured += &format!("burst: {before} KiB, {most} KiB, {after} KiB after {took:?}\n");
        assert!(most > 4 * before, "a burst takes memory: {measured}");
        assert!(after <= bound, "{measured}");
        before = after;
    }
    fs::write(parts::other_log("measured"), &measured).expect("the folder can be written");
}

/// Opens so many connections, sends half of a body on each, and closes them; the memory meanwhile.
async fn burst(site: &Site, connections: usize) -> u64 {
    let mut held = Vec::new();
    for _ in 0..connections {
        let client = site.browser().timeout(Duration::from_secs(60));
        let connection = client.connect(&site.url).await;
        let connection = connection.expect("the sidecar accepts");
        let (mut sender, body) = body_channel();
        let request = connection.post("/test/echo").body_stream(body);
        assert!(sender.send(vec![b'x'; HALF]).await);
        let answer = request.stream().await.expect("the sidecar answers");
        assert_eq!(answer.status, 200);
        held.push((connection, sender, answer));
    }
    memory_kib(site.sidecar().id(), KIND)
}

async fn download(site: &Site, client: &Client, length: u64, memory: &mut Memory) {
    let url = format!("{}/test/stream?bytes={length}&chunk={PIECE}", site.url);
    let mut answer = client
        .get(&url)
        .stream()
        .await
        .expect("the sidecar answers");
    let mut arrived = 0;
    while let Some(piece) = answer.next_chunk().await.expect("it does not break off") {
        arrived += piece.len() as u64;
        memory.look_at(arrived);
    }
    assert_eq!(arrived, length);
}

async fn upload(site: &Site, client: &Client, length: u64, memory: &mut Memory) {
    let (mut sender, body) = body_channel();
    let request = client.post(&format!("{}/test/digest", site.url));
    let answer = tokio::spawn(request.body_stream(body).send());
    let piece = Bytes::from(vec![b'x'; PIECE]);
    for sent in 1..=length / PIECE as u64 {
        assert!(sender.send(piece.clone()).await, "{sent} MiB sent");
        memory.look_at(sent * PIECE as u64);
    }
    drop(sender);
    let answer = answer.await.expect("it does not panic");
    let answer = answer.expect("the sidecar answers").json();
    assert_eq!(answer["bytes"], length, "{answer}");
}

/// The sidecar's memory (KiB) during one transfer.
#[derive(Debug)]
struct Memory {
    before: u64,
    most: u64,
    looks: u64,
    process: u32,
}

impl Memory {
    fn of(site: &Site) -> Self {
        let process = site.sidecar().id();
        let before = memory_kib(process, KIND);
        Self {
            before,
            most: before,
            looks: 0,
            process,
        }
    }

    /// Looks when `passed` bytes have gone another [`BETWEEN_LOOKS`] further.
    fn look_at(&mut self, passed: u64) {
        if passed / BETWEEN_LOOKS > self.looks {
            self.looks += 1;
            self.most = self.most.max(memory_kib(self.process, KIND));
        }
    }
}
