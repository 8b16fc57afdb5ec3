//! The demo: SQL node, OpenID provider and sidecar in one process, with `curl` lines to try them.
//!
//! Without arguments it prints the lines and stays up until Ctrl-C. With `--tour` it runs the very
//! same lines itself and exits 0 only if each was answered as it should be.
mod commands;
mod failure;
mod folder;
mod line;
mod lines;
mod screen;
mod secrets;
mod settings;
mod tour;
mod world;

use clap::Parser;
use failure::Failure;
use folder::Folder;
use screen::Screen;
use std::{io, path::PathBuf, process::ExitCode};
use tokio::runtime::{Builder, Runtime};
use world::World;

/// Runs a SQL node, an OpenID provider and the sidecar between them, all on this machine.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Run the curl lines, check every answer, and exit 0 only if all are right.
    #[arg(long)]
    tour: bool,
    /// Where to keep certificates, configuration and log.
    #[arg(long, value_name = "FOLDER", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/certs/demo"))]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut screen = Screen::new(io::stdout());
    match show(&arguments, &mut screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            Screen::new(io::stderr()).failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn show(arguments: &Arguments, screen: &mut Screen<io::Stdout>) -> Result<(), Failure> {
    let folder = Folder::open(&arguments.folder)?;
    let runtime = runtime()?;
    if arguments.tour {
        runtime.block_on(async {
            tour::check_curl().await?;
            let world = World::start(folder).await?;
            tour::run(world, screen).await
        })
    } else {
        runtime.block_on(async {
            let stop = world::stop_signal()?;
            let world = World::start(folder).await?;
            screen.welcome(&world.places, &world.folder);
            screen.lines(&lines::all(&world.places, &world.folder));
            screen.remark("The sidecar runs until Ctrl-C.");
            stop.await;
            screen.remark("Stopping: what still runs may finish within ten seconds.");
            world.stop().await.map(drop)
        })
    }
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(Failure::io("start the runtime"))
}

/// As many as the sidecar's own command gives its control runtime at most.
const CONTROL_THREADS: usize = 2;
