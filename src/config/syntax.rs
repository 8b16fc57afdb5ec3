//! Errors of TOML itself: what to write instead, and what of their lines can be shown.
use super::{mistakes::Mistake, reading::Reading};
use std::ops::Range;
use toml::de::Error;

/// A line that TOML could not make sense of.
pub(super) struct BrokenLine {
    line: Range<usize>,
    error: usize,
}

/// The lines of the `errors`.
pub(super) fn broken_lines(text: &str, errors: &[Error]) -> Vec<BrokenLine> {
    let lines = errors.iter().map(|error| {
        let error = error.span().unwrap_or_default().start;
        let start = text[..error].rfind('\n').map_or(0, |at| at + 1);
        let end = text[error..].find('\n').map_or(text.len(), |at| error + at);
        BrokenLine {
            line: start..end,
            error,
        }
    });
    lines.collect()
}

/// What follows the key on a broken line, because it may be a misplaced secret; nothing if
/// the key is known to be harmless.
pub(super) fn doubtful(text: &str, broken: &BrokenLine, reading: &Reading) -> Option<Range<usize>> {
    let content = &text[broken.line.clone()];
    let indent = content.len() - content.trim_start().len();
    let length = content[indent..].find(['=', ' ', '\t']).unwrap_or_default();
    let key_end = indent + length;
    let key = content[indent..key_end].rsplit('.').next();
    let is_plain = |value: &Range<usize>| value.contains(&broken.error);
    let is_harmless = is_header(content)
        || reading.plain.iter().any(is_plain)
        || key.is_some_and(|key| reading.keys.is_harmless_name(key));
    let from = match is_harmless {
        // What follows a second `=` belongs to another key.
        true => content.match_indices('=').nth(1).map(|(at, _)| at + 1)?,
        false => key_end,
    };
    Some(broken.line.start + from..broken.line.end)
}

/// Whether one of the `broken` lines may be all that is wrong with `mistake`.
pub(super) fn explains(text: &str, broken: &[BrokenLine], mistake: &Mistake) -> bool {
    let start = mistake.place.as_ref().map_or(0, |place| place.start);
    broken.iter().any(|BrokenLine { line, .. }| {
        let same_line = line.start <= start && start <= line.end;
        // Behind a broken header, keys are filed under the wrong section.
        same_line || is_header(&text[line.clone()])
    })
}

/// The error as one of ours.
pub(super) fn mistake(error: &Error) -> Mistake {
    Mistake {
        place: Some(error.span().unwrap_or_default()),
        what: error.message().to_owned(),
        cure: cure(error.message()).map(str::to_owned),
    }
}

/// What to write instead, for the slips that people make.
fn cure(message: &str) -> Option<&'static str> {
    const CURES: [(&str, &str); 4] = [
        ("must be quoted", "put it in quotes, as in \"30s\""),
        ("duplicate key", "keep one of the two"),
        ("expected `\"`", "close the quotes on the same line"),
        ("unclosed table", "close the brackets, as in [limits]"),
    ];
    let mut cures = CURES.iter().filter(|(part, _)| message.contains(part));
    cures.next().map(|(_, cure)| *cure)
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}
