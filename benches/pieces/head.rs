//! The rewriting of a request's head.
use criterion::{BatchSize, Criterion};
use http::{HeaderMap, HeaderValue, header};
use ocient_sidecar::headers::{ForwardedFields, strip_forged, strip_hop_by_hop};
use std::{hint::black_box, net::Ipv4Addr};

pub(crate) fn bench(criterion: &mut Criterion) {
    let forwarded = ForwardedFields::new(Ipv4Addr::LOCALHOST.into());
    let bearer = HeaderValue::from_static("Bearer 0123456789abcdef0123456789abcdef");
    let rewrite = |mut headers: HeaderMap| {
        strip_hop_by_hop(&mut headers);
        strip_forged(&mut headers);
        forwarded.set(&mut headers);
        headers.insert(header::AUTHORIZATION, bearer.clone());
        headers
    };
    let mut group = criterion.benchmark_group("head");
    for (name, headers) in [("client library", library()), ("browser", browser())] {
        group.bench_function(name, |bencher| {
            let copy = || headers.clone();
            bencher.iter_batched(copy, |it| rewrite(black_box(it)), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn library() -> HeaderMap {
    fields(&[
        ("host", "sql0.example.com:8443"),
        ("user-agent", "python-requests/2.32.3"),
        ("accept-encoding", "gzip, deflate"),
        ("accept", "*/*"),
        ("connection", "keep-alive"),
        ("authorization", &format!("Bearer {}", "t".repeat(1024))),
        ("content-length", "62"),
        ("content-type", "application/json"),
    ])
}

/// As a browser behind a proxy that says so, and that is not believed.
fn browser() -> HeaderMap {
    let mut headers = library();
    headers.extend(fields(&[
        ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
        ("origin", "https://sql0.example.com:8443"),
        ("referer", "https://sql0.example.com:8443/"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
        ("cookie", "theme=dark; __Host-ocient_session=ocs_0123456789"),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7"),
        ("x-forwarded-proto", "https"),
        ("te", "trailers"),
    ]));
    headers
}

fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        let name = http::HeaderName::from_static(name);
        (name, HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(field).collect()
}
