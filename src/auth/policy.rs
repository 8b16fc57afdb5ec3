//! Who may use which database, and as whom: the one function that decides it.
use crate::{
    config::{self, ClaimCondition, Grant, Pattern},
    failure::Failure,
    oidc::{Identity, Said},
};
use std::sync::Arc;

/// The grants of one configuration. Asked on every request; nothing remembers its answers, so a
/// changed configuration counts from the next request on.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Name, issuer and databases of each.
    providers: Vec<(Arc<str>, Arc<str>, Vec<Pattern>)>,
    grants: Vec<Grant>,
}

/// The first condition of a grant that keeps it from fitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It is for the users of another provider.
    Provider,
    /// The user is in none of its groups.
    Groups,
    /// The user is none of those it names.
    Users,
    /// The token's claims are others.
    Claims,
    /// It is for other databases.
    Databases,
}

/// Why nobody may use a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No grant fits, or the first that does denies.
    NotGranted,
    /// A grant denies to whom it fits, and the record of the sign-in did not keep what it looks at.
    Outdated,
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::NotGranted => Self::NotGranted,
            Denial::Outdated => Self::SessionOutdated,
        }
    }
}

/// Permission to use one database. Only [`Policy::decide`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    database: Arc<str>,
    account: Option<Arc<str>>,
}

impl Granted {
    /// The database it is for.
    pub fn database(&self) -> &Arc<str> {
        &self.database
    }

    /// The account to sign in with, in mode `login`.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

impl Policy {
    /// Takes what it needs of a configuration.
    pub fn new(config: &config::Config) -> Self {
        let databases = |provider: &config::Provider| {
            (
                provider.name.clone(),
                provider.issuer.clone(),
                provider.databases.clone(),
            )
        };
        Self {
            providers: config.providers.iter().map(databases).collect(),
            grants: config.grants.clone(),
        }
    }

    /// Whether `identity` may use `database`. Its provider must be for that database; then
    /// the first grant that fits counts, and where no grant is configured at all, every verified
    /// identity may.
    ///
    /// # Errors
    /// It may not.
    pub fn decide(&self, identity: &Identity, database: &Arc<str>) -> Result<Granted, Denial> {
        if !self.is_served(identity, database) {
            return Err(Denial::NotGranted);
        }
        let granted = |account| Granted {
            database: database.clone(),
            account,
        };
        if self.grants.is_empty() {
            return Ok(granted(None));
        }
        let mut judged = self.judged(identity, database);
        match judged.find(|(_, mismatch)| mismatch.is_none()) {
            Some((grant, _)) if !grant.deny => Ok(granted(grant.account.clone())),
            Some((grant, _)) if is_outdated(grant, identity) => Err(Denial::Outdated),
            _ => Err(Denial::NotGranted),
        }
    }

    /// Whether the provider of `identity` is for `database`; else no grant helps.
    pub fn is_served(&self, identity: &Identity, database: &str) -> bool {
        self.provider_databases(identity)
            .is_some_and(|patterns| is_for(patterns, database))
    }

    /// Every grant in its order, and why it does not fit, if so.
    pub fn judged(
        &self,
        identity: &Identity,
        database: &str,
    ) -> impl Iterator<Item = (&Grant, Option<Mismatch>)> {
        self.grants
            .iter()
            .map(move |grant| (grant, mismatch(grant, identity, Some(database))))
    }

    /// Whether the answer for `identity` depends on the database, so that it has to be known
    /// for sure.
    pub fn depends_on_database(&self, identity: &Identity) -> bool {
        let all = |patterns: &[Pattern]| patterns.iter().any(Pattern::is_any);
        !self.provider_databases(identity).is_some_and(all)
            || self
                .grants_of(identity)
                .any(|grant| !grant.databases.is_empty() && !all(&grant.databases))
    }

    fn provider_databases(&self, identity: &Identity) -> Option<&[Pattern]> {
        self.providers
            .iter()
            .find(|(name, issuer, _)| {
                **name == *identity.provider() && **issuer == *identity.issuer()
            })
            .map(|(_, _, databases)| databases.as_slice())
    }

    /// The grants whose provider, groups and users fit, whatever their databases.
    fn grants_of(&self, identity: &Identity) -> impl Iterator<Item = &Grant> {
        self.grants
            .iter()
            .filter(|grant| mismatch(grant, identity, None).is_none())
    }
}

/// What keeps `grant` from fitting; `None` for the database asks about the rest alone. What nobody knows
/// of an identity fits no grant that gives, and every one that denies.
fn mismatch(grant: &Grant, identity: &Identity, database: Option<&str>) -> Option<Mismatch> {
    let is_in = |group: &String| identity.groups().contains(group);
    let is_called = |user: &String| user == identity.username();
    let provider = grant.provider.as_deref();
    if provider.is_some_and(|name| name != identity.provider()) {
        Some(Mismatch::Provider)
    } else if !grant.groups.is_empty()
        && !grant.groups.iter().any(is_in)
        && (!grant.deny || identity.has_counted_groups())
    {
        Some(Mismatch::Groups)
    } else if !grant.users.is_empty() && !grant.users.iter().any(is_called) {
        Some(Mismatch::Users)
    } else if !grant
        .claims
        .iter()
        .all(|one| is_met(one, identity, grant.deny))
    {
        Some(Mismatch::Claims)
    } else if let Some(database) = database
        && !grant.databases.is_empty()
        && !is_for(&grant.databases, database)
    {
        Some(Mismatch::Databases)
    } else {
        None
    }
}

/// Whether the identity has one of the values that `wanted` names; `unknown`: if nobody knows.
fn is_met(wanted: &ClaimCondition, identity: &Identity, unknown: bool) -> bool {
    let fits = |value: &str| wanted.values.iter().any(|one| one.matches(value));
    match identity.claim(&wanted.claim) {
        Said::Values(values) => values.iter().any(|value| fits(value)),
        Said::Unkept | Said::Unreadable => unknown,
    }
}

/// Whether `grant`, which fits, may do so only because a record did not keep what it looks at.
fn is_outdated(grant: &Grant, identity: &Identity) -> bool {
    let is_unkept = |one: &ClaimCondition| identity.claim(&one.claim) == Said::Unkept;
    let is_in = |group: &String| identity.groups().contains(group);
    let has_groups = grant.groups.is_empty() || grant.groups.iter().any(is_in);
    grant.claims.iter().any(is_unkept) || !(has_groups || identity.has_counted_groups())
}

fn is_for(patterns: &[Pattern], database: &str) -> bool {
    patterns.iter().any(|one| one.matches(database))
}

#[cfg(test)]
mod tests;
