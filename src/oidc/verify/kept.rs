//! `Kept`: what a token said in one of the claims that grants look at.
use super::{
    names::{self, MAX_GROUPS},
    proof::{EMAIL, EMAIL_VERIFIED},
};
use crate::{
    config::{self, ClaimName},
    oidc::claims::Claims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One claim that some grant named when the token was judged, also if the token lacked it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    name: Box<str>,
    /// `None`: nobody can say what it holds.
    values: Option<Box<[Box<str>]>>,
}

/// What an identity knows of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// No grant named it when the token was judged.
    Unkept,
    /// It is elsewhere, is neither names nor lists of them, or is an address that nobody has verified.
    Unreadable,
    /// The one that it is, or all that it contains; none if the token lacked it.
    Values(&'a [Box<str>]),
}

impl Kept {
    /// What `claims` say in each of the claims that the grants of `rules` name. They are the token's own:
    /// userinfo is not signed, and asked for names alone.
    pub(super) fn of(rules: &config::Provider, claims: Claims<'_>) -> Box<[Self]> {
        let kept = |name: &ClaimName| Self {
            name: name.as_str().into(),
            values: values(claims, name),
        };
        rules.grant_claims.iter().map(kept).collect()
    }

    /// Whether the token lacked it.
    fn is_absent(&self) -> bool {
        matches!(&self.values, Some(values) if values.is_empty())
    }

    /// `kept` of a refreshed token without what it left out and `before` did not: providers repeat what
    /// they like in it (OpenID Connect Core section 12.2), so that nobody can say whether it still holds.
    pub(super) fn following(kept: Box<[Self]>, before: &[Self]) -> Box<[Self]> {
        let was_absent = |one: &Self| {
            let same = before.iter().find(|other| other.name == one.name);
            same.is_some_and(Self::is_absent)
        };
        let mut kept = kept.into_vec();
        kept.retain(|one| !one.is_absent() || was_absent(one));
        kept.into()
    }

    /// What is known of `claim`, if any of `kept` is it.
    pub(super) fn find<'a>(kept: &'a [Self], claim: &ClaimName) -> Said<'a> {
        match kept.iter().find(|one| *one.name == *claim.as_str()) {
            None => Said::Unkept,
            Some(Self { values: None, .. }) => Said::Unreadable,
            Some(Self {
                values: Some(values),
                ..
            }) => Said::Values(values),
        }
    }
}

/// An object means its member names, as for groups.
fn values(claims: Claims<'_>, name: &ClaimName) -> Option<Box<[Box<str>]>> {
    let Some(value) = claims.named(name) else {
        let elsewhere = claims.find("_claim_names");
        let is_elsewhere = elsewhere.is_some_and(|names| names.get(name.top()).is_some());
        return (!is_elsewhere).then(Box::default);
    };
    if name.last() == EMAIL {
        names::check_email(value.as_str()?, claims.beside(name, EMAIL_VERIFIED)).ok()?;
    }
    let values: Box<[Box<str>]> = match value {
        Value::Array(items) => items.iter().map(one).collect::<Option<_>>()?,
        Value::Object(members) => members.keys().map(|name| name.as_str().into()).collect(),
        value => [one(value)?].into(),
    };
    (values.len() <= MAX_GROUPS).then_some(values)
}

/// A text, or what is written the same way by everybody. Fractions are not.
fn one(value: &Value) -> Option<Box<str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            Some(number.to_string().into())
        }
        _ => None,
    }
}
