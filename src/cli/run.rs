//! `run`: serves clients until a signal says stop.
use super::check::BAD_CONFIGURATION;
use crate::{
    app::{App, StartError},
    config::{Config, Loaded},
    descriptors,
    telemetry::{Telemetry, chain, complain},
};
use sd_notify::NotifyState;
use std::{
    io::{self, Write},
    path::Path,
    thread::available_parallelism,
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// Most threads of the control runtime: one verifies tokens while the other accepts. With one CPU, or a
/// quota of less than two, they would take it from each other, as often as a sign-in waits for an answer.
const MOST_CONTROL_THREADS: usize = 2;

/// Longest wait, after the end of all else, for threads that wait for a file or for a name: nobody
/// waits for them any more, and a file system on a network that is gone would keep the process for good.
const LAST_THREADS: Duration = Duration::from_secs(5);

/// Serves as the configuration at `path` says. One line per listener goes to `out` once it
/// accepts; everything else goes to standard error. Returns the exit code: 0 after a clean
/// stop, 78 for a bad configuration or a file of it that cannot be used, 1 for anything else.
pub fn run(path: &Path, out: &mut impl Write) -> u8 {
    let Loaded { config, warnings } = match Config::load(path) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            complain(mistakes);
            return BAD_CONFIGURATION;
        }
    };
    let telemetry = Telemetry::to_standard_error(config.log);
    telemetry.install();
    for warning in &warnings {
        warn!("{}", warning.line());
    }
    for doubt in config.doubts() {
        warn!("{doubt}");
    }
    descriptors::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(control_threads())
        .thread_name("control")
        .enable_all()
        .build();
    let code = match runtime {
        Ok(runtime) => {
            let served = runtime.block_on(serve(&config, telemetry.clone(), out));
            let code = served.map_or_else(|error| report(&error), |()| 0);
            let ending = Instant::now();
            runtime.shutdown_timeout(LAST_THREADS);
            if ending.elapsed() >= LAST_THREADS {
                warn!("ended beside threads that wait for a file or a name");
            }
            code
        }
        Err(error) => {
            error!(%error, "cannot start the control runtime");
            1
        }
    };
    telemetry.flush();
    code
}

/// Says why there was no start; the exit code.
fn report(error: &StartError) -> u8 {
    error!(error = chain(error), "cannot start");
    match error.is_configuration() {
        true => BAD_CONFIGURATION,
        false => 1,
    }
}

fn control_threads() -> usize {
    available_parallelism().map_or(1, |cpus| cpus.get().min(MOST_CONTROL_THREADS))
}

async fn serve(
    config: &Config,
    telemetry: Telemetry,
    out: &mut impl Write,
) -> Result<(), StartError> {
    let stop = stop_on_signals().map_err(StartError::Signals)?;
    let app = App::bind(config, telemetry).await?;
    for address in app.addresses() {
        drop(writeln!(out, "listening on https://{address}"));
    }
    drop(out.flush());
    notify(NotifyState::Ready);
    let announced = stop.clone();
    let announcement = tokio::spawn(async move {
        announced.cancelled().await;
        notify(NotifyState::Stopping);
    });
    app.run(stop).await;
    announcement.abort();
    Ok(())
}

/// Cancelled by the first SIGTERM or SIGINT; SIGHUP changes nothing. A second one ends the process at once, for a
/// person who does not want to wait for the drain.
fn stop_on_signals() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            warn!("a configuration is not read again in this version; restart to change it");
        }
    });
    tokio::spawn(async move {
        for is_second in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if is_second {
                std::process::exit(1);
            }
            cancel.cancel();
        }
    });
    Ok(stop)
}

/// Tells systemd, if it is listening.
fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "systemd not told");
    }
}
