//! What the program holds while bodies pass through it: the same, however long they are.

use std::{fs, time::Duration};

use bytes::Bytes;
use sidecar_testkit::client::{Client, body_channel};

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

/// As many logins as one network may have read at a time, each of nearly a mebibyte, that nobody ends.
const LOGINS: usize = 15;

/// At least so much of them is held at once, in KiB.
const HELD_KIB: u64 = 8 * 1024;

/// How long the memory of a burst may be kept.
const LONGEST_KEPT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_a_burst_took_goes_back_to_the_system_within_a_minute() {
    let mut site = Site::without_processes("web-rs256", &["web-rs256"]).await;
    site.start_sidecar(); // without its provider: nobody signs in here
    let process = site.sidecar().id();
    let client = site.browser().http2().timeout(Duration::from_secs(60));
    let login = format!("{}/v1/login", site.url);
    // The first makes what every first one makes: connections, arenas, threads' own pieces.
    let most = burst(&client, &login, process).await;
    let before = memory_when(process, |kib| kib * 2 < most).await;
    let most = burst(&client, &login, process).await;
    let after = memory_when(process, |kib| kib * 10 <= before * 11).await;
    let measured = format!("{before} KiB, with {LOGINS} logins {most}, then {after}\n");
    fs::write(parts::other_log("burst"), &measured).expect("the folder can be written");
}

/// Logins that nobody ends, and then gives up; the memory that they took.
async fn burst(client: &Client, login: &str, process: u32) -> u64 {
    let before = memory_kib(process, KIND);
    let mut held = Vec::new();
    for _ in 0..LOGINS {
        let (mut sender, body) = body_channel();
        let answer = tokio::spawn(client.post(login).body_stream(body).send());
        for _ in 0..15 {
            sender.send(Bytes::from(vec![b'x'; 1 << 16])).await;
        }
        held.push((sender, answer));
    }
    memory_when(process, |kib| kib > before + HELD_KIB).await
}

/// The memory of `process` as soon as it is so, which it has to be in [`LONGEST_KEPT`].
async fn memory_when(process: u32, is_so: impl Fn(u64) -> bool) -> u64 {
    let mut looks = tokio::time::interval(Duration::from_millis(100));
    let mut last = 0;
    let looking = async {
        loop {
            looks.tick().await;
            last = memory_kib(process, KIND);
            if is_so(last) {
                return last;
            }
        }
    };
    let found = tokio::time::timeout(LONGEST_KEPT, looking).await;
    found.unwrap_or_else(|_| panic!("{last} KiB after a minute"))
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
