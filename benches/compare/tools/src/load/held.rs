//! Connections that stay open while somebody else measures the peer's memory.
use super::SMALL;
use crate::client::{Connection, Target};
use serde_json::{Value, json};
use std::{
    io::{self, Read, Write},
    thread,
    time::{Duration, Instant},
};

pub(super) fn idle(target: &Target, bearer: &str, connections: usize) -> io::Result<Value> {
    let held = open(target, bearer, connections)?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(json!({ "connections": held.len() }))
}

pub(super) fn slow(
    (small, large): (&Target, &Target),
    bearer: &str,
    connections: usize,
    rate: usize,
) -> io::Result<Value> {
    let held = open(small, bearer, connections)?;
    io::stdin().read_line(&mut String::new())?;
    let request = large.get(bearer);
    for mut connection in held {
        let request = request.clone();
        // Ends with the process, at the end of standard input.
        thread::spawn(move || -> io::Result<()> {
            connection.send(&request)?;
            read_slowly(&mut connection, rate)
        });
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(json!({ "connections": connections }))
}

/// Says READY and how many connections there are, each of which has answered a request.
fn open(target: &Target, bearer: &str, connections: usize) -> io::Result<Vec<Connection>> {
    let request = target.get(bearer);
    let mut held = Vec::new();
    for _ in 0..connections {
        let mut connection = target.connect(SMALL)?;
        if connection.exchange(&request)?.status == 200 {
            held.push(connection);
        }
    }
    let mut output = io::stdout();
    writeln!(output, "READY {}", held.len())?;
    output.flush()?;
    Ok(held)
}

fn read_slowly(connection: &mut Connection, rate: usize) -> io::Result<()> {
    let begin = Instant::now();
    let mut total = 0;
    loop {
        let size = connection.skip(SMALL)?;
        if size == 0 {
            return Ok(());
        }
        total += size;
        let due = begin + Duration::from_secs_f64(total as f64 / rate as f64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
