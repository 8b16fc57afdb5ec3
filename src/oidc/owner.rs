//! `Owner`: which `[[provider]]` a token belongs to, where several are applications of one issuer.
#[cfg(test)]
mod tests;

use super::{jws::unverified_claims, verify::PARTIES};
use crate::config;
use serde_json::{Map, Value};

/// Whose rules a token has to meet. Chosen by what the token says of itself, unverified: that
/// is enough, because the choice opens nothing. The rules chosen see the same claims again
/// behind the signature, and no other rules are tried when they refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// No JWT, or one without an issuer.
    Opaque,
    /// Of no configured issuer.
    Stranger,
    /// The entry with this number.
    Entry(usize),
    /// It names several entries of its issuer. No rules fit: what one of them refuses must not
    /// be accepted under another's.
    Several,
}

impl Owner {
    /// The entry to whose application `token` was issued (`azp`, `client_id`); if it names
    /// none of ours, the one for which it is meant (`aud`), by its client id or else by one of
    /// its `audiences`; then the one that has its party as authorized. What names no entry of a configured issuer goes to the issuer's first,
    /// whose rules refuse it: it is not left to the SQL node, which would ask no grant.
    pub fn of<'p>(token: &str, entries: impl IntoIterator<Item = &'p config::Provider>) -> Self {
        let Some(claims) = unverified_claims(token) else {
            return Self::Opaque;
        };
        let Some(issuer) = claims.get("iss").and_then(Value::as_str) else {
            return Self::Opaque;
        };
        let numbered = entries.into_iter().enumerate();
        let of_issuer = numbered.filter(|(_, entry)| entry.takes_issuer(issuer));
        let candidates: Vec<(usize, &config::Provider)> = of_issuer.collect();
        let Some((first, _)) = candidates.first() else {
            return Self::Stranger;
        };
        let parties: Vec<&str> = PARTIES
            .into_iter()
            .filter_map(|name| claims.get(name)?.as_str())
            .collect();
        let audiences = audiences(&claims);
        let has = |names: &[&str], name: &str| names.contains(&name);
        let named = |is_named: &dyn Fn(&config::Provider) -> bool| {
            let mut named = candidates.iter().filter(|(_, entry)| is_named(entry));
            match (named.next(), named.next()) {
                (None, _) => None,
                (Some((number, _)), None) => Some(Self::Entry(*number)),
                (Some(_), Some(_)) => Some(Self::Several),
            }
        };
        named(&|entry| has(&parties, &entry.client_id))
            .or_else(|| named(&|entry| has(&audiences, &entry.client_id)))
            .or_else(|| named(&|entry| entry.audiences.iter().any(|name| has(&audiences, name))))
            .or_else(|| {
                named(&|entry| {
                    let mut authorized = entry.tokens.authorized_parties.iter();
                    authorized.any(|name| has(&parties, name))
                })
            })
            .unwrap_or(Self::Entry(*first))
    }
}

/// The strings of `aud`, of which one alone may stand without its array.
fn audiences(claims: &Map<String, Value>) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(audience)) => vec![audience],
        Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
