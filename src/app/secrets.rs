//! Secrets that the configuration names, read at the start.
use super::StartError;
use crate::{
    config::{self, Config},
    secret::Secret,
};
use std::collections::HashMap;

pub(super) fn read_optional(
    source: &Option<config::SecretSource>,
    what: impl FnOnce() -> String,
) -> Result<Option<Secret>, StartError> {
    source.as_ref().map(|source| read(source, what)).transpose()
}

pub(super) fn passwords(config: &Config) -> Result<HashMap<String, Secret>, StartError> {
    let password = |account: &config::Account| {
        let what = || format!("password of account {}", account.name);
        Ok((account.name.clone(), read(&account.password, what)?))
    };
    config.accounts.iter().map(password).collect()
}

pub(super) fn read(
    source: &config::SecretSource,
    what: impl FnOnce() -> String,
) -> Result<Secret, StartError> {
    source.read().map_err(|source| StartError::Secret {
        what: what(),
        source,
    })
}
