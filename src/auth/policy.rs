//! Who may use which database, and as whom: the one function that decides it.
use crate::{
    config::{self, Grant, Pattern},
    oidc::Identity,
};

/// The grants of one configuration. Asked on every request; nothing remembers its answers, so a
/// changed configuration counts from the next request on.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Name, issuer and databases of each.
    providers: Vec<(String, String, Vec<Pattern>)>,
    grants: Vec<Grant>,
}

/// Permission to use one database. Only [`Policy::decide`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    database: String,
    account: Option<String>,
}

impl Granted {
    /// The database it is for.
    pub fn database(&self) -> &str {
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
    pub fn decide(&self, identity: &Identity, database: &str) -> Option<Granted> {
        let is_for = |patterns: &[Pattern]| patterns.iter().any(|one| one.matches(database));
        if !self.provider_databases(identity).is_some_and(is_for) {
            return None;
        }
        let granted = |account| Granted {
            database: database.to_owned(),
            account,
        };
        if self.grants.is_empty() {
            return Some(granted(None));
        }
        self.grants_of(identity)
            .find(|grant| grant.databases.is_empty() || is_for(&grant.databases))
            .map(|grant| granted(grant.account.clone()))
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
            .find(|(name, issuer, _)| name == identity.provider() && issuer == identity.issuer())
            .map(|(_, _, databases)| databases.as_slice())
    }

    /// The grants whose provider, groups and users fit, whatever their databases.
    fn grants_of(&self, identity: &Identity) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(|grant| {
            let any_of = |wanted: &[String], held: &[String]| {
                wanted.is_empty() || wanted.iter().any(|one| held.contains(one))
            };
            grant
                .provider
                .as_ref()
                .is_none_or(|name| name == identity.provider())
                && any_of(&grant.groups, identity.groups())
                && (grant.users.is_empty()
                    || grant.users.iter().any(|user| user == identity.username()))
        })
    }
}

#[cfg(test)]
mod tests;
