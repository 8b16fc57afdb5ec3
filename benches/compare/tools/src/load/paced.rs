//! Open loops: requests fall due at a fixed rate, and waiting for a late answer counts as latency.
use super::SMALL;
use crate::client::Target;
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs, io, iter, thread,
    time::{Duration, Instant},
};

/// A rate, and how it is spread.
#[derive(Clone, Copy, Debug, Args)]
pub struct Pace {
    /// How many connections share the rate.
    pub connections: usize,
    /// Requests per second.
    pub rate: f64,
    /// For how long.
    pub seconds: f64,
}

pub(super) fn requests(target: &Target, bearer: &str, pace: &Pace) -> io::Result<Value> {
    let request = target.get(bearer);
    run(target, pace, |_| iter::repeat(request.clone()))
}

/// Each connection takes every n-th token; without any left it ends early, which counts as an error.
pub(super) fn sign_ins(
    target: &Target,
    tokens: &[String],
    skip: usize,
    pace: &Pace,
) -> io::Result<Value> {
    run(target, pace, |number| {
        let own = tokens.iter().skip(skip + number).step_by(pace.connections);
        own.map(|token| {
            let body = json!({ "database": "system", "id_token": token }).to_string();
            let mut request = target.post("", "application/json", body.len() as u64);
            request.extend_from_slice(body.as_bytes());
            request
        })
    })
}

fn run<R>(target: &Target, pace: &Pace, requests_of: impl Fn(usize) -> R) -> io::Result<Value>
where
    R: Iterator<Item = Vec<u8>> + Send,
{
    // Sleeps end on time: threads inherit the slack, which is 50 us otherwise. Older kernels
    // forbid it to unprivileged users; the percentiles of all peers are then a little higher.
    let _ = fs::write("/proc/self/timerslack_ns", "1");
    let begin = Instant::now() + Duration::from_millis(300);
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let threads: Vec<_> = (0..pace.connections)
            .map(|number| {
                let requests = requests_of(number);
                scope.spawn(move || connection(target, pace, begin, number, requests))
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|it| it.join().ok())
            .collect()
    });
    let mut latencies: Vec<f64> = outcomes
        .iter()
        .flat_map(|it| it.latencies.clone())
        .collect();
    latencies.sort_by(f64::total_cmp);
    let errors: u64 = outcomes.iter().map(|outcome| outcome.errors).sum();
    let late = outcomes
        .iter()
        .map(|outcome| outcome.late)
        .max()
        .unwrap_or_default();
    let at = |share: f64| {
        let place = (latencies.len() as f64 * share) as usize;
        latencies
            .get(place.min(latencies.len().saturating_sub(1)))
            .copied()
    };
    Ok(json!({
        "requests": latencies.len(),
        "errors": errors + (pace.connections - outcomes.len()) as u64,
        "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99), "p999_us": at(0.999), "late_us": late.as_secs_f64() * 1e6,
    }))
}

#[derive(Default)]
struct Outcome {
    latencies: Vec<f64>,
    /// The longest from when a request was due to when it began.
    late: Duration,
    errors: u64,
}

/// One connection's share: requests fall due `connections / rate` apart, the connections' in turn.
fn connection(
    target: &Target,
    pace: &Pace,
    begin: Instant,
    number: usize,
    mut requests: impl Iterator<Item = Vec<u8>>,
) -> Outcome {
    let step = Duration::from_secs_f64(pace.connections as f64 / pace.rate);
    let mut due = begin + step.mul_f64(number as f64 / pace.connections as f64);
    let end = begin + Duration::from_secs_f64(pace.seconds);
    let mut outcome = Outcome::default();
    let mut connection = target.connect(SMALL).ok();
    while due < end {
        let Some(request) = requests.next() else {
            outcome.errors += 1;
            break;
        };
        let now = Instant::now();
        let start = if now < due {
            thread::sleep(due - now);
            Instant::now()
        } else {
            due // late because the last answer was late: that counts
        };
        outcome.late = outcome.late.max(due.elapsed());
        let answer = connection.as_mut().map(|it| it.exchange(&request));
        if matches!(answer, Some(Ok(answer)) if answer.status == 200) {
            outcome.latencies.push(start.elapsed().as_secs_f64() * 1e6);
        } else {
            outcome.errors += 1;
            connection = target.connect(SMALL).ok();
        }
        due += step;
    }
    outcome
}
