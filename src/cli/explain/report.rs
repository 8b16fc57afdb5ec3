//! `Report`: everything that was found out about a token. Holds nothing of its signature.
use super::takes_tokens;
use crate::{
    auth::{Denial, Granted, Mismatch, Policy},
    config::{self, ClaimName},
    oidc::{Identity, Owner, Provider, Rule, Trace, lacking_claims, unverified_parts},
    secret::Secret,
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a provider's verification came to.
pub(super) struct Judged {
    pub(super) outcome: Result<Identity, String>,
    pub(super) trace: Trace,
}

/// In the form of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether the token proves an identity.
    pub(super) accepted: bool,
    /// Whether that identity may use the database.
    pub(super) granted: bool,
    pub(super) database: String,
    /// Why it is not accepted or not granted.
    pub(super) reason: Option<String>,
    pub(super) providers: Vec<Choice>,
    /// The header's members that matter; proven by the signature check alone.
    pub(super) header: Map<String, Value>,
    /// Whether the claims are the provider's own words.
    pub(super) claims_are_signed: bool,
    /// The claims that matter.
    pub(super) claims: Map<String, Value>,
    /// What count for the configuration and the token has not.
    pub(super) lacking: Vec<String>,
    /// What became of those.
    pub(super) userinfo: Option<&'static str>,
    /// What kind of token it was taken for, and why.
    pub(super) taken: Option<String>,
    /// For whom it should have been, where it is for others.
    pub(super) wanted: Option<Wanted>,
    pub(super) checks: Vec<Check>,
    pub(super) identity: Option<Who>,
    pub(super) grants: Vec<Fit>,
    /// Whom the identity becomes at the SQL node, where accounts sign in.
    pub(super) account: Option<String>,
}

/// One `[[provider]]`.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) chosen: bool,
    pub(super) why: &'static str,
}

/// Whom the configuration takes tokens of.
#[derive(Debug, Serialize)]
pub(super) struct Wanted {
    /// The `aud` of ID tokens.
    pub(super) client_id: String,
    /// Those of access tokens.
    pub(super) audiences: Vec<String>,
    pub(super) authorized_parties: Vec<String>,
}

/// One rule.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) rule: &'static str,
    /// `pass`, `fail`, `not reached` or `not for this token`.
    pub(super) outcome: &'static str,
    pub(super) reason: Option<String>,
    pub(super) source: &'static str,
}

/// The identity as grants see it.
#[derive(Debug, Serialize)]
pub(super) struct Who {
    pub(super) provider: String,
    pub(super) subject: String,
    pub(super) username: String,
    pub(super) groups: Vec<String>,
}

/// One `[[grant]]`.
#[derive(Debug, Serialize)]
pub(super) struct Fit {
    /// Counted from 1, as they stand in the file.
    pub(super) number: usize,
    pub(super) name: String,
    /// Whether it shuts out whom it fits.
    pub(super) deny: bool,
    pub(super) fits: bool,
    /// Whether it is the one that counts: the first that fits.
    pub(super) chosen: bool,
    pub(super) why: &'static str,
}

impl Report {
    /// What is known before anything is verified. `owner`: whose rules the token has to meet.
    pub(super) fn new(
        token: &Secret,
        providers: &[Arc<Provider>],
        owner: Owner,
        database: &str,
    ) -> Self {
        let (header, claims) = unverified_parts(token.expose()).unwrap_or_default();
        let rules = match owner {
            Owner::Entry(number) => Some(providers[number].config()),
            _ => None,
        };
        let numbered = providers.iter().enumerate();
        let choices = numbered.map(|(own, provider)| Choice::new(provider, &claims, owner, own));
        Self {
            accepted: false,
            granted: false,
            database: database.to_owned(),
            reason: None,
            providers: choices.collect(),
            header: kept(&header, &["alg", "kid", "typ", "crit"]),
            claims_are_signed: false,
            lacking: rules.map_or_else(Vec::new, |rules| lacking(&claims, rules)),
            userinfo: rules.and_then(|rules| (!rules.userinfo).then_some(OFF)),
            claims: used(&claims, rules),
            taken: None,
            wanted: rules.map(Wanted::by),
            checks: Vec::new(),
            identity: None,
            grants: Vec::new(),
            account: None,
        }
    }

    /// The same with what became of it.
    pub(super) fn judged(mut self, policy: &Policy, judged: Judged) -> Self {
        self.claims_are_signed = judged.trace.is_signed();
        self.taken = judged.trace.taken().map(|taken| taken.to_string());
        if !judged.trace.broken().any(|rule| rule == Rule::Audience) {
            self.wanted = None;
        }
        self.checks = Rule::ALL.map(|rule| Check::new(rule, &judged)).into();
        // Nobody is asked before every rule for the token itself was kept.
        let is_good = judged.trace.outcome(Rule::ProviderSession) == Some(Ok(()));
        self.userinfo = match is_good && !self.lacking.is_empty() {
            true => self.userinfo.or_else(|| Some(asked(&judged.trace))),
            false => None,
        };
        let identity = match judged.outcome {
            Ok(identity) => identity,
            Err(why) => {
                self.reason = Some(why);
                return self;
            }
        };
        self.accepted = true;
        let granted = policy.decide(&identity, &self.database.as_str().into());
        self.granted = granted.is_ok();
        self.account = granted
            .as_ref()
            .ok()
            .and_then(Granted::account)
            .map(str::to_owned);
        self.grants = fits(policy, &identity, &self.database);
        self.reason = match granted {
            Ok(_) => None,
            Err(_) if !policy.is_served(&identity, &self.database) => {
                Some("the provider is not for this database".to_owned())
            }
            Err(Denial::NotGranted | Denial::Outdated) => {
                let denies = self.grants.iter().find(|grant| grant.chosen);
                Some(match denies {
                    Some(grant) => format!("{} denies it", grant.name),
                    None => "no grant fits".to_owned(),
                })
            }
        };
        self.identity = Some(Who {
            provider: identity.provider().to_owned(),
            subject: identity.subject().to_owned(),
            username: identity.username().to_owned(),
            groups: identity.groups().to_vec(),
        });
        self
    }

    /// Whether the token would get through.
    pub(super) fn is_granted(&self) -> bool {
        self.accepted && self.granted
    }
}

impl Choice {
    fn new(provider: &Provider, claims: &Map<String, Value>, owner: Owner, own: usize) -> Self {
        let config = provider.config();
        let issuer = claims.get("iss").and_then(Value::as_str);
        let (chosen, why) = match issuer {
            None => (false, "the token names no issuer"),
            Some(issuer) if !config.takes_issuer(issuer) => (false, "the token has another issuer"),
            Some(_) if owner == Owner::Several => (false, "the token names several entries"),
            Some(_) if owner != Owner::Entry(own) => (false, "it belongs to another entry"),
            Some(_) if !takes_tokens(provider) => (false, "flows has no \"token\""),
            Some(_) => (true, "the token says that it is of this one"),
        };
        Self {
            name: config.name.to_string(),
            issuer: config.issuer.to_string(),
            chosen,
            why,
        }
    }
}

impl Wanted {
    fn by(rules: &config::Provider) -> Self {
        Self {
            client_id: rules.client_id.to_string(),
            audiences: rules.audiences.clone(),
            authorized_parties: rules.tokens.authorized_parties.clone(),
        }
    }
}

impl Check {
    fn new(rule: Rule, judged: &Judged) -> Self {
        let is_over = match judged.broken() {
            Some(broken) => rule as usize > broken as usize,
            None => judged.outcome.is_err(), // it ended before the next one
        };
        let (outcome, reason) = match judged.trace.outcome(rule) {
            Some(Ok(())) => ("pass", None),
            Some(Err(fault)) => ("fail", Some(fault.to_string())),
            None if is_over => ("not reached", None),
            None => ("not for this token", None),
        };
        Self {
            rule: rule.name(),
            outcome,
            reason,
            source: rule.source(),
        }
    }
}

fn lacking(claims: &Map<String, Value>, rules: &config::Provider) -> Vec<String> {
    let names = lacking_claims(rules, claims).into_iter();
    names.map(str::to_owned).collect()
}

/// What userinfo, which is on, had to do with a good token that lacks something.
fn asked(trace: &Trace) -> &'static str {
    match (trace.outcome(Rule::Userinfo), trace.outcome(Rule::UserName)) {
        (Some(Ok(())), _) => "asked",
        (Some(Err(_)), _) => "asked, and not believed",
        (None, None) => "asked, without an answer that can be used",
        (None, Some(_)) => {
            "not asked: that takes a good access token, and a provider that has userinfo"
        }
    }
}

fn fits(policy: &Policy, identity: &Identity, database: &str) -> Vec<Fit> {
    let judged = policy.judged(identity, database).enumerate();
    let mut fits: Vec<Fit> = judged
        .map(|(index, (grant, mismatch))| Fit {
            number: index + 1,
            name: grant.name.to_string(),
            deny: grant.deny,
            fits: mismatch.is_none(),
            chosen: false,
            why: match mismatch {
                None => "it fits, but an earlier one counts",
                Some(Mismatch::Provider) => "it is for another provider",
                Some(Mismatch::Groups) => "the user is in none of its groups",
                Some(Mismatch::Users) => "it does not name the user",
                Some(Mismatch::Claims) => "the token's claims are not those that it wants",
                Some(Mismatch::Databases) => "it is for other databases",
            },
        })
        .collect();
    if policy.is_served(identity, database)
        && let Some(first) = fits.iter_mut().find(|fit| fit.fits)
    {
        let why = match first.deny {
            true => "the first that fits, or may, and it denies",
            false => "the first that fits",
        };
        (first.chosen, first.why) = (true, why);
    }
    fits
}

/// The claims that some rule or the policy looks at.
fn used(claims: &Map<String, Value>, rules: Option<&config::Provider>) -> Map<String, Value> {
    let mut names = vec![
        "iss",
        "sub",
        "aud",
        "azp",
        "client_id",
        "cid",
        "appid",
        "scope",
        "scp",
        "token_use",
        "iat",
        "nbf",
        "exp",
        "events",
        "sid",
    ];
    if let Some(rules) = rules {
        names.extend(rules.username_claims.iter().map(ClaimName::top));
        names.push(rules.groups_claim.top());
        names.extend(rules.grant_claims.iter().map(ClaimName::top));
        if names.contains(&"email") {
            names.push("email_verified");
        }
    }
    kept(claims, &names)
}

fn kept(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let member = |name: &&str| Some(((*name).to_owned(), members.get(*name)?.clone()));
    names.iter().filter_map(member).collect()
}

/// Why userinfo is not asked most of the time.
const OFF: &str = "not asked: `userinfo` is off";
