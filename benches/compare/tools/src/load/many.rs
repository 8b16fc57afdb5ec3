//! Closed loops over many connections or tokens.
use super::SMALL;
use crate::client::Target;
use serde_json::{Value, json};
use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

pub(super) fn each(target: &Target, connections: usize, tokens: &[String]) -> io::Result<Value> {
    let good = AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..connections {
            let (own, good) = (tokens.iter().skip(number).step_by(connections), &good);
            scope.spawn(move || {
                let Ok(mut connection) = target.connect(SMALL) else {
                    return;
                };
                for token in own {
                    match connection.exchange(&target.get(token)) {
                        Ok(answer) => good.fetch_add(u64::from(answer.status == 200), Relaxed),
                        Err(_) => return,
                    };
                }
            });
        }
    });
    let good = good.into_inner();
    Ok(json!({ "requests": good, "errors": tokens.len() as u64 - good }))
}

pub(super) fn connect(
    target: &Target,
    bearer: &str,
    connections: usize,
    seconds: f64,
) -> io::Result<Value> {
    let request = target.last_get(bearer);
    let (good, errors) = (AtomicU64::new(0), AtomicU64::new(0));
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(seconds);
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                while Instant::now() < end {
                    let answer = target
                        .connect(SMALL)
                        .and_then(|mut it| it.exchange(&request));
                    if matches!(answer, Ok(answer) if answer.status == 200) {
                        good.fetch_add(1, Relaxed);
                    } else {
                        errors.fetch_add(1, Relaxed);
                        thread::sleep(PAUSE);
                    }
                }
            });
        }
    });
    Ok(json!({
        "requests": good.into_inner(),
        "errors": errors.into_inner(),
        "seconds": begin.elapsed().as_secs_f64(),
    }))
}

/// A peer that refuses everybody must not make the loop spin.
const PAUSE: Duration = Duration::from_millis(2);
