//! What a configuration may mean and its operator probably does not.
use super::{Config, Flow, Grant, Pattern, Provider};

impl Config {
    /// What `check` and `run` warn of, of the configuration as a whole: each may be meant, and is
    /// shown with what it lets happen.
    pub fn doubts(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (index, grant) in self.grants.iter().enumerate() {
            warnings.extend(open_values(grant));
            let earlier = &self.grants[..index];
            if let Some(first) = earlier.iter().find(|earlier| earlier.covers(grant)) {
                let (name, first) = (&grant.name, &first.name);
                warnings.push(format!(
                    "grant {name} can never fit: {first} fits before it"
                ));
            }
        }
        if !self.grants.is_empty() && self.grants.iter().all(|grant| grant.deny) {
            warnings.push("every [[grant]] denies: nobody gets in".to_owned());
        }
        warnings.extend(self.providers.iter().filter_map(|one| self.of_all(one)));
        warnings
    }

    /// A provider whose accounts are the world's, and that lets all of them in.
    fn of_all(&self, provider: &Provider) -> Option<String> {
        let is_public = PUBLIC.contains(&provider.issuer.trim_end_matches('/'));
        let is_ours = |grant: &&Grant| grant.is_of(&provider.name) && !grant.deny;
        let mut grants = self.grants.iter().filter(is_ours).peekable();
        let lets_all_in = |grant: &Grant| {
            grant.groups.is_empty() && grant.users.is_empty() && grant.claims.is_empty()
        };
        let is_open = self.grants.is_empty() || grants.any(lets_all_in);
        (is_public && is_open).then(|| {
            let name = &provider.name;
            let any = match provider.flows.as_slice() {
                [Flow::Token] => "any workload of the world",
                _ => "anybody in the world",
            };
            format!("provider {name}: {any} can have a token of it; name `claims` in its [[grant]]")
        })
    }
}

fn open_values(grant: &Grant) -> impl Iterator<Item = String> {
    grant.claims.iter().flat_map(|condition| {
        let open = condition.values.iter().filter(|value| value.is_open());
        open.map(|value| {
            let (name, claim, value) = (&grant.name, condition.claim.as_str(), value.as_str());
            format!("grant {name}: {value:?} of `{claim}` also fits names that others may choose")
        })
    })
}

impl Grant {
    /// Whether it can be for users of the provider of this name.
    pub(super) fn is_of(&self, provider: &str) -> bool {
        let named = self.provider.as_deref();
        named.is_none_or(|name| name == provider)
    }

    /// Whether it fits wherever `later` does.
    fn covers(&self, later: &Self) -> bool {
        let is_within = |ours: &[String], theirs: &[String]| {
            let is_ours = |one: &String| ours.contains(one);
            ours.is_empty() || (!theirs.is_empty() && theirs.iter().all(is_ours))
        };
        let (ours, theirs) = (&self.databases, &later.databases);
        let has_databases = ours.iter().any(Pattern::is_any)
            || ours.is_empty()
            || (!theirs.is_empty() && theirs.iter().all(|one| ours.contains(one)));
        let has_claims = self.claims.iter().all(|ours| {
            let is_within = |value| ours.values.contains(value);
            later
                .claims
                .iter()
                .any(|one| one.claim == ours.claim && one.values.iter().all(is_within))
        });
        (self.provider.is_none() || self.provider == later.provider)
            && is_within(&self.groups, &later.groups)
            && is_within(&self.users, &later.users)
            && has_databases
            && has_claims
            // A deny may also fit where claims cannot be read, which a grant that gives does not.
            && (self.deny || !later.deny || (self.claims.is_empty() && self.groups.is_empty()))
    }
}

/// Issuers that give tokens to anybody who asks.
const PUBLIC: [&str; 4] = [
    "https://accounts.google.com",
    "https://token.actions.githubusercontent.com",
    "https://gitlab.com",
    "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
];
