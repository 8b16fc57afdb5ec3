//! Look-ups of what is known already: sessions and Ocient tokens, among few and among many.
use crate::world::World;
use criterion::{BenchmarkId, Criterion};
use ocient_sidecar::{
    ocient::{OcientToken, OcientTokens, TokenEndpoints, TokenKey},
    seal::KeyRing,
    secret::Secret,
    session::{Record, SessionToken, Sessions},
    telemetry::Telemetry,
};
use serde::{Deserialize, Serialize};
use std::{
    hint::black_box,
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let world = World::start();
    sessions(criterion, &world);
    ocient_tokens(criterion, &world);
    criterion.bench_function("key of an Ocient token", |bencher| {
        bencher.iter(|| TokenKey::owned_by(black_box([7; 32]), &[b"token", b"retail_analytics"]));
    });
}

/// As large as that of a sign-in, which only the sidecar itself can make.
#[derive(Clone, Serialize, Deserialize)]
struct SignIn(String);

impl Record for SignIn {
    fn vouched_at(&self) -> Option<SystemTime> {
        None
    }

    fn names(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

fn sessions(criterion: &mut Criterion, world: &World) {
    let folder = tempfile::tempdir().unwrap();
    let ring = Arc::new(KeyRing::open(folder.path()).unwrap());
    let now = SystemTime::now();
    let mut group = criterion.benchmark_group("session");
    for count in COUNTS {
        let sessions = Sessions::open(&world.config.sessions, ring.clone(), None);
        let sessions = world.runtime.block_on(sessions).unwrap();
        let create = async || {
            let mut tokens = Vec::new();
            for _ in 0..count {
                let record = SignIn("r".repeat(2048));
                tokens.push(sessions.create(record, now).await.unwrap().0);
            }
            tokens
        };
        let tokens: Vec<SessionToken> = world.runtime.block_on(create());
        let mut turn = tokens.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            // At the time of their creation: what is measured is not the store behind the cache.
            bencher.iter(|| sessions.find_local(&turn.next().unwrap().key(), now));
        });
    }
    group.finish();
}

fn ocient_tokens(criterion: &mut Criterion, world: &World) {
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 3600);
    let mut group = criterion.benchmark_group("Ocient token");
    for count in COUNTS {
        let tokens = OcientTokens::new(
            TokenEndpoints::new(world.http(), "http://127.0.0.1:1".parse().unwrap(), day),
            u64::from(u32::MAX),
            world.runtime.handle().clone(),
            Telemetry::new(world.config.log, io::sink()),
        );
        let key = |number: usize| TokenKey::of(&[&number.to_be_bytes()]);
        for number in 0..count {
            let secret = Secret::new(format!("ocient-{number}"));
            let token = OcientToken::new(secret, now, day).unwrap();
            tokens.slot(key(number)).adopt(Arc::new(token));
        }
        let keys: Vec<TokenKey> = (0..count).map(key).collect();
        let mut turn = keys.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| tokens.slot(*turn.next().unwrap()).ready(now).unwrap());
        });
    }
    group.finish();
}

/// One that stays in the CPU's cache, and more than fit in there.
const COUNTS: [usize; 2] = [1, 10_000];
