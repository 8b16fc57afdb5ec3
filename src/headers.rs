//! What happens to header fields on the way through: pure functions on a `HeaderMap`.
mod forged;

pub use forged::{is_api_key, strip_api_keys, strip_forged, strip_identities, strip_lookalikes};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::net::IpAddr;

/// Whether `name` is a field of one connection even when no `Connection` line names it (RFC 9110
/// section 7.6.1, and the two that older software still sends). `Trailer` is none: it announces
/// fields of the message, not of the connection.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    )
}

/// Names in one field that lists fields or codings, at most; real ones have a handful, and each has to
/// be looked at before any credential.
const MOST_NAMES: usize = 64;

/// Whether one of the fields that list names has more than anybody needs.
pub fn lists_too_many(headers: &HeaderMap) -> bool {
    [header::CONNECTION, header::TE, header::TRAILER]
        .iter()
        .filter(|name| headers.contains_key(*name))
        .any(|name| tokens(headers, name).nth(MOST_NAMES).is_some())
}

/// Whether there is any field that [`strip_hop_by_hop`] removes. Most messages have none, and one
/// pass over their names takes less time than a search for each.
pub fn has_hop_by_hop(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| is_hop_by_hop(name.as_str()))
}

/// Removes the fields that belong to one connection (RFC 9110 section 7.6.1). Reads every
/// `Connection` line, because [`HeaderMap::remove`] yields only the first value. `Host` and
/// `Content-Length` stay whatever a `Connection` line says: without them the rest of the
/// message would mean something else.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if !has_hop_by_hop(headers) {
        return;
    }
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
            .filter_map(|name| HeaderName::from_bytes(name).ok()) // else no field has it
            .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    let left: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_hop_by_hop(name.as_str()))
        .cloned()
        .collect();
    for name in left {
        headers.remove(name);
    }
}

/// Whether the client takes trailers (`TE: trailers`, RFC 9110 section 10.1.4). To be asked
/// before [`strip_hop_by_hop`], which removes the field.
pub fn takes_trailers(headers: &HeaderMap) -> bool {
    tokens(headers, &header::TE).any(|token| token.eq_ignore_ascii_case(b"trailers"))
}

/// Whether the client asks to change the protocol (RFC 9110 section 7.8).
pub fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        && tokens(headers, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade"))
}

/// Whether the body is chunked once or not coded at all. Of any other coding (RFC 9112 section
/// 7), taken off for the next hop like every hop-by-hop field, the body would keep the traces.
pub fn is_only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = tokens(headers, &header::TRANSFER_ENCODING);
    codings
        .next()
        .is_none_or(|first| first.eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

/// The comma-separated tokens of every line of `name`.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// Fields that mean something at the head of a message alone. A server that merges trailers
/// into the head (RFC 9110 section 6.5.1 warns of it) would take them for ours.
const NEVER_TRAILERS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::SET_COOKIE,
    header::TRAILER,
    HeaderName::from_static("x-request-id"),
];

/// Removes from trailers what a client could use to speak for a proxy, to show another
/// credential, or to change what the message means.
pub fn strip_trailers(trailers: &mut HeaderMap) {
    strip_hop_by_hop(trailers);
    let unwanted: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| is_unwanted(name))
        .cloned()
        .collect();
    for name in unwanted {
        trailers.remove(name);
    }
}

/// Takes out of every `Trailer` line what [`strip_trailers`] will take out of the trailers: what is
/// announced comes.
pub fn limit_trailer(headers: &mut HeaderMap) {
    let is_kept = |name: &&[u8]| !HeaderName::from_bytes(name).is_ok_and(|name| is_unwanted(&name));
    if !headers.contains_key(header::TRAILER)
        || tokens(headers, &header::TRAILER).all(|name| is_kept(&name))
    {
        return;
    }
    let kept: Vec<&[u8]> = tokens(headers, &header::TRAILER).filter(is_kept).collect();
    let line = HeaderValue::from_bytes(&kept.join(b", ".as_slice()));
    let line = line.expect("parts of field values are a field value");
    match kept.is_empty() {
        true => drop(headers.remove(header::TRAILER)),
        false => drop(headers.insert(header::TRAILER, line)),
    }
}

/// Whether a trailer of that name is never passed on.
fn is_unwanted(name: &HeaderName) -> bool {
    NEVER_TRAILERS.contains(name)
        || is_hop_by_hop(name.as_str())
        || forged::is_forged(name.as_str())
        || forged::is_identity(name.as_str())
        || forged::is_api_key(name.as_str())
}

/// What this proxy says about the client of one connection; made once per connection.
#[derive(Clone, Debug)]
pub struct ForwardedFields {
    address: HeaderValue,
    forwarded: HeaderValue,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

impl ForwardedFields {
    /// For connections from `client`, which always arrive by TLS.
    pub fn new(client: IpAddr) -> Self {
        let client = client.to_canonical();
        let node = match client {
            IpAddr::V4(address) => format!("for={address};proto=https"),
            IpAddr::V6(address) => format!("for=\"[{address}]\";proto=https"), // RFC 7239 section 6
        };
        let value = |text: &str| HeaderValue::from_str(text).expect("an address is visible ASCII");
        Self {
            address: value(&client.to_string()),
            forwarded: value(&node),
        }
    }

    /// Sets the fields anew. The ones of the client must have been stripped.
    pub fn set(&self, headers: &mut HeaderMap) {
        headers.insert(X_FORWARDED_FOR, self.address.clone());
        headers.insert(X_REAL_IP, self.address.clone());
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
        if let Some(host) = headers.get(header::HOST).cloned() {
            headers.insert(X_FORWARDED_HOST, host);
        }
        headers.insert(header::FORWARDED, self.forwarded.clone());
    }

    /// Adds to the fields of a trusted proxy, whose view of the client stays in front.
    pub fn append(&self, headers: &mut HeaderMap) {
        join(headers, X_FORWARDED_FOR, &self.address);
        join(headers, header::FORWARDED, &self.forwarded);
        headers
            .entry(X_FORWARDED_PROTO)
            .or_insert(HeaderValue::from_static("https"));
        if let Some(host) = headers.get(header::HOST).cloned() {
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
        headers
            .entry(X_REAL_IP)
            .or_insert_with(|| self.address.clone());
    }
}

/// Appends `value` to the list that the lines of `name` make, as one line.
fn join(headers: &mut HeaderMap, name: HeaderName, value: &HeaderValue) {
    let lines: Vec<&[u8]> = headers
        .get_all(&name)
        .into_iter()
        .map(HeaderValue::as_bytes)
        .chain([value.as_bytes()])
        .collect();
    let joined = HeaderValue::from_bytes(&lines.join(b", ".as_slice()))
        .expect("field values joined by a comma are a field value");
    headers.insert(name, joined);
}

/// The last address that a trusted proxy saw: the right-most entry of `X-Forwarded-For`,
/// the only one that the trusted proxy itself wrote.
pub fn forwarded_client(headers: &HeaderMap) -> Option<IpAddr> {
    let last = tokens(headers, &X_FORWARDED_FOR).last()?;
    std::str::from_utf8(last).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn strips_names_listed_on_a_second_connection_line() {
        let mut headers = map(&[
            ("connection", "close"),
            ("connection", "a, X-Internal"),
            ("x-internal", "1"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn strips_every_hop_by_hop_field_and_all_its_lines() {
        let mut headers = map(&[
            ("keep-alive", "5"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("trailer", "x-sum"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("trailer", "x-sum")]));
    }

    #[test]
    fn a_connection_line_cannot_remove_host_or_content_length() {
        let mut headers = map(&[
            ("connection", "host, content-length"),
            ("host", "a"),
            ("content-length", "1"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("host", "a"), ("content-length", "1")]));
    }

    #[test]
    fn a_list_of_names_has_an_end() {
        for name in ["connection", "te", "trailer"] {
            for (count, is_too_many) in [(1, false), (64, false), (65, true), (30_000, true)] {
                let list = vec!["a"; count].join(",");
                assert_eq!(
                    lists_too_many(&map(&[(name, &list)])),
                    is_too_many,
                    "{name} {count}"
                );
            }
        }
        assert!(!lists_too_many(&map(&[("accept", &"a,".repeat(100))])));
    }

    #[test]
    fn what_is_stripped_of_trailers_is_not_announced() {
        for (lines, left) in [
            (&["x-sum"][..], &["x-sum"][..]),
            (&["x-sum, x-other", "x-more"], &["x-sum, x-other", "x-more"]),
            (&["x-sum, Authorization"], &["x-sum"]),
            (&["authorization", "x-sum", "X_Request_Id"], &["x-sum"]),
            (&["cookie, x-forwarded-for, remote-user"], &[]),
            (&["x-a,,te", "b"], &["x-a, , b"]),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("trailer", *line)).collect();
            let mut headers = map(&lines);
            limit_trailer(&mut headers);
            let now: Vec<_> = headers.get_all("trailer").iter().collect();
            assert_eq!(now, left, "{lines:?}");
            let announced: Vec<HeaderName> = tokens(&headers, &header::TRAILER)
                .filter_map(|name| HeaderName::from_bytes(name).ok())
                .collect();
            let mut trailers = HeaderMap::new();
            for name in &announced {
                trailers.append(name, HeaderValue::from_static("1"));
            }
            strip_trailers(&mut trailers);
            assert_eq!(trailers.len(), announced.len(), "{lines:?}");
        }
    }

    #[test]
    fn sets_the_client_anew() {
        let mut headers = map(&[("host", "sql0:8443")]);
        ForwardedFields::new("::ffff:192.0.2.1".parse().unwrap()).set(&mut headers);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
        assert_eq!(headers["x-real-ip"], "192.0.2.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "sql0:8443");
        assert_eq!(headers["forwarded"], "for=192.0.2.1;proto=https");
    }

    #[test]
    fn appends_to_a_trusted_proxys_fields() {
        let mut headers = map(&[
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "198.51.100.7"),
            ("forwarded", "for=203.0.113.9"),
            ("x-forwarded-proto", "http"),
        ]);
        assert_eq!(
            forwarded_client(&headers),
            Some("198.51.100.7".parse().unwrap())
        );
        ForwardedFields::new("2001:db8::1".parse().unwrap()).append(&mut headers);
        assert_eq!(
            headers["x-forwarded-for"],
            "203.0.113.9, 198.51.100.7, 2001:db8::1"
        );
        assert_eq!(
            headers["forwarded"],
            "for=203.0.113.9, for=\"[2001:db8::1]\";proto=https"
        );
        assert_eq!(headers["x-forwarded-proto"], "http");
    }

    #[test]
    fn no_coding_but_one_chunked_is_known() {
        assert!(is_only_chunked(&map(&[])));
        assert!(is_only_chunked(&map(&[("transfer-encoding", "Chunked")])));
        for coded in [
            "gzip, chunked",
            "identity, chunked",
            "chunked, chunked",
            "gzip",
            "",
        ] {
            assert!(
                !is_only_chunked(&map(&[("transfer-encoding", coded)])),
                "{coded}"
            );
        }
    }

    #[test]
    fn sees_upgrade_and_trailers_only_where_they_are_meant() {
        let asks = map(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ]);
        assert!(asks_for_upgrade(&asks));
        assert!(!asks_for_upgrade(&map(&[("upgrade", "websocket")])));
        assert!(takes_trailers(&map(&[("te", "gzip, Trailers")])));
        assert!(!takes_trailers(&map(&[("te", "gzip")])));
    }
}
