//! `[sql_node]`: the SQL node behind this program.
use super::{
    addresses::upstream,
    fault::Fault,
    section::Section,
    trust::Trust,
    units::duration,
    values::{choice, count, string},
};
use std::time::Duration;
use url::Url;

/// `[sql_node]`
#[derive(Clone, Debug)]
pub struct SqlNode {
    /// Scheme, host and port alone; http only to this host.
    pub url: Url,
    /// Whose certificate is believed.
    pub trust: Trust,
    /// Longest wait for a connection; default 2 s.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer. `None`, the default: as long as the query runs.
    pub head_timeout: Option<Duration>,
    /// Connections to it at a time, idle ones included; default 1000.
    pub max_connections: usize,
    /// In use for one client network. 0, the default: a quarter of all, and only while more than
    /// half are used.
    pub connections_per_client: usize,
    /// How Ocient tokens are obtained.
    pub credentials: Credentials,
}

/// `[sql_node.credentials]`
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Who signs in at the SQL node; default exchange.
    pub mode: CredentialMode,
    /// Life of an Ocient token that does not say how long it lives; default 1 h.
    pub assumed_lifetime: Duration,
}

/// Where the Ocient token of an identity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialMode {
    /// The SQL node's own `/v1/sso_token` gets the verified provider token.
    Exchange,
    /// The account that the matching grant names signs in at `/v1/login`.
    Login,
}

impl SqlNode {
    /// Reads the section; tells the `mode` even if another key is wrong.
    pub(super) fn read(
        section: &mut Section<'_>,
        mode: &mut Option<CredentialMode>,
    ) -> Option<Self> {
        let url = section.required("url", string(upstream));
        let trust = trust(section, url.as_ref());
        // Beside the node a connection takes microseconds; a minute is a kernel's patience.
        let connect_range = Duration::from_millis(1)..=Duration::from_mins(1);
        let connect_timeout = section.defaulted("connect_timeout", "'2s'", duration(connect_range));
        // A query may run for hours before it answers; a day is the longest worth a limit.
        let head_range = Duration::ZERO..=Duration::from_hours(24);
        let head_timeout = section.defaulted("head_timeout", "'0s'", duration(head_range));
        // Each is a query, and a thread or more of the node's; a million is a kernel's usual limit.
        let connections = count::<usize>(1..=1_000_000);
        let max_connections = section.defaulted("max_connections", "1000", connections);
        let share = count::<usize>(0..=1_000_000);
        let connections_per_client = section.defaulted("connections_per_client", "0", share);
        let credentials = section.section("credentials", Credentials::read);
        *mode = credentials.as_ref().map(|credentials| credentials.mode);
        Some(Self {
            url: url?,
            trust: trust?,
            connect_timeout: connect_timeout?,
            head_timeout: Some(head_timeout?).filter(|timeout| !timeout.is_zero()),
            max_connections: max_connections?,
            connections_per_client: connections_per_client?,
            credentials: credentials?,
        })
    }
}

impl Credentials {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let modes = choice(&[
            ("exchange", CredentialMode::Exchange),
            ("login", CredentialMode::Login),
        ]);
        let mode = section.defaulted("mode", "'exchange'", modes);
        // Renewed at half of it: less than a second would renew without pause, and no token
        // of a week should be believed in unseen.
        let range = Duration::from_secs(1)..=Duration::from_hours(24 * 7);
        let assumed_lifetime = section.defaulted("assumed_lifetime", "'1h'", duration(range));
        Some(Self {
            mode: mode?,
            assumed_lifetime: assumed_lifetime?,
        })
    }
}

fn trust(section: &mut Section<'_>, url: Option<&Url>) -> Option<Trust> {
    let ca = section.authorities("ca");
    let pin = section.optional("certificate_sha256", string(fingerprint));
    let given = match (ca?, pin?) {
        (None, None) => return Some(Trust::for_scheme(url?.scheme())),
        (Some(path), None) => ("ca", Trust::Ca(path)),
        (None, Some(digest)) => ("certificate_sha256", Trust::Pinned(digest)),
        (Some(_), Some(_)) => {
            let fault = Fault::new("does not go together with `ca`").cure("remove one of the two");
            return section.fault("certificate_sha256", fault);
        }
    };
    let (key, trust) = given;
    if url?.scheme() != "https" {
        let fault = Fault::new("means nothing for an http:// node");
        return section.fault(key, fault.cure("use https:// in `url`, or remove it"));
    }
    Some(trust)
}

/// A SHA-256 as 64 hexadecimal digits, with or without colons between the bytes.
fn fingerprint(text: &str) -> Result<[u8; 32], Fault> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let mut digest = [0; 32];
    let is_hex = digits.len() == 2 * digest.len() && digits.iter().all(u8::is_ascii_hexdigit);
    if !is_hex {
        return Err(Fault::new("not a SHA-256")
            .cure("64 hexadecimal digits: openssl x509 -in node.crt -noout -fingerprint -sha256"));
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons() {
        let plain = "00ff".repeat(16);
        let colons = ["00:FF"; 16].join(":");
        assert_eq!(fingerprint(&plain).unwrap()[..3], [0, 255, 0]);
        assert_eq!(fingerprint(&plain), fingerprint(&colons));
        for text in ["", "00ff", &"zz".repeat(32), &format!("{plain}0")] {
            assert!(fingerprint(text).is_err(), "{text:?}");
        }
    }
}
