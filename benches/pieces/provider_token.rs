//! Verification of a provider token that was not seen before.
use crate::world::World;
use criterion::Criterion;
use ocient_sidecar::{
    oidc::{Expect, unverified_issuer},
    secret::Secret,
};
use sidecar_testkit::provider::Algorithm;
use std::{hint::black_box, time::SystemTime};

pub(crate) fn bench(criterion: &mut Criterion) {
    let world = World::start();
    let mut group = criterion.benchmark_group("provider token");
    for algorithm in [
        Algorithm::RS256,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        world.stand_in.sign_with(algorithm);
        let token = Secret::new(world.stand_in.mint().id_token().build());
        group.bench_function(format!("{algorithm:?}"), |bencher| {
            let verify = || {
                let now = SystemTime::now();
                world
                    .provider
                    .verify(black_box(&token), Expect::Bearer, now)
            };
            bencher.iter(|| world.runtime.block_on(verify()).unwrap());
        });
    }
    let token = world.stand_in.mint().id_token().build();
    group.bench_function("whose it says it is", |bencher| {
        bencher.iter(|| unverified_issuer(black_box(&token)));
    });
    group.finish();
}
