//! The command line: which words the program understands.
pub mod check;
pub mod explain;
pub mod run;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// OpenID Connect sign-in in front of an Ocient SQL node.
#[derive(Debug, Parser)]
#[command(name = "ocient-sidecar", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve clients until stopped
    Run(ConfigFile),
    /// Read the configuration and the files it names, without network, and list every mistake
    Check(ConfigFile),
    /// Say what would become of a provider's token: each check, the claims used, and the grant
    Explain(explain::Explain),
}

/// Which configuration.
#[derive(Args, Debug)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(long = "config", value_name = "FILE", default_value = "config.toml")]
    pub path: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_configuration_is_config_toml_unless_named() {
        for (words, expected) in [
            (vec!["ocient-sidecar", "run"], "config.toml"),
            (
                vec!["ocient-sidecar", "check", "--config", "a.toml"],
                "a.toml",
            ),
            (
                "ocient-sidecar explain --token - --database d --config a.toml"
                    .split(' ')
                    .collect(),
                "a.toml",
            ),
        ] {
            let file = match Arguments::try_parse_from(&words).unwrap().command {
                Command::Run(file) | Command::Check(file) => file,
                Command::Explain(explain) => explain.config,
            };
            assert_eq!(file.path, PathBuf::from(expected), "{words:?}");
        }
    }
}
