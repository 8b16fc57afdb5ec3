//! `origin PORT`: the server behind every peer.
use sidecar_bench_tools::origin::{Answers, serve};
use std::{env, error::Error};

fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).ok_or("usage: origin PORT")?;
    Ok(serve(port.parse()?, Answers::from_environment()?)?)
}
