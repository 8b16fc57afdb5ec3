//! `ClaimCondition`: what a `[[grant]]` wants of one claim.
use super::{
    claim_name::{ClaimName, claim_name},
    fault::Fault,
    pattern::fits,
    values::{string, text, wrong_kind},
};
use toml::de::DeValue;

/// One entry of a grant's `claims`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCondition {
    /// Where the token has it.
    pub claim: ClaimName,
    /// The claim must be, or contain, one of these.
    pub values: Vec<ClaimPattern>,
}

/// A value with `*` for any run of characters except `/`, `:` and `@`. These end what one owner may
/// choose, in repositories, service accounts and addresses: `acme/*` must not reach into `acme/x/y`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPattern(String);

impl ClaimPattern {
    /// As the operator wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `value` as a whole fits; case counts.
    pub fn matches(&self, value: &str) -> bool {
        let has_same_ends = self.0.matches(ENDS).eq(value.matches(ENDS));
        let mut parts = self.0.split(ENDS).zip(value.split(ENDS));
        has_same_ends && parts.all(|(pattern, part)| fits(pattern, part))
    }

    /// Whether a `*` begins or ends in the middle of a name, so that somebody else may choose one that
    /// fits: `acme*` is also `acme-evil`.
    pub fn is_open(&self) -> bool {
        self.0.match_indices('*').any(|(at, _)| {
            let before = self.0[..at].chars().next_back();
            let after = self.0[at + 1..].chars().next();
            let is_cut = |next: char| !ENDS.contains(&next) && next != '*';
            before.is_some_and(is_cut) || after.is_some_and(|next| is_cut(next) && next != '.')
        })
    }
}

/// The `claims` of a grant: a table of lists, of which one text alone may stand without brackets.
pub(super) fn claim_conditions(value: &DeValue<'_>) -> Result<Vec<ClaimCondition>, Fault> {
    let Some(table) = value.as_table() else {
        let cure = "as in { hd = [\"example.com\"] }";
        return Err(wrong_kind(value, "a table", cure));
    };
    let condition = |(name, wanted): (&str, &DeValue<'_>)| {
        Ok(ClaimCondition {
            claim: claim_name(name)?,
            values: patterns(wanted)?,
        })
    };
    let entries = table
        .iter()
        .map(|(name, wanted)| (&**name.get_ref(), wanted.get_ref()));
    entries.map(condition).collect()
}

fn patterns(value: &DeValue<'_>) -> Result<Vec<ClaimPattern>, Fault> {
    let one = string(|written| text(written).map(ClaimPattern));
    match value.as_array() {
        None => Ok(vec![one(value)?]),
        Some(list) if list.is_empty() => {
            Err(Fault::new("a claim without values").cure("name at least one"))
        }
        Some(list) => list.iter().map(|value| one(value.get_ref())).collect(),
    }
}

/// What `*` stops at.
const ENDS: [char; 3] = ['/', ':', '@'];

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(written: &str) -> ClaimPattern {
        ClaimPattern(written.to_owned())
    }

    #[test]
    fn a_star_stops_where_a_name_ends() {
        for (written, value, expected) in [
            ("example.com", "example.com", true),
            ("example.com", "Example.com", false),
            ("example.com", "example.com.evil.org", false),
            ("acme/*", "acme/etl", true),
            ("acme/*", "acme/", true),
            ("acme/*", "acme/etl/x", false),
            ("acme/*", "acme", false),
            ("acme/*", "acme:etl", false),
            ("acme*", "acme-evil", true),
            ("acme*", "acme/etl", false),
            ("*@example.com", "alice@example.com", true),
            ("*@example.com", "alice@evil.org@example.com", false),
            (
                "system:serviceaccount:*:etl",
                "system:serviceaccount:prod:etl",
                true,
            ),
            (
                "system:serviceaccount:*:etl",
                "system:serviceaccount:x:y:etl",
                false,
            ),
            (
                "system:serviceaccount:prod:*",
                "system:serviceaccount:prod:etl",
                true,
            ),
            (
                "system:serviceaccount:prod:*",
                "system:serviceaccount:evil:etl",
                false,
            ),
            ("*", "anything", true),
            ("*", "any/thing", false),
            ("*/*", "any/thing", true),
        ] {
            assert_eq!(
                pattern(written).matches(value),
                expected,
                "{written} {value}"
            );
        }
    }

    #[test]
    fn a_star_in_the_middle_of_a_name_leaves_it_to_others() {
        for (written, is_open) in [
            ("acme*", true),
            ("*example.com", true),
            ("acme/etl-*", true),
            ("a*/etl", true),
            ("acme/*", false),
            ("*@example.com", false),
            ("*.example.com", false),
            ("repo:acme/*:ref:refs/heads/main", false),
            ("*", false),
            ("**", false),
            ("acme", false),
        ] {
            assert_eq!(pattern(written).is_open(), is_open, "{written}");
        }
    }
}
