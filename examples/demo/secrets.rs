//! What the tour used that must not be in the log.
use crate::{failure::Failure, folder::Folder, world::World};
use std::collections::BTreeSet;

/// Tokens, passwords, codes, cookies and SQL texts of one tour.
#[derive(Debug, Default)]
pub(crate) struct Secrets(BTreeSet<String>);

/// Files of the demo's folder with tokens, passwords or cookies in them.
const FILES: [&str; 8] = [
    "client_secret",
    "alice.id_token",
    "alice.access_token",
    "bob.id_token",
    "carol.id_token",
    "expired.id_token",
    "session.json",
    "cookies.txt",
];

/// Parameters of the provider's endpoints that are nobody else's business.
const PARAMETERS: [&str; 8] = [
    "code",
    "code_verifier",
    "code_challenge",
    "state",
    "nonce",
    "client_secret",
    "refresh_token",
    "password",
];

/// Shorter texts are words that a log may well have: `retail`, `status`.
const SHORTEST: usize = 10;

/// A tour with all its lines uses twice as many.
const FEWEST: usize = 20;

impl Secrets {
    /// Those in the demo's folder as it is now.
    pub(crate) fn note_files(&mut self, folder: &Folder) -> Result<(), Failure> {
        for name in FILES {
            let text = folder.read(name)?;
            match name {
                // Tab-separated; the value is what comes last.
                "cookies.txt" => text
                    .lines()
                    .filter_map(|line| line.rsplit_once('\t'))
                    .for_each(|(_, value)| self.note(value)),
                // The other texts of the answer are no secrets.
                "session.json" => text
                    .split('"')
                    .filter(|word| word.starts_with("ocs_"))
                    .for_each(|word| self.note(word)),
                _ => self.note(&text),
            }
        }
        Ok(())
    }

    /// Those that the SQL node and the provider got to see.
    pub(crate) fn note_requests(&mut self, world: &World) {
        for request in world.sql_node.requests() {
            for value in request.headers.get_all("authorization") {
                let words = value.to_str().unwrap_or_default().split(' ');
                words.for_each(|word| self.note(word));
            }
            let body = request.json();
            for name in ["statement", "id_token", "access_token"] {
                self.note(body[name].as_str().unwrap_or_default());
            }
        }
        for request in world.provider.requests() {
            for name in PARAMETERS {
                self.note(request.parameter(name).unwrap_or_default());
            }
            for value in request.headers.get_all("authorization") {
                let words = value.to_str().unwrap_or_default().split(' ');
                words.for_each(|word| self.note(word));
            }
        }
        self.note("wonderland"); // alice's password at the SQL node
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Searches a log for all of them.
    pub(crate) fn check(&self, log: &str) -> Result<(), Failure> {
        if self.count() < FEWEST {
            return Err(Failure::TooFewSecrets(self.count()));
        }
        match self.0.iter().find(|secret| log.contains(secret.as_str())) {
            Some(secret) => Err(Failure::Leak(secret.clone())),
            None => Ok(()),
        }
    }

    fn note(&mut self, text: &str) {
        if text.len() >= SHORTEST {
            self.0.insert(text.to_owned());
        }
    }
}
