//! Durations and sizes: numbers that carry their unit.
use super::{
    fault::Fault,
    values::{integer, wrong_kind},
};
use std::{ops::RangeInclusive, time::Duration};
use toml::de::DeValue;

/// A duration such as `"30s"`, in `range`.
pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&DeValue<'_>) -> Result<Duration, Fault> {
    move |value| {
        let text = with_unit(value, "a duration", "s", "30s")?;
        let duration = humantime::parse_duration(text).map_err(|_| {
            Fault::new("not a duration")
                .cure("a number and its unit, as in \"500ms\", \"30s\", \"5m\" or \"8h\"")
        })?;
        if range.contains(&duration) {
            return Ok(duration);
        }
        let [least, most] =
            [range.start(), range.end()].map(|end| humantime::format_duration(*end));
        Err(Fault::new("out of range").cure(format!("between \"{least}\" and \"{most}\"")))
    }
}

/// A size in bytes such as `"64KiB"`, in `range`.
pub(super) fn size(range: RangeInclusive<usize>) -> impl Fn(&DeValue<'_>) -> Result<usize, Fault> {
    move |value| {
        let text = with_unit(value, "a size", "", "64KiB")?;
        let bytes = bytes(text).ok_or_else(|| {
            Fault::new("not a size")
                .cure("a number and its unit, as in \"512\", \"64KiB\", \"1MiB\" or \"2MB\"")
        })?;
        if range.contains(&bytes) {
            return Ok(bytes);
        }
        let [least, most] = [range.start(), range.end()].map(|end| readable(*end));
        Err(Fault::new("out of range").cure(format!("between \"{least}\" and \"{most}\"")))
    }
}

/// The text of a value with a unit; a bare number is answered with how to write it.
fn with_unit<'a>(
    value: &'a DeValue<'_>,
    wanted: &str,
    unit: &str,
    example: &str,
) -> Result<&'a str, Fault> {
    let written = match value {
        DeValue::String(text) => return Ok(text),
        DeValue::Integer(number) => integer(number).filter(|number| *number >= 0),
        _ => None,
    };
    let example = written.map_or(example.to_owned(), |number| format!("{number}{unit}"));
    Err(wrong_kind(value, wanted, &format!("write \"{example}\"")))
}

fn bytes(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<usize>().ok()?.checked_mul(*factor)
}

/// In the largest unit of 1024 that needs no fraction.
fn readable(bytes: usize) -> String {
    let mut whole = UNITS
        .iter()
        .filter(|(_, factor)| bytes.is_multiple_of(*factor));
    match whole.next() {
        Some((unit, factor)) if bytes > 0 => format!("{}{unit}", bytes / factor),
        _ => bytes.to_string(),
    }
}

const UNITS: [(&str, usize); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_every_unit() {
        for (text, expected) in [
            ("512", Some(512)),
            ("64KiB", Some(65_536)),
            ("64 KiB", Some(65_536)),
            ("1MiB", Some(1_048_576)),
            ("2MB", Some(2_000_000)),
            ("1GiB", Some(1 << 30)),
            ("3kB", Some(3_000)),
            ("", None),
            ("KiB", None),
            ("-1", None),
            ("1.5MiB", None),
            ("64kib", None),
            ("99999999999GiB", None),
            ("999999999999999999999", None),
        ] {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn bounds_are_shown_in_their_natural_unit() {
        for (bytes, expected) in [(0, "0"), (1, "1"), (8192, "8KiB"), (1 << 20, "1MiB")] {
            assert_eq!(readable(bytes), expected);
        }
    }
}
