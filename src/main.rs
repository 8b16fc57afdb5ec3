//! The program: reads the command line and returns the exit code.
use clap::Parser;
use ocient_sidecar::cli::{Arguments, Command, check, explain, run};
use std::{io, process::ExitCode, time::SystemTime};

/// A third less memory per idle connection than glibc's at the same speed.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let mut out = io::stdout();
    ExitCode::from(match Arguments::parse().command {
        Command::Run(config) => run::run(&config.path, &mut out),
        Command::Check(config) => check::check(&config.path, &mut out),
        Command::Explain(order) => {
            explain::explain(&order, &mut io::stdin(), &mut out, SystemTime::now())
        }
    })
}
