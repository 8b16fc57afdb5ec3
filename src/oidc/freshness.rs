//! How long an answer stays good, by its own word (RFC 9111) and within our bounds.
use http::{HeaderMap, header};
use std::time::Duration;

/// The life of a document that came with these header fields.
pub(super) fn life(headers: &HeaderMap) -> Duration {
    match promised(headers) {
        Some(life) => life.clamp(SHORTEST, LONGEST),
        None => UNSAID,
    }
}

/// What `Cache-Control` says, less the time that the answer lay in caches on its way
/// (sections 4.2.1 and 4.2.3). What cannot be read counts as gone off.
fn promised(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers.get_all(header::CACHE_CONTROL).iter();
    let text: Vec<&str> = fields.filter_map(|field| field.to_str().ok()).collect();
    let mut life = None;
    for directive in text.iter().flat_map(|text| text.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let seconds = match name.trim().to_ascii_lowercase().as_str() {
            "max-age" => seconds(value),
            "no-cache" | "no-store" => 0,
            _ => continue,
        };
        // Of two answers to one question, the more careful.
        life = Some(life.unwrap_or(u64::MAX).min(seconds));
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
    let life = life?.saturating_sub(age.map_or(0, seconds));
    Some(Duration::from_secs(life))
}

/// `delta-seconds` (section 1.2.2): too many are very many, and nonsense is none.
fn seconds(text: &str) -> u64 {
    let digits = text.trim().trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(seconds) => seconds,
        Err(_) if is_number => u64::MAX,
        Err(_) => 0,
    }
}

/// Keys are rotated over days; an hour also notices a key that was withdrawn.
const UNSAID: Duration = Duration::from_secs(60 * 60);

/// A provider that forbids caching must not be asked without end.
const SHORTEST: Duration = Duration::from_secs(5 * 60);

/// A provider that promises a year may still lose a key tomorrow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&'static str, &str)]) -> Duration {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        life(&headers)
    }

    #[test]
    fn max_age_counts_between_five_minutes_and_a_day() {
        for (cache_control, seconds) in [
            ("max-age=1800", 1800),
            ("public, MAX-AGE=1800, must-revalidate", 1800),
            ("max-age=\"1800\"", 1800),
            ("s-maxage=7, max-age=1800", 1800),
            ("max-age=300", 300),
            ("max-age=299", 300),
            ("max-age=0", 300),
            ("no-store", 300),
            ("no-cache, max-age=7200", 300),
            ("max-age=86400", 86400),
            ("max-age=86401", 86400),
            ("max-age=99999999999999999999999999", 86400),
            ("max-age=-1", 300),
            ("max-age=1e9", 300),
            ("max-age=", 300),
            ("max-age=7200, max-age=1800", 1800),
            ("", 3600),
            ("public", 3600),
        ] {
            let life = of(&[("cache-control", cache_control)]);
            assert_eq!(life, Duration::from_secs(seconds), "{cache_control}");
        }
        assert_eq!(of(&[]), Duration::from_secs(3600));
    }

    #[test]
    fn time_spent_in_caches_on_the_way_is_taken_off() {
        let with = |age| {
            of(&[
                ("cache-control", "public"),
                ("cache-control", "max-age=7200"),
                ("age", age),
            ])
        };
        assert_eq!(with("1200"), Duration::from_secs(6000));
        assert_eq!(with("7200"), SHORTEST);
        assert_eq!(with("99999999999999999999999"), SHORTEST);
        assert_eq!(with("soon"), Duration::from_secs(7200));
    }
}
