//! `Share`: how much of something that is limited one client may hold.

/// One client's part of something of which there is a bounded amount.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    own: usize,
    /// It applies while more than this is taken in all.
    beyond: usize,
}

impl Share {
    /// A client's share of `all`: `fixed`, always; or, if that is 0, a quarter, and only while more
    /// than half of it is taken. A client that is alone may so have half, three that want all they
    /// can get leave something for a fourth, and nobody has to guess a number.
    pub fn of(all: usize, fixed: usize) -> Self {
        match fixed {
            0 => Self {
                own: (all / 4).max(1),
                beyond: all / 2,
            },
            own => Self { own, beyond: 0 },
        }
    }

    /// The same, yet never less than `least`: what one request may need.
    #[must_use]
    pub fn at_least(self, least: usize) -> Self {
        Self {
            own: self.own.max(least),
            ..self
        }
    }

    /// Whether it cannot be spent as long as no more than `taken` is taken in all.
    pub fn is_open(&self, taken: usize) -> bool {
        taken <= self.beyond
    }

    /// Whether a client may hold `own`, where `taken`, its own included, would be taken in all.
    pub fn allows(&self, own: usize, taken: usize) -> bool {
        own <= self.own || self.is_open(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_quarter_while_more_than_half_is_taken_or_what_was_fixed() {
        for (all, fixed, own, taken, expected) in [
            (1000, 0, 500, 500, true),
            (1000, 0, 501, 501, false),
            (1000, 0, 250, 1000, true),
            (1000, 0, 251, 501, false),
            (1000, 10, 10, 10, true),
            (1000, 10, 11, 11, false),
            (1, 0, 1, 1, true),
            (2, 0, 2, 2, false),
        ] {
            let allowed = Share::of(all, fixed).allows(own, taken);
            assert_eq!(allowed, expected, "{own} of {taken} of {all}, {fixed}");
        }
        assert!(Share::of(100, 0).at_least(100).allows(100, 100));
    }
}
