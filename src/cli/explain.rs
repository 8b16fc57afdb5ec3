//! `ocient-sidecar explain`: says what would become of a token, rule by rule and grant by grant.
mod printable;
mod report;
mod text;

use super::{ConfigFile, check::BAD_CONFIGURATION};
use crate::{
    app::verifying_provider,
    auth::Policy,
    config::{Config, Flow},
    oidc::{Expect, Owner, Provider, Rule, Trace},
    secret::Secret,
    telemetry::chain,
    tls::TlsError,
};
use clap::Args;
use report::{Judged, Report};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What to explain.
#[derive(Args, Debug)]
pub struct Explain {
    /// The file with the token, or - for standard input; never the token itself, which would
    /// show in the list of processes
    #[arg(long, value_name = "FILE")]
    pub token: PathBuf,
    /// The database that the token would be used for
    #[arg(long, value_name = "NAME")]
    pub database: String,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
enum ExplainError {
    /// Does not name the file: somebody may have put the token in its place.
    #[error("cannot read what --token names, which has to be a file or -")]
    Token(#[source] io::Error),
    #[error("there is no token in it")]
    NoToken,
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    #[error("provider {0}")]
    Tls(String, #[source] TlsError),
}

/// Explains one token as of `now`; `input` is standard input. The answer goes to `out`, and its
/// exit code is 0 if the token is accepted and granted the database, [`BAD_CONFIGURATION`] if
/// the configuration cannot be used, and 1 otherwise. Asks the provider for metadata and keys,
/// and for userinfo where a request would, and the SQL node for nothing.
pub fn explain(
    order: &Explain,
    input: &mut impl Read,
    out: &mut impl Write,
    now: SystemTime,
) -> u8 {
    let config = match Config::load(&order.config.path) {
        Ok(loaded) => loaded.config,
        Err(mistakes) => {
            drop(write!(io::stderr(), "{mistakes}"));
            return BAD_CONFIGURATION;
        }
    };
    let report = match read(&order.token, input).and_then(|token| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ExplainError::Runtime)?;
        runtime.block_on(report(&config, &token, &order.database, now))
    }) {
        Ok(report) => report,
        Err(error) => {
            drop(writeln!(io::stderr(), "{}", chain(&error)));
            return 1;
        }
    };
    let written = match order.json {
        true => writeln!(out, "{}", printable::json(&report)),
        false => text::write(&report, out),
    };
    match written {
        Ok(()) if report.is_granted() => 0,
        _ => 1,
    }
}

/// The token, without the white space around it.
fn read(path: &Path, input: &mut impl Read) -> Result<Secret, ExplainError> {
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => input.take(MAX_INPUT).read_to_string(&mut text),
        false => File::open(path).and_then(|file| file.take(MAX_INPUT).read_to_string(&mut text)),
    };
    read.map_err(ExplainError::Token)?;
    match text.trim() {
        "" => Err(ExplainError::NoToken),
        token => Ok(Secret::new(token)),
    }
}

async fn report(
    config: &Config,
    token: &Secret,
    database: &str,
    now: SystemTime,
) -> Result<Report, ExplainError> {
    let providers = providers(config)?;
    let entries = providers.iter().map(|provider| provider.config());
    let owner = Owner::of(token.expose(), entries);
    let judged = match owner {
        Owner::Entry(number) if takes_tokens(&providers[number]) => {
            judge(&providers[number], token, now).await
        }
        _ => Judged::not(),
    };
    let report = Report::new(token, &providers, owner, database);
    Ok(report.judged(&Policy::new(config), judged))
}

/// The configured providers, without what proves us to them: verification takes none of it.
fn providers(config: &Config) -> Result<Vec<Arc<Provider>>, ExplainError> {
    let provider = |provider| {
        let made = verifying_provider(provider);
        made.map_err(|error| ExplainError::Tls(provider.name.to_string(), error))
    };
    config.providers.iter().map(provider).collect()
}

/// Whether clients may bring its tokens.
fn takes_tokens(provider: &Provider) -> bool {
    provider.config().flows.contains(&Flow::Token)
}

/// The very verification that a request's bearer token goes through.
async fn judge(provider: &Provider, token: &Secret, now: SystemTime) -> Judged {
    let mut trace = Trace::default();
    let judging = provider.judge(token, Expect::Bearer, now, &mut trace);
    let outcome = match tokio::time::timeout(PATIENCE, judging).await {
        Ok(outcome) => outcome.map_err(|error| chain(&error)),
        Err(_) => Err(format!("no answer of the provider within {PATIENCE:?}")),
    };
    Judged { outcome, trace }
}

impl Judged {
    /// There was nobody to judge it.
    fn not() -> Self {
        Self {
            outcome: Err("no provider takes this token".to_owned()),
            trace: Trace::default(),
        }
    }

    /// The rule that was broken.
    fn broken(&self) -> Option<Rule> {
        self.trace.broken().next()
    }
}

/// For metadata, keys, keys once more for an unknown one, and userinfo.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of input: four times the longest token, so that an endless file is not read whole.
const MAX_INPUT: u64 = 64 * 1024;
