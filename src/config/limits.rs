//! `[limits]`: what one client may take.
use super::{
    fault::Fault,
    section::Section,
    units::{duration, size},
    values::{count, only},
};
use std::{ops::RangeInclusive, time::Duration};

/// `[limits]`
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest wait for the whole head of a request once it has begun; default 10 s.
    pub header_timeout: Duration,
    /// Longest TLS handshake; default 10 s.
    pub handshake_timeout: Duration,
    /// Longest silence of a client between two requests and within the body of one, and longest
    /// time that it takes nothing of an answer; default 5 min.
    pub idle_timeout: Duration,
    /// Bytes of one request head; default 64 KiB.
    pub header_bytes: usize,
    /// Bytes of a body that is read for its `database`; default 1 MiB.
    pub inspected_body: usize,
    /// Bytes of such bodies that are held at once; default 64 MiB.
    pub inspected_bodies: usize,
    /// Open connections of one client network. 0, the default: a quarter of
    /// `listen.max_connections`, and only while more than half of them are open.
    pub connections_per_client: usize,
    /// Per minute and client address; default 20.
    pub failed_signins_per_client: u32,
}

impl Limits {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        // A slow mobile link sends a head, or shakes hands, in two seconds; who wants minutes
        // is holding connections open on purpose.
        let header_timeout = section.defaulted("header_timeout", "'10s'", duration(PATIENCE));
        let handshake_timeout = section.defaulted("handshake_timeout", "'10s'", duration(PATIENCE));
        // Connection pools of clients keep theirs for a few minutes; a lost client, or one that
        // holds a connection open on purpose, goes unnoticed for as long.
        let idle_range = *PATIENCE.start()..=Duration::from_hours(1);
        let idle_timeout = section.defaulted("idle_timeout", "'5m'", duration(idle_range));
        // Tokens with many groups take some 16 KiB. Below 8 KiB the HTTP parser has no room,
        // above 1 MiB a few thousand connections would fill the memory.
        let header_bytes = section.defaulted("header_bytes", "'64KiB'", size(8 * KIB..=KIB * KIB));
        // Held in memory per request; statements are rarely a tenth of it.
        let bodies = size(KIB..=64 * KIB * KIB);
        let inspected_body = section.defaulted("inspected_body", "'1MiB'", bodies);
        // 64 bodies of the default size; as many as that are on their way in a fraction of a second.
        let held = size(KIB..=16 * KIB * KIB * KIB);
        let inspected_bodies = section.defaulted("inspected_bodies", "'64MiB'", held);
        if let (Some(one), Some(all)) = (inspected_body, inspected_bodies)
            && one > all
        {
            let fault = Fault::new("more than `inspected_bodies`, which holds all of them");
            section.fault::<()>("inspected_body", fault.cure("lower it, or raise that"));
        }
        let share = count::<usize>(0..=1_000_000);
        let connections_per_client = section.defaulted("connections_per_client", "0", share);
        later(section);
        // People mistype; programs guess.
        let failures = count(1..=1_000_000);
        let failed_signins = section.defaulted("failed_signins_per_client", "20", failures);
        Some(Self {
            header_timeout: header_timeout?,
            handshake_timeout: handshake_timeout?,
            idle_timeout: idle_timeout?,
            header_bytes: header_bytes?,
            inspected_body: inspected_body?,
            inspected_bodies: inspected_bodies?,
            connections_per_client: connections_per_client?,
            failed_signins_per_client: failed_signins?,
        })
    }
}

/// Limits for a later version: only "no limit" is accepted.
fn later(section: &mut Section<'_>) {
    let any_count = 0..=i64::MAX;
    let none = || only(0, count::<i64>(any_count.clone()));
    section.defaulted("requests_per_identity", "0", none());
    section.defaulted("queries_per_identity", "0", none());
    let wait = only(
        Duration::from_secs(30),
        duration(Duration::ZERO..=Duration::MAX),
    );
    section.defaulted("queue_timeout", "'30s'", wait);
}

/// Zero would refuse everybody; five minutes are what other proxies allow at most.
const PATIENCE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(5);
const KIB: usize = 1024;
