//! Parsers of single values: a TOML value becomes a type, or a `Fault` that says what to write.
use super::{
    fault::{Fault, nearest},
    section::kind,
};
use std::{ops::RangeInclusive, path::PathBuf};
use toml::de::{DeInteger, DeValue};

/// `true` or `false`.
pub(super) fn flag(value: &DeValue<'_>) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| {
        wrong_kind(
            value,
            "true or false",
            "write true or false, without quotes",
        )
    })
}

/// A whole number in `range`.
pub(super) fn count<T: TryFrom<i64>>(
    range: RangeInclusive<i64>,
) -> impl Fn(&DeValue<'_>) -> Result<T, Fault> {
    move |value| {
        let number = value.as_integer().ok_or_else(|| {
            wrong_kind(
                value,
                "a whole number",
                "write a whole number, without quotes",
            )
        })?;
        integer(number)
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                Fault::new("out of range").cure(format!("between {least} and {most}"))
            })
    }
}

/// A string that `parse` understands.
pub(super) fn string<T>(
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> impl Fn(&DeValue<'_>) -> Result<T, Fault> {
    move |value| match value.as_str() {
        Some(text) => parse(text),
        None => Err(wrong_kind(value, "a string", "put it in quotes")),
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    options: &'static [(&'static str, T)],
) -> impl Fn(&DeValue<'_>) -> Result<T, Fault> {
    string(move |text| {
        let chosen = options.iter().find(|(name, _)| *name == text);
        chosen.map(|(_, option)| *option).ok_or_else(|| {
            let names = options.iter().map(|(name, _)| *name);
            let cure = match nearest(text, names.clone()) {
                Some(name) => format!("did you mean {name:?}?"),
                None => format!("one of {}", quoted(names)),
            };
            Fault::new("not one of the possible values").cure(cure)
        })
    })
}

/// What `parse` understands, except one word that is for a later version.
pub(super) fn except<T>(
    later: &'static str,
    parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
) -> impl Fn(&DeValue<'_>) -> Result<T, Fault> {
    move |value| match value.as_str() {
        Some(text) if text == later => Err(Fault::unavailable().cure("use another value")),
        _ => parse(value),
    }
}

/// What `parse` understands, as long as it is `allowed`: the rest is for a later version.
pub(super) fn only<T: PartialEq>(
    allowed: T,
    parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
) -> impl Fn(&DeValue<'_>) -> Result<(), Fault> {
    move |value| match parse(value)? == allowed {
        true => Ok(()),
        false => Err(Fault::unavailable()),
    }
}

/// Any text on one line that is not empty.
pub(super) fn text(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new("empty").cure("write a value, or leave the key out"));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new("holds a line break or a control character").cure("remove it"));
    }
    Ok(text.to_owned())
}

/// A name that other parts of the file, logs and URLs mention.
pub(super) fn name(written: &str) -> Result<String, Fault> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=LONGEST_NAME).contains(&written.len()) && written.bytes().all(is_plain);
    fits.then(|| written.to_owned()).ok_or_else(|| {
        Fault::new("not a name").cure(format!(
            "1 to {LONGEST_NAME} letters, digits, `-`, `_` or `.`"
        ))
    })
}

/// A path as written, relative or not.
pub(super) fn path(written: &str) -> Result<PathBuf, Fault> {
    text(written).map(PathBuf::from)
}

pub(super) fn wrong_kind(value: &DeValue<'_>, wanted: &str, cure: &str) -> Fault {
    Fault::new(format!("{wanted} is wanted, not {}", kind(value))).cure(cure)
}

/// The number, if it fits.
pub(super) fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// `"a", "b"`
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

/// It travels in every sign-in `state` and log line.
const LONGEST_NAME: usize = 64;
