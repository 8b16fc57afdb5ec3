//! The load generator: what `wrk` and `h2load` do not do. Every mode ends with one line of JSON.
mod bodies;
mod held;
mod many;
mod paced;
mod single;

use crate::client::Target;
use clap::Parser;
use serde_json::Value;
use std::{env, fs, io, path::PathBuf};

/// Sends requests with the bearer of the environment variable BENCH_BEARER.
#[derive(Debug, Parser)]
#[command(name = "load")]
pub enum Load {
    /// One request: its status, and size and SHA-256 of its body.
    Once {
        /// Where to.
        url: String,
    },
    /// Requests one after the other on one connection.
    Count {
        /// Where to.
        url: String,
        /// How many.
        requests: u64,
    },
    /// Requests at a fixed rate, whether earlier ones were answered or not; percentiles.
    Rate {
        /// Where to.
        url: String,
        /// How often, and on how many connections.
        #[command(flatten)]
        pace: paced::Pace,
    },
    /// Sign-ins at a fixed rate, each with a token of its own; percentiles.
    SignIn {
        /// The sign-in endpoint.
        url: String,
        /// How often, and on how many connections.
        #[command(flatten)]
        pace: paced::Pace,
        /// A file of tokens, one a line.
        tokens: PathBuf,
        /// How many of its tokens to pass over.
        skip: usize,
    },
    /// One request with each token of a file.
    Each {
        /// Where to.
        url: String,
        /// How many connections.
        connections: usize,
        /// A file of tokens, one a line.
        tokens: PathBuf,
    },
    /// Connections in a loop, each with a full handshake, one request and its end.
    Connect {
        /// Where to.
        url: String,
        /// How many at a time.
        connections: usize,
        /// For how long.
        seconds: f64,
    },
    /// One large answer.
    Download {
        /// Where to.
        url: String,
    },
    /// One large request.
    Upload {
        /// Where to.
        url: String,
        /// Size of its body.
        mib: u64,
    },
    /// Opens and uses connections, prints READY and holds them until standard input ends.
    Idle {
        /// Where to.
        url: String,
        /// How many.
        connections: usize,
    },
    /// The same, but at a line on standard input each asks for a large answer and reads it slowly.
    Slow {
        /// For the first request.
        url: String,
        /// For the large answer.
        large: String,
        /// How many.
        connections: usize,
        /// Bytes that each reads per second.
        rate: usize,
    },
}

impl Load {
    /// Runs the mode to its end.
    ///
    /// # Errors
    /// What kept it from measuring; requests that fail while it does are counted instead.
    pub fn run(&self) -> io::Result<Value> {
        let bearer = env::var("BENCH_BEARER").unwrap_or_default();
        match self {
            Self::Once { url } => single::once(&Target::parse(url)?, &bearer),
            Self::Count { url, requests } => {
                single::count(&Target::parse(url)?, &bearer, *requests)
            }
            Self::Rate { url, pace } => paced::requests(&Target::parse(url)?, &bearer, pace),
            Self::SignIn {
                url,
                pace,
                tokens,
                skip,
            } => paced::sign_ins(&Target::parse(url)?, &lines(tokens)?, *skip, pace),
            Self::Each {
                url,
                connections,
                tokens,
            } => many::each(&Target::parse(url)?, *connections, &lines(tokens)?),
            Self::Connect {
                url,
                connections,
                seconds,
            } => many::connect(&Target::parse(url)?, &bearer, *connections, *seconds),
            Self::Download { url } => bodies::download(&Target::parse(url)?, &bearer),
            Self::Upload { url, mib } => bodies::upload(&Target::parse(url)?, &bearer, *mib),
            Self::Idle { url, connections } => {
                held::idle(&Target::parse(url)?, &bearer, *connections)
            }
            Self::Slow {
                url,
                large,
                connections,
                rate,
            } => {
                let targets = (&Target::parse(url)?, &Target::parse(large)?);
                held::slow(targets, &bearer, *connections, *rate)
            }
        }
    }
}

fn lines(file: &PathBuf) -> io::Result<Vec<String>> {
    Ok(fs::read_to_string(file)?
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Enough for a head and a small body.
const SMALL: usize = 16 * 1024;

/// Enough that reading is never the limit of a large body.
const LARGE: usize = 128 * 1024;
