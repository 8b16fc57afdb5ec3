//! The access line, as far as it is made in the request's own time.
use criterion::Criterion;
use ocient_sidecar::{
    config::{Log, LogFormat},
    telemetry::{Access, CredentialKind, Outcome, Telemetry},
};
use std::{
    hint::black_box,
    io,
    net::Ipv4Addr,
    time::{Duration, SystemTime},
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("access line");
    for format in [LogFormat::Json, LogFormat::Text] {
        let log = Log {
            format,
            level: tracing::Level::INFO,
        };
        let telemetry = Telemetry::new(log, io::sink());
        let access = line();
        group.bench_function(format!("{format:?}"), |bencher| {
            bencher.iter(|| telemetry.access(black_box(&access)));
        });
    }
    group.finish();
}

fn line() -> Access<'static> {
    Access {
        time: SystemTime::now(),
        kind: "access",
        request_id: "0123456789abcdef",
        client: Ipv4Addr::LOCALHOST.into(),
        method: "POST",
        path: "/v1/execute/retail_analytics",
        status: 200,
        bytes: 1024,
        duration: Duration::from_micros(1234),
        outcome: Outcome::Complete,
        identity: Some("alice"),
        database: Some("retail_analytics"),
        credential: CredentialKind::ProviderToken,
        cache_hit: Some(true),
    }
}
