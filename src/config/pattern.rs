//! `Pattern`: a database name with `*` for any run of characters.
use super::{fault::Fault, values::text};

/// One pattern of a `databases` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub(super) String);

impl Pattern {
    /// Whether the pattern is `*` and so allows every name.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// Whether `name` as a whole fits; case counts.
    pub fn matches(&self, name: &str) -> bool {
        // The usual pattern, asked at every request.
        self.is_any() || fits(&self.0, name)
    }
}

/// Whether `name` as a whole is `pattern`, with any run of characters for each `*`.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A pattern as written.
pub(super) fn pattern(written: &str) -> Result<Pattern, Fault> {
    text(written).map(Pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_the_whole_name() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "retail", true),
            ("retail", "retail", true),
            ("retail", "retail_x", false),
            ("retail", "Retail", false),
            ("retail_*", "retail_", true),
            ("retail_*", "retail_eu", true),
            ("retail_*", "x_retail_eu", false),
            ("*_eu", "retail_eu", true),
            ("*_eu", "retail_eu_2", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("a**c", "abc", true),
        ] {
            let pattern = Pattern(pattern.to_owned());
            assert_eq!(pattern.matches(name), expected, "{pattern:?} {name:?}");
        }
    }
}
