//! One large body, in either direction.
use super::LARGE;
use crate::client::Target;
use serde_json::{Value, json};
use std::{io, time::Instant};

pub(super) fn download(target: &Target, bearer: &str) -> io::Result<Value> {
    let begin = Instant::now();
    let mut connection = target.connect(LARGE)?;
    let answer = connection.exchange(&target.get(bearer))?;
    Ok(json!({
        "status": answer.status,
        "bytes": answer.bytes,
        "seconds": begin.elapsed().as_secs_f64(),
    }))
}

/// The origin answers with the number of bytes that reached it.
pub(super) fn upload(target: &Target, bearer: &str, mib: u64) -> io::Result<Value> {
    let begin = Instant::now();
    let mut connection = target.connect(LARGE)?;
    connection.send(&target.post(bearer, "application/octet-stream", mib << 20))?;
    let block: Vec<u8> = (0..BLOCK).map(|at| (at % 251) as u8).collect();
    for _ in 0..(mib << 20) / BLOCK as u64 {
        connection.send(&block)?;
    }
    let mut text = Vec::new();
    let answer = connection.answer(|bytes| text.extend_from_slice(bytes))?;
    let arrived: u64 = String::from_utf8_lossy(&text).trim().parse().unwrap_or(0);
    Ok(json!({
        "status": answer.status,
        "bytes": arrived,
        "seconds": begin.elapsed().as_secs_f64(),
    }))
}

/// What is written at once; divides a MiB.
const BLOCK: usize = 64 * 1024;
