//! `Keys`: every key that means something, and which of them an unknown one stands for.
use super::{fault::nearest, mistakes::Mistake};
use std::{collections::BTreeMap, ops::Range};

/// The keys that sections asked for.
#[derive(Debug, Default)]
pub(super) struct Keys(pub(super) BTreeMap<Known, Shape>);

/// A key, by the section it belongs to (empty for the file itself).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    pub(super) section: String,
    pub(super) key: &'static str,
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A value that must be there.
    Required,
    /// A value that may be left out.
    Optional,
    /// A value with this default, as TOML.
    Defaulted(&'static str),
    /// The place of a secret.
    Secret,
    /// A table, or several.
    Section,
    /// For a later version.
    Unavailable,
}

impl Shape {
    /// Whether it is a value that anybody may see.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Required | Self::Optional | Self::Defaulted(_))
    }
}

/// A key that nobody asked for.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) place: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Keys {
    /// Whether `section` has a key of this name.
    pub(super) fn has(&self, section: &str, key: &str) -> bool {
        self.of(section).any(|known| known.key == key)
    }

    /// Whether `key` is the name of keys, and none of them holds a secret.
    pub(super) fn is_harmless_name(&self, key: &str) -> bool {
        let mut named = self.0.keys().filter(|known| known.key == key).peekable();
        named.peek().is_some() && named.all(|known| self.is_harmless(known))
    }

    /// Whether the value of a key can be shown: neither it nor its section holds a secret.
    pub(super) fn is_harmless(&self, key: &Known) -> bool {
        let in_secret = self.0.iter().any(|(known, shape)| {
            *shape == Shape::Secret && joined(&known.section, known.key) == key.section
        });
        self.0.get(key).is_some_and(|shape| shape.is_plain()) && !in_secret
    }

    /// The known key that an unknown one stands for: a similar one of the same section, or
    /// else the very same one of another section.
    pub(super) fn meant(&self, unknown: &Unknown) -> Option<&Known> {
        let here = || self.of(&unknown.section);
        let similar = nearest(&unknown.key, here().map(|known| known.key));
        let elsewhere = |known: &&Known| {
            known.key == unknown.key && !known.section.is_empty() && self.is_harmless(known)
        };
        here()
            .find(|known| Some(known.key) == similar)
            .or_else(|| self.0.keys().find(elsewhere))
    }

    fn of(&self, section: &str) -> impl Iterator<Item = &Known> {
        self.0.keys().filter(move |known| known.section == section)
    }
}

impl Unknown {
    pub(super) fn mistake(&self, meant: Option<&Known>) -> Mistake {
        let cure = match meant {
            Some(known) if known.section == self.section => {
                format!("did you mean `{}`?", known.key)
            }
            Some(known) => format!("`{}` belongs in `{}`", known.key, known.section),
            None => "remove it: keys that mean nothing are refused".to_owned(),
        };
        Mistake {
            place: Some(self.place.clone()),
            what: format!("unknown key `{}`", joined(&self.section, &self.key)),
            cure: Some(cure),
        }
    }
}

/// `section.key`, or the key alone at the top of the file.
pub(super) fn joined(section: &str, key: &str) -> String {
    match section {
        "" => key.to_owned(),
        section => format!("{section}.{key}"),
    }
}
