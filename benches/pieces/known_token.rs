//! The decision about a request whose token was found good before: who it is, what that one may
//! use, and the Ocient token that is there already.
use crate::world::World;
use criterion::{BatchSize, Criterion};
use http::{Request, header};
use ocient_sidecar::{
    auth::{Authenticator, Decision, Memo, Secrets, Seen, SignedIn},
    body::Body,
    ocient::{OcientTokens, TokenEndpoints},
    route::Target,
    seal::KeyRing,
    session::Sessions,
    telemetry::Telemetry,
};
use sidecar_testkit::sql_node::{Integration, SqlNode, SqlNodeOptions};
use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, SystemTime},
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let world = World::start();
    let node = world.runtime.block_on(sql_node(&world));
    let authenticator = authenticator(&world, &node);
    let decide = |memo: &Memo, mut request: Request<Body>| {
        let (target, mut seen) = (Target::Database("retail_analytics".into()), Seen::nothing());
        let about = (IpAddr::from(Ipv4Addr::LOCALHOST), memo);
        let decided =
            authenticator.decide(&mut request, &target, about, SystemTime::now(), &mut seen);
        let decision = world.runtime.block_on(decided).unwrap();
        assert!(matches!(decision, Decision::Inject(_)));
    };
    let mint = || world.stand_in.mint().id_token();
    let usual = mint().build();
    // Larger ones are not remembered for all connections, and so looked up by their digest.
    let large = mint().claim("large", "x".repeat(5_000)).build();
    let mut group = criterion.benchmark_group("known token");
    for (name, token, keeps_memo) in [
        ("of this connection", &usual, true),
        ("of another connection", &usual, false),
        ("by its digest, 8 KiB", &large, false),
    ] {
        let memo = Memo::default();
        for _ in 0..3 {
            decide(&memo, request(token)); // verified, known, remembered
        }
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || request(token),
                |request| match keeps_memo {
                    true => decide(&memo, request),
                    false => decide(&Memo::default(), request),
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn request(token: &str) -> Request<Body> {
    Request::post("/v1/execute/retail_analytics")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}

/// One that takes the tokens of the provider.
async fn sql_node(world: &World) -> SqlNode {
    let integration = Integration {
        issuer: world.stand_in.issuer().to_owned(),
        client_id: "ocient".to_owned(),
        ca_pem: world.authority.ca_pem(),
        username_claim: "preferred_username".to_owned(),
        ..Integration::default()
    };
    SqlNode::start(SqlNodeOptions {
        integrations: vec![integration],
        ..SqlNodeOptions::default()
    })
    .await
}

fn authenticator(world: &World, node: &SqlNode) -> Authenticator {
    let folder = tempfile::tempdir().unwrap();
    let ring = Arc::new(KeyRing::open(folder.path()).unwrap());
    let sessions = Sessions::<SignedIn>::open(&world.config.sessions, ring, None);
    let sessions = world.runtime.block_on(sessions).unwrap();
    let control = world.runtime.handle().clone();
    let telemetry = Telemetry::new(world.config.log, io::sink());
    let (url, day) = (node.url().parse().unwrap(), Duration::from_secs(24 * 3600));
    let endpoints = TokenEndpoints::new(world.http(), url, day);
    let tokens = OcientTokens::new(endpoints, 10, control.clone(), telemetry.clone());
    let providers = vec![world.provider.clone()];
    Authenticator::new(
        &world.config,
        Secrets::default(),
        providers,
        sessions,
        tokens,
        control,
        telemetry,
    )
}
