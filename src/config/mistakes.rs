//! `Mistakes`: everything that is wrong with one configuration file, shown to its author.
use super::{fault::Fault, warning::Warning};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::{fmt, ops::Range};

/// All mistakes of a configuration file. `Display` shows each with file, line and column,
/// the line itself, a caret under the exact place and what to write instead.
///
/// Values that are or may be secrets were replaced by `*` before anything is kept here.
#[derive(Debug)]
pub struct Mistakes {
    file_name: String,
    /// The file, with what must not be shown masked; of the same length, so that places fit.
    masked: String,
    /// In the order of the file; never empty.
    list: Vec<Mistake>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Bytes of the file; `None`: the file as a whole.
    pub(super) place: Option<Range<usize>>,
    pub(super) what: String,
    pub(super) cure: Option<String>,
}

impl Mistake {
    /// A fault of the value at `place`, of the key `name`.
    pub(super) fn at(place: Range<usize>, name: &str, fault: Fault) -> Self {
        Self {
            place: Some(place),
            what: format!("`{name}`: {}", fault.what),
            cure: fault.cure,
        }
    }
}

impl Mistakes {
    /// Keeps `list` with the text it is about, less the `hidden` places.
    pub(super) fn new(
        file_name: &str,
        text: &str,
        hidden: &[Range<usize>],
        mut list: Vec<Mistake>,
    ) -> Self {
        list.sort_by_key(|mistake| mistake.place.as_ref().map(|place| place.start));
        Self {
            file_name: file_name.to_owned(),
            masked: mask(text, hidden),
            list,
        }
    }

    /// A file that is not read at all, for the reason `what`.
    pub(super) fn of_file(file_name: &str, what: String) -> Self {
        let mistake = Mistake {
            place: None,
            what,
            cure: None,
        };
        Self::new(file_name, "", &[], vec![mistake])
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// As many as are shown, for a file that has only these: they hinder nobody.
    pub(super) fn into_warnings(self) -> Vec<Warning> {
        let warning = |mistake: &Mistake| {
            let place = mistake.place.as_ref().map_or(0, |place| place.start);
            let (number, line) = self.line_at(place);
            let column = self.masked[line.start..place].chars().count() + 1;
            let cure = mistake.cure.as_deref().map(|cure| format!("; {cure}"));
            Warning {
                shown: self.render(Level::WARNING, mistake),
                line: format!(
                    "{}:{number}:{column}: {}{}",
                    self.file_name,
                    mistake.what,
                    cure.unwrap_or_default()
                ),
            }
        };
        self.list.iter().take(SHOWN).map(warning).collect()
    }

    fn render(&self, level: Level<'_>, mistake: &Mistake) -> String {
        let title = level.primary_title(mistake.what.as_str());
        let group = match &mistake.place {
            Some(place) => title.element(self.snippet(place)),
            None => title.element(Origin::path(self.file_name.as_str())),
        };
        Renderer::plain().render(&[with_cure(group, mistake.cure.as_deref())])
    }

    /// The line where `place` begins, marked up to the end of the line at most.
    fn snippet(&self, place: &Range<usize>) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let (number, line) = self.line_at(place.start);
        let end = place.end.clamp(place.start, line.end.max(place.start));
        let marked = place.start - line.start..end - line.start;
        Snippet::source(&self.masked[line])
            .path(self.file_name.as_str())
            .line_start(number)
            .annotation(AnnotationKind::Primary.span(marked))
    }

    /// Number, from 1, and bytes of the line around `offset`, without its line break.
    fn line_at(&self, offset: usize) -> (usize, Range<usize>) {
        let (before, after) = self.masked.split_at(offset);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let end = after.find('\n').map_or(self.masked.len(), |at| offset + at);
        let line = self.masked[start..end].trim_end_matches('\r').len();
        (before.matches('\n').count() + 1, start..start + line)
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in self.list.iter().take(SHOWN) {
            writeln!(f, "{}\n", self.render(Level::ERROR, mistake))?;
        }
        match self.list.len() {
            1 => write!(f, "1 mistake in {}", self.file_name),
            count if count > SHOWN => write!(
                f,
                "{count} mistakes in {}; the first {SHOWN} are shown",
                self.file_name
            ),
            count => write!(f, "{count} mistakes in {}", self.file_name),
        }
    }
}

fn with_cure<'a>(group: Group<'a>, cure: Option<&'a str>) -> Group<'a> {
    match cure {
        Some(cure) => group.element(Level::HELP.message(cure)),
        None => group,
    }
}

/// `text` with every byte of the `hidden` places, except line breaks, replaced by `*`.
fn mask(text: &str, hidden: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in hidden {
        for byte in &mut bytes[place.clone()] {
            if *byte != b'\n' {
                *byte = b'*';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// More than anybody reads: a wrong file given by accident would otherwise print megabytes.
const SHOWN: usize = 100;
