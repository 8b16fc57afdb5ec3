//! `Reading`: what is noted while a configuration file is read.
use super::{
    fault::Fault,
    files::{Finding, Use},
    known::{Keys, Unknown},
    mistakes::{Mistake, Mistakes},
    syntax,
    warning::Warning,
};
use std::{
    ops::Range,
    path::{Path, PathBuf},
};

/// The notes about one file, filled by its [`Section`](super::section::Section)s.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Relative paths of the file start here.
    pub(super) folder: PathBuf,
    /// Length of the file without white space at its end: where missing sections would go.
    pub(super) end: usize,
    /// Every key that some section asked for.
    pub(super) keys: Keys,
    /// Keys that no section asked for.
    pub(super) unknown: Vec<Unknown>,
    /// Values of keys that are never secret.
    pub(super) plain: Vec<Range<usize>>,
    mistakes: Vec<Mistake>,
    missing: Vec<Mistake>,
    warnings: Vec<Mistake>,
    hidden: Vec<Range<usize>>,
    uses: Vec<(Range<usize>, String, Use)>,
}

impl Reading {
    pub(super) fn new(folder: &Path, text: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            end: text.trim_end().len(),
            ..Self::default()
        }
    }

    /// Notes a fault of the value at `place`, of the key `name`.
    pub(super) fn mistake(&mut self, place: Range<usize>, name: &str, fault: Fault) {
        if fault.hides_value {
            self.hidden.push(place.clone());
        }
        self.mistakes.push(Mistake::at(place, name, fault));
    }

    /// Notes that the value at `place`, of the key `name`, is legal and surely not meant.
    pub(super) fn warning(&mut self, place: Range<usize>, name: &str, fault: Fault) {
        self.warnings.push(Mistake::at(place, name, fault));
    }

    /// Notes that the key `name` has to be added at `place`.
    pub(super) fn missing(&mut self, place: Range<usize>, name: &str, cure: String) {
        self.missing.push(Mistake {
            place: Some(place),
            what: format!("`{name}` is missing"),
            cure: Some(cure),
        });
    }

    /// Notes what the value at `place`, of the key `name`, names outside of the file.
    pub(super) fn uses(&mut self, place: Range<usize>, name: String, named: Use) {
        self.uses.push((place, name, named));
    }

    /// Masks the value of a key; not the header of a section, which encloses its key.
    pub(super) fn hide_value(&mut self, key: &Range<usize>, value: &Range<usize>) {
        if value.start >= key.end {
            self.hidden.push(value.clone());
        }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_clean(&self) -> bool {
        self.mistakes.is_empty() && self.missing.is_empty() && self.unknown.is_empty()
    }

    /// Looks at what the file names; answers with what cannot be seen from here.
    pub(super) fn look(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        for (place, name, named) in std::mem::take(&mut self.uses) {
            match named.look() {
                Ok(Finding::Sound) => {}
                Ok(Finding::Unseen(note)) => notes.push(note),
                Err(fault) => self.mistake(place, &name, fault),
            }
        }
        notes
    }

    /// Everything noted of a file without mistakes.
    pub(super) fn into_warnings(self, file_name: &str, text: &str) -> Vec<Warning> {
        Mistakes::new(file_name, text, &self.hidden, self.warnings).into_warnings()
    }

    /// Everything noted, for the author of `text`.
    pub(super) fn into_mistakes(
        mut self,
        file_name: &str,
        text: &str,
        errors: &[toml::de::Error],
    ) -> Mistakes {
        self.explain_unknown();
        match errors {
            [] => self.mistakes.append(&mut self.missing),
            errors => self.add_syntax(text, errors),
        }
        Mistakes::new(file_name, text, &self.hidden, self.mistakes)
    }

    /// Turns the unknown keys into mistakes, now that every key of every section is known.
    fn explain_unknown(&mut self) {
        for unknown in std::mem::take(&mut self.unknown) {
            let meant = self.keys.meant(&unknown);
            let is_harmless = meant.is_some_and(|known| self.keys.is_harmless(known));
            self.mistakes.push(unknown.mistake(meant));
            // A misspelt `password` still holds one: only what is surely meant for a
            // harmless key is shown.
            if !is_harmless {
                self.hide_value(&unknown.place, &unknown.value);
            }
        }
    }

    /// Adds the syntax errors, and drops what may only follow from them: what is missing,
    /// and what else is wrong on the same line.
    fn add_syntax(&mut self, text: &str, errors: &[toml::de::Error]) {
        let broken = syntax::broken_lines(text, errors);
        for line in &broken {
            self.hidden.extend(syntax::doubtful(text, line, self));
        }
        self.mistakes
            .retain(|mistake| !syntax::explains(text, &broken, mistake));
        self.mistakes.extend(errors.iter().map(syntax::mistake));
    }
}
