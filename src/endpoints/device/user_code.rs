//! `UserCode`: what a person types, in the form in which it is compared.

/// A code without its dashes and without its case: people and programs drop the one and change
/// the other (RFC 8628 section 6.1). It has no `Debug`: whoever has it can pick the session up.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct UserCode(String);

/// Bytes of what a client sends as a code; the longest of a provider is shorter.
const MAX_LENGTH: usize = 256;

impl UserCode {
    /// `None`: it cannot be a code.
    pub(super) fn of(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let letters = text.chars().filter(|char| char.is_alphanumeric());
        let code: String = letters.flat_map(char::to_uppercase).collect();
        (!code.is_empty()).then_some(Self(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let printed = UserCode::of("WDJB-MJHT").unwrap();
        for typed in ["wdjb-mjht", "WDJBMJHT", " wdjb mjht ", "W-D-J-B.m_j_h_t"] {
            assert!(UserCode::of(typed) == Some(printed.clone()), "{typed}");
        }
        for other in [
            "WDJB-MJHU",
            "WDJB-MJH",
            "WDJB-MJHTT",
            "",
            " -",
            &"x".repeat(257),
        ] {
            assert!(UserCode::of(other) != Some(printed.clone()), "{other}");
        }
        assert!(UserCode::of("--").is_none());
    }
}
