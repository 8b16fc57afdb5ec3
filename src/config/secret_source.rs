//! `SecretSource`: where a secret is read from; the configuration never holds one.
use super::{
    fault::Fault,
    files::Use,
    section::{SECRET_FORMS, Section},
    values::{path, string},
};
use crate::{
    file_rule::{self, Exposure, FileError},
    secret::Secret,
};
use std::{
    env::VarError,
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The place of a secret, as config.toml names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `{ file = "…" }`: a file that only we and root may read.
    File(PathBuf),
    /// `{ credential = "…" }`: a systemd credential of the unit (`LoadCredential=`).
    Credential(String),
    /// `{ env = "…" }`: an environment variable.
    Env(String),
}

/// Why a secret cannot be used. Names its place, never its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("environment variable {0} is not set")]
    NoVariable(String),
    /// The process was not started with credentials.
    #[error("credential {0}: $CREDENTIALS_DIRECTORY is not set")]
    NoCredentials(String),
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A folder, a device or a pipe.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// Others may read or change the file.
    #[error(transparent)]
    Exposed(#[from] Exposure),
    /// More than 64 KiB.
    #[error("{0} is longer than 64 KiB")]
    TooLong(SecretSource),
    /// Nothing, or a line break alone.
    #[error("{0} is empty")]
    Empty(SecretSource),
    /// Not UTF-8.
    #[error("{0} is not UTF-8 text")]
    NotText(SecretSource),
}

impl SecretSource {
    /// Reads it, without the line break at its end.
    ///
    /// # Errors
    /// Missing, unreadable, open to others, too long, empty, or not text.
    pub fn read(&self) -> Result<Secret, SecretError> {
        self.read_with(file_rule::credentials_folder().as_deref())
    }

    /// Reads it, with systemd credentials from `credentials`.
    pub(super) fn read_with(&self, credentials: Option<&Path>) -> Result<Secret, SecretError> {
        let bytes = match self {
            Self::File(path) => read_file(path, credentials)?,
            Self::Credential(name) => match credentials {
                Some(folder) => read_file(&folder.join(name), credentials)?,
                None => return Err(SecretError::NoCredentials(name.clone())),
            },
            Self::Env(name) => self.read_variable(name)?,
        };
        self.secret(&bytes)
    }

    fn read_variable(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        match std::env::var(name) {
            Ok(text) => Ok(Zeroizing::new(text.into_bytes())),
            Err(VarError::NotPresent) => Err(SecretError::NoVariable(name.to_owned())),
            // The error would print the content.
            Err(VarError::NotUnicode(_)) => Err(SecretError::NotText(self.clone())),
        }
    }

    fn secret(&self, bytes: &[u8]) -> Result<Secret, SecretError> {
        if bytes.len() > MAX_LENGTH {
            return Err(SecretError::TooLong(self.clone()));
        }
        let text = str::from_utf8(bytes).map_err(|_| SecretError::NotText(self.clone()))?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        Ok(Secret::new(line))
    }
}

/// As an operator knows it.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

impl Section<'_> {
    /// The place of the secret `key`, which must be in the file.
    pub(super) fn required_secret(&mut self, key: &'static str) -> Option<SecretSource> {
        match self.optional_secret(key)? {
            Some(source) => Some(source),
            None => self.missing(key),
        }
    }

    /// The place of the secret `key`, if the file has it.
    pub(super) fn optional_secret(&mut self, key: &'static str) -> Option<Option<SecretSource>> {
        let source = self.secret_table(key, SecretSource::from_table)?;
        if let Some(source) = &source {
            self.uses(key, Use::Secret(source.clone()));
        }
        Some(source)
    }
}

impl SecretSource {
    fn from_table(table: &mut Section<'_>) -> Option<Self> {
        let file = table.optional("file", string(path));
        let credential = table.optional("credential", string(credential_name));
        let env = table.optional("env", string(variable_name));
        let file = file?.map(|path| Self::File(table.resolve(path)));
        let places = [file, credential?.map(Self::Credential), env?.map(Self::Env)];
        let mut places = places.into_iter().flatten();
        match (places.next(), places.next()) {
            (Some(source), None) => Some(source),
            _ => table.fault_here(Fault::new("exactly one place is wanted").cure(SECRET_FORMS)),
        }
    }
}

fn read_file(path: &Path, credentials: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let opened = file_rule::open_secret_beside(path, credentials);
    let file = opened.map_err(|error| match error {
        FileError::Io(source) | FileError::Closed { source, .. } => unreadable(source),
        FileError::NotAFile | FileError::Link => SecretError::NotAFile(path.to_owned()),
        FileError::Exposed(exposure) => SecretError::Exposed(exposure),
    })?;
    // Room for all of it: a growing buffer would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LENGTH + 1));
    let mut bounded = file.take(MAX_LENGTH as u64 + 1);
    bounded.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn credential_name(name: &str) -> Result<String, Fault> {
    let plain = !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..";
    plain.then(|| name.to_owned()).ok_or_else(|| {
        Fault::new("not the name of a credential")
            .cure("the name given to LoadCredential=, without a slash")
            .hiding_value()
    })
}

fn variable_name(name: &str) -> Result<String, Fault> {
    let plain = !name.is_empty() && !name.contains(['=', '\0']);
    plain.then(|| name.to_owned()).ok_or_else(|| {
        Fault::new("not the name of a variable")
            .cure("the name alone, without `=` and value")
            .hiding_value()
    })
}

/// The largest thing given as a secret is a private key in PEM; a wrong path may be endless.
const MAX_LENGTH: usize = 64 * 1024;
