//! The search for our cookie, and its removal.
use criterion::{BatchSize, Criterion};
use http::{HeaderMap, HeaderValue, header};
use ocient_sidecar::cookie;
use std::hint::black_box;

pub(crate) fn bench(criterion: &mut Criterion) {
    let none = HeaderMap::new();
    let ours = format!(
        "theme=dark; {}=ocs_{}; lang=en",
        cookie::SESSION,
        "a".repeat(43)
    );
    let ours = line(&ours);
    let crowd: Vec<String> = (0..40).map(|at| format!("name{at}=value{at}")).collect();
    let crowd = line(&crowd.join("; "));
    let mut group = criterion.benchmark_group("cookie");
    for (name, headers) in [
        ("none", &none),
        ("ours of three", &ours),
        ("40 others", &crowd),
    ] {
        group.bench_function(format!("find, {name}"), |bencher| {
            bencher.iter(|| cookie::find(black_box(headers), cookie::SESSION));
        });
        group.bench_function(format!("remove, {name}"), |bencher| {
            let remove = |mut headers: HeaderMap| {
                cookie::remove_ours(&mut headers);
                headers
            };
            bencher.iter_batched(|| headers.clone(), remove, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn line(cookies: &str) -> HeaderMap {
    let value = HeaderValue::from_str(cookies).unwrap();
    [(header::COOKIE, value)].into_iter().collect()
}
