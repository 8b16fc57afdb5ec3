//! Loading: from a file or its text to a `Config` or the list of its mistakes.
use super::{Config, Mistakes, reading::Reading, section::Section, warning::Warning};
use crate::file_rule::{FileError, judge_trusted};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use toml::de::DeTable;

/// A configuration that was read, and nothing that it names.
#[derive(Debug)]
pub struct Loaded {
    /// What was read.
    pub config: Config,
    /// What is legal and surely not meant.
    pub warnings: Vec<Warning>,
}

/// A configuration whose files and secrets were looked at too.
#[derive(Debug)]
pub struct Checked {
    /// What was read.
    pub config: Config,
    /// What only the service itself can look at, such as its credentials.
    pub notes: Vec<String>,
    /// What is legal and surely not meant.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads the file at `path`, and nothing else.
    ///
    /// # Errors
    /// Every mistake of the file.
    pub fn load(path: &Path) -> Result<Loaded, Mistakes> {
        let (name, text) = read_file(path)?;
        Draft::read(&text, folder_of(path)).finish(&name)
    }

    /// Reads `text`, calls it `file_name` in mistakes, and begins relative paths at `folder`.
    ///
    /// # Errors
    /// Every mistake of the text.
    pub fn from_toml(text: &str, file_name: &str, folder: &Path) -> Result<Self, Mistakes> {
        let loaded = Draft::read(text, folder).finish(file_name)?;
        Ok(loaded.config)
    }

    /// Reads the file at `path`, and looks at the files and secrets it names: without
    /// network, and without writing anything.
    ///
    /// # Errors
    /// Every mistake of the file, and everything wrong with what it names.
    pub fn check(path: &Path) -> Result<Checked, Mistakes> {
        let (name, text) = read_file(path)?;
        let mut draft = Draft::read(&text, folder_of(path));
        let notes = draft.reading.look();
        let Loaded { config, warnings } = draft.finish(&name)?;
        Ok(Checked {
            config,
            notes,
            warnings,
        })
    }
}

/// A file that was read, for better or worse.
pub(super) struct Draft<'a> {
    text: &'a str,
    config: Option<Config>,
    pub(super) reading: Reading,
    syntax: Vec<toml::de::Error>,
}

impl<'a> Draft<'a> {
    pub(super) fn read(text: &'a str, folder: &Path) -> Self {
        let (document, syntax) = DeTable::parse_recoverable(text);
        let mut reading = Reading::new(folder, text);
        let config = Section::root(document.get_ref(), &mut reading, Config::read);
        Self {
            text,
            config,
            reading,
            syntax,
        }
    }

    fn finish(self, file_name: &str) -> Result<Loaded, Mistakes> {
        match self.config {
            Some(config) if self.syntax.is_empty() && self.reading.is_clean() => Ok(Loaded {
                config,
                warnings: self.reading.into_warnings(file_name, self.text),
            }),
            _ => Err(self
                .reading
                .into_mistakes(file_name, self.text, &self.syntax)),
        }
    }
}

fn read_file(path: &Path) -> Result<(String, String), Mistakes> {
    let name = path.display().to_string();
    match read_text(path) {
        Ok(text) => Ok((name, text)),
        Err(FileError::Io(error) | FileError::Closed { source: error, .. }) => Err(
            Mistakes::of_file(&name, format!("the configuration cannot be read: {error}")),
        ),
        Err(error) => Err(Mistakes::of_file(
            &name,
            format!("the configuration is not safe: {error}"),
        )),
    }
}

fn read_text(path: &Path) -> Result<String, FileError> {
    let mut text = String::new();
    let file = File::open(path)?;
    judge_trusted(path, &file)?;
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    match read as u64 > MAX_BYTES {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 MiB").into()),
        false => Ok(text),
    }
}

/// The folder that holds `path`.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Thousands of grants fit; a wrong path may be endless.
const MAX_BYTES: u64 = 1024 * 1024;
