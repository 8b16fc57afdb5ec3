//! The load generator; see `load --help`.
use clap::Parser;
use sidecar_bench_tools::load::Load;
use std::{
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    match Load::parse().run() {
        Ok(result) => match writeln!(io::stdout(), "{result}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
