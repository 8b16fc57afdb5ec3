//! `Reading`: what is noted while a configuration file is read.
use super::{
    fault::{Fault, nearest},
    files::{Finding, Use},
    mistakes::{Mistake, Mistakes},
};
use std::{
    collections::BTreeMap,
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
    pub(super) known: BTreeMap<Known, Shape>,
    /// Files and secrets that the configuration names, for a look at them.
    pub(super) uses: Vec<(Range<usize>, Use)>,
    mistakes: Vec<Mistake>,
    missing: Vec<Mistake>,
    unknown: Vec<Unknown>,
    hidden: Vec<Range<usize>>,
    /// Values of keys that are never secret.
    plain: Vec<Range<usize>>,
}

/// A key, by the section it belongs to (empty for the file itself).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    pub(super) section: String,
    pub(super) key: &'static str,
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Required,
    Optional,
    /// With its default as TOML.
    Defaulted(&'static str),
    Secret,
    Section,
    /// For a later version.
    Unavailable,
}

/// A key that nobody asked for.
#[derive(Debug)]
struct Unknown {
    section: String,
    key: String,
    place: Range<usize>,
    value: Range<usize>,
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
    pub(super) fn mistake(&mut self, place: Range<usize>, name: &str, mut fault: Fault) {
        fault.what = format!("`{name}`: {}", fault.what);
        if fault.hides_value {
            self.hidden.push(place.clone());
        }
        self.fault(place, fault);
    }

    fn fault(&mut self, place: Range<usize>, fault: Fault) {
        self.mistakes.push(Mistake {
            place: Some(place),
            what: fault.what,
            cure: fault.cure,
        });
    }

    /// Notes that the key `name` has to be added at `place`.
    pub(super) fn missing(&mut self, place: Range<usize>, name: &str, cure: String) {
        self.missing.push(Mistake {
            place: Some(place),
            what: format!("`{name}` is missing"),
            cure: Some(cure),
        });
    }

    /// Masks the value of a key; not the header of a section, which encloses its key.
    pub(super) fn hide_value(&mut self, key: &Range<usize>, value: Range<usize>) {
        if value.start >= key.end {
            self.hidden.push(value);
        }
    }

    pub(super) fn plain(&mut self, value: Range<usize>) {
        self.plain.push(value);
    }

    pub(super) fn unknown(
        &mut self,
        section: &str,
        key: &str,
        place: Range<usize>,
        value: Range<usize>,
    ) {
        self.unknown.push(Unknown {
            section: section.to_owned(),
            key: key.to_owned(),
            place,
            value,
        });
    }

    pub(super) fn is_clean(&self) -> bool {
        self.mistakes.is_empty() && self.missing.is_empty() && self.unknown.is_empty()
    }

    /// Looks at what the file names; answers with what cannot be seen from here.
    pub(super) fn look(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        for (place, named) in std::mem::take(&mut self.uses) {
            match named.look() {
                Ok(Finding::Sound) => {}
                Ok(Finding::Unseen(note)) => notes.push(note),
                Err(fault) => self.fault(place, fault),
            }
        }
        notes
    }

    /// Everything noted, for the author of `text`.
    pub(super) fn into_mistakes(
        mut self,
        file_name: &str,
        text: &str,
        syntax: Vec<toml::de::Error>,
    ) -> Mistakes {
        self.explain_unknown();
        if syntax.is_empty() {
            self.mistakes.append(&mut self.missing);
        } else {
            self.add_syntax(text, syntax);
        }
        Mistakes::new(file_name, text, &self.hidden, self.mistakes)
    }

    /// Turns the unknown keys into mistakes, now that every key of every section is known.
    fn explain_unknown(&mut self) {
        for unknown in std::mem::take(&mut self.unknown) {
            let name = joined(&unknown.section, &unknown.key);
            let meant = self.meant(&unknown);
            // A misspelt `password` still holds one: only what is surely meant for a
            // harmless key is shown.
            let is_harmless = meant.is_some_and(|(_, shape)| shape != Shape::Secret);
            let cure = match meant {
                Some((known, _)) if known.section == unknown.section => {
                    format!("did you mean `{}`?", known.key)
                }
                Some((known, _)) => format!("`{}` belongs in `{}`", known.key, known.section),
                None => "remove it: keys that mean nothing are refused".to_owned(),
            };
            self.mistakes.push(Mistake {
                place: Some(unknown.place.clone()),
                what: format!("unknown key `{name}`"),
                cure: Some(cure),
            });
            if !is_harmless {
                self.hide_value(&unknown.place, unknown.value);
            }
        }
    }

    /// The known key that an unknown one stands for: a similar one of the same section, or
    /// else the very same one of another section.
    fn meant(&self, unknown: &Unknown) -> Option<(&Known, Shape)> {
        let here = |known: &&Known| known.section == unknown.section;
        let similar = nearest(
            &unknown.key,
            self.known.keys().filter(here).map(|known| known.key),
        );
        self.known
            .iter()
            .find(|(known, _)| here(known) && Some(known.key) == similar)
            .or_else(|| {
                self.known
                    .iter()
                    .find(|(known, _)| known.key == unknown.key)
            })
            .map(|(known, shape)| (known, *shape))
    }

    /// Adds the syntax errors, and drops what may only follow from them.
    fn add_syntax(&mut self, text: &str, errors: Vec<toml::de::Error>) {
        let mut broken_lines = Vec::new();
        let mut found = Vec::new();
        for error in errors {
            let place = error.span().unwrap_or_default();
            let line = line_around(text, place.start);
            self.hide_unless_harmless(text, &line, place.start);
            broken_lines.push(line);
            found.push(Mistake {
                place: Some(place),
                what: error.message().to_owned(),
                cure: cure_of_syntax(error.message()),
            });
        }
        // Behind a broken header, keys are filed under the wrong section.
        let misfiled = broken_lines
            .iter()
            .any(|line| text[line.clone()].trim_start().starts_with('['));
        self.mistakes.retain(|mistake| {
            let start = mistake.place.as_ref().map_or(0, |place| place.start);
            let broken = |line: &Range<usize>| line.start <= start && start <= line.end;
            !misfiled && !broken_lines.iter().any(broken)
        });
        self.mistakes.append(&mut found);
    }

    /// Hides what follows the key on a line that TOML could not make sense of, because it
    /// may be a misplaced secret; not if the key is known to be harmless.
    fn hide_unless_harmless(&mut self, text: &str, line: &Range<usize>, error: usize) {
        let content = &text[line.clone()];
        let key_end = content.find(['=', ' ', '\t']).unwrap_or_default();
        let key = content[..key_end].trim();
        let harmless = self.plain.iter().any(|value| value.contains(&error))
            || self
                .known
                .iter()
                .any(|(known, shape)| known.key == key && *shape != Shape::Secret)
            || content.trim_start().starts_with('[');
        let from = match harmless {
            // What follows a second `=` belongs to another key.
            true => content.match_indices('=').nth(1).map(|(at, _)| at + 1),
            false => Some(key_end),
        };
        if let Some(from) = from {
            self.hidden.push(line.start + from..line.end);
        }
    }
}

/// The bytes of the line around `offset`, without its line break.
fn line_around(text: &str, offset: usize) -> Range<usize> {
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = text[offset..]
        .find('\n')
        .map_or(text.len(), |at| offset + at);
    start..end
}

/// What to write instead, for the slips that people make.
fn cure_of_syntax(message: &str) -> Option<String> {
    let cure = if message.contains("must be quoted") {
        "put it in quotes, as in \"30s\""
    } else if message.contains("duplicate key") {
        "keep one of the two"
    } else if message.contains("expected `\"`") {
        "close the quotes on the same line"
    } else {
        return None;
    };
    Some(cure.to_owned())
}

/// `section.key`, or the key alone at the top of the file.
pub(super) fn joined(section: &str, key: &str) -> String {
    match section {
        "" => key.to_owned(),
        section => format!("{section}.{key}"),
    }
}
