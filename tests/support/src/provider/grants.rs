//! Codes, refresh tokens and access tokens that were given out.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::shared::random_text;

/// What a person allowed a client at one sign-in; tokens of one sign-in share the `family`.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) family: String,
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) scope: String,
    /// Empty when none was sent (device grant).
    pub(crate) nonce: String,
    /// `sid`.
    pub(crate) session: String,
    /// `auth_time`.
    pub(crate) signed_in_at: i64,
}

/// A code and what the token request must prove.
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    expires_at: Instant,
    is_used: bool,
}

struct Refresh {
    grant: Grant,
    is_used: bool,
}

/// An access token that is still good.
pub(crate) struct Access {
    pub(crate) grant: Grant,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
}

#[derive(Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    refreshes: HashMap<String, Refresh>,
    accesses: HashMap<String, Access>,
    revoked: HashSet<String>,
    /// Pushed authorization requests by their `request_uri`.
    pushed: HashMap<String, Vec<(String, String)>>,
    /// `jti`s of client assertions.
    seen: HashSet<String>,
}

impl Grants {
    pub(crate) fn add_code(
        &mut self,
        grant: Grant,
        redirect_uri: String,
        challenge: String,
    ) -> String {
        let code = random_text();
        let entry = Code {
            grant,
            redirect_uri,
            challenge,
            expires_at: Instant::now() + CODE_LIFE,
            is_used: false,
        };
        self.codes.insert(code.clone(), entry);
        code
    }

    /// Uses up a code. A second use ends all tokens of the first (RFC 6749 4.1.2).
    pub(crate) fn use_code(&mut self, code: &str) -> Option<&Code> {
        let entry = self.codes.get_mut(code)?;
        if std::mem::replace(&mut entry.is_used, true) {
            self.revoked.insert(entry.grant.family.clone());
            return None;
        }
        (Instant::now() < entry.expires_at).then_some(entry)
    }

    pub(crate) fn add_refresh(&mut self, grant: Grant) -> String {
        let token = random_text();
        let entry = Refresh {
            grant,
            is_used: false,
        };
        self.refreshes.insert(token.clone(), entry);
        token
    }

    /// The grant of a refresh token that is still good.
    pub(crate) fn refresh_grant(&self, token: &str) -> Option<&Grant> {
        let entry = self.refreshes.get(token)?;
        (!self.revoked.contains(&entry.grant.family)).then_some(&entry.grant)
    }

    /// Uses up a refresh token. A second use ends the whole family (RFC 9700 4.14.2).
    pub(crate) fn use_refresh(&mut self, token: &str) -> bool {
        let Some(entry) = self.refreshes.get_mut(token) else {
            return false;
        };
        if std::mem::replace(&mut entry.is_used, true) {
            self.revoked.insert(entry.grant.family.clone());
        }
        !self.revoked.contains(&entry.grant.family)
    }

    pub(crate) fn add_access(&mut self, token: String, access: Access) {
        self.accesses.insert(token, access);
    }

    /// The access token, if it is good at `now`.
    pub(crate) fn access(&self, token: &str, now: i64) -> Option<&Access> {
        let access = self.accesses.get(token)?;
        let good = now < access.expires_at && !self.revoked.contains(&access.grant.family);
        good.then_some(access)
    }

    /// Ends a refresh token with its family, or an access token alone (RFC 7009 2.1).
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(entry) = self.refreshes.get(token) {
            self.revoked.insert(entry.grant.family.clone());
        }
        self.accesses.remove(token);
    }

    pub(crate) fn push_request(&mut self, reference: String, parameters: Vec<(String, String)>) {
        self.pushed.insert(reference, parameters);
    }

    /// A pushed request serves once (RFC 9126 4).
    pub(crate) fn take_pushed(&mut self, reference: &str) -> Option<Vec<(String, String)>> {
        self.pushed.remove(reference)
    }

    /// Whether this id was never seen before.
    pub(crate) fn first_use(&mut self, id: &str) -> bool {
        self.seen.insert(id.to_owned())
    }

    /// Ends every token of a client's sign-ins.
    pub(crate) fn revoke_all(&mut self) {
        let families = self.refreshes.values().map(|entry| &entry.grant.family);
        let families = families.chain(self.accesses.values().map(|access| &access.grant.family));
        self.revoked.extend(families.cloned().collect::<Vec<_>>());
    }
}

/// A minute, as many providers do (RFC 6749 allows ten).
const CODE_LIFE: Duration = Duration::from_secs(60);
