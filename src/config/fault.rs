//! `Fault`: what is wrong with one value, before it is known where the value stands.

/// What is wrong, and what to write instead. Neither ever quotes the value: the rendered
/// line shows it, unless it has to stay hidden.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: String,
    pub(super) cure: Option<String>,
    pub(super) hides_value: bool,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cure: None,
            hides_value: false,
        }
    }

    /// An option that the configuration's contract knows and this program does not have yet.
    pub(super) fn unavailable() -> Self {
        Self::new("not available in this version").cure("leave it out, or at its default")
    }

    /// What to write instead, as an instruction.
    pub(super) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// The value may be or hold a secret: it is masked wherever the file is shown.
    pub(super) fn hiding_value(mut self) -> Self {
        self.hides_value = true;
        self
    }
}

/// The candidate that `written` most likely stands for, if one is close enough.
pub(super) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if written.len() > LONGEST_NAME {
        return None;
    }
    let lower = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        // A third of the letters wrong is another word; the compilers' usual measure.
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .filter(|(distance, candidate)| *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Our longest key has 25 letters; comparing takes time in proportion to the length.
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_and_not_other_words() {
        let known = ["header_timeout", "idle_timeout", "url"];
        assert_eq!(nearest("heder_timeout", known), Some("header_timeout"));
        assert_eq!(nearest("Idle_Timeout", known), Some("idle_timeout"));
        assert_eq!(nearest("ulr", known), Some("url"));
        assert_eq!(nearest("password", known), None);
        assert_eq!(nearest("b", ["a"]), None);
        assert_eq!(nearest(&"u".repeat(100_000), known), None);
    }
}
