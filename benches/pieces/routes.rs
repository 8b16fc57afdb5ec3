//! Whose path it is.
use criterion::Criterion;
use ocient_sidecar::route::Routes;
use std::hint::black_box;

pub(crate) fn bench(criterion: &mut Criterion) {
    let routes = Routes::new(["/v1/callback", "/v1/other/callback"]);
    let long = format!("/v1/status/{}", "segment/".repeat(100));
    // Of the greatest length that is read laxly: as many segments, escapes and gaps as fit.
    let odd = |text: &str| format!("/v1{}", text.repeat(1021 / text.len()));
    let (segments, nested, gaps) = (odd("/;"), odd("%25"), odd("/\u{200b}\u{df}"));
    let mut group = criterion.benchmark_group("route");
    for (name, path) in [
        ("query", "/v1/execute/retail_analytics"),
        ("query without a database", "/v1/execute"),
        ("elsewhere", "/v1/info"),
        ("ours", "/v1/sso-token"),
        ("escaped", "/v1/execute/r%C3%A9sum%C3%A9"),
        ("an attack", "/v1/%2e%2e/v1//LOGOUT;x=1"),
        ("800 plain bytes", &long),
        ("1 KiB of segments", &segments),
        ("1 KiB of escapes", &nested),
        ("1 KiB of gaps", &gaps),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| routes.classify(black_box(path)));
        });
    }
    group.finish();
}
