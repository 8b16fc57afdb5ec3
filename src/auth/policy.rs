//! Who may use which database, and as whom: the one function that decides it.
use crate::{
    config::{self, Grant, Pattern},
    oidc::Identity,
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
    /// It is for other databases.
    Databases,
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
    pub fn decide(&self, identity: &Identity, database: &Arc<str>) -> Option<Granted> {
        if !self.is_served(identity, database) {
            return None;
        }
        let granted = |account| Granted {
            database: database.clone(),
            account,
        };
        if self.grants.is_empty() {
            return Some(granted(None));
        }
        self.judged(identity, database)
            .find(|(_, mismatch)| mismatch.is_none())
            .map(|(grant, _)| granted(grant.account.clone()))
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

/// What keeps `grant` from fitting; `None` for the database asks about the rest alone.
fn mismatch(grant: &Grant, identity: &Identity, database: Option<&str>) -> Option<Mismatch> {
    let is_in = |group: &String| identity.groups().contains(group);
    let is_called = |user: &String| user == identity.username();
    let provider = grant.provider.as_deref();
    if provider.is_some_and(|name| name != identity.provider()) {
        Some(Mismatch::Provider)
    } else if !grant.groups.is_empty() && !grant.groups.iter().any(is_in) {
        Some(Mismatch::Groups)
    } else if !grant.users.is_empty() && !grant.users.iter().any(is_called) {
        Some(Mismatch::Users)
    } else if let Some(database) = database
        && !grant.databases.is_empty()
        && !is_for(&grant.databases, database)
    {
        Some(Mismatch::Databases)
    } else {
        None
    }
}

fn is_for(patterns: &[Pattern], database: &str) -> bool {
    patterns.iter().any(|one| one.matches(database))
}

#[cfg(test)]
mod tests;
