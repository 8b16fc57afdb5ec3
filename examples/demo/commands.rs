//! The parts that the demo's commands are made of.
use crate::{folder::Folder, settings::Places};

/// Has `curl` print the status below the answer.
pub(crate) const STATUS: &str = r"-w '\n%{http_code}\n'";

/// Writes commands for one sidecar and one folder.
pub(crate) struct Commands<'a> {
    /// `curl`, trusting the demo's authority.
    pub(crate) curl: String,
    /// The sidecar.
    pub(crate) url: String,
    /// Where tokens are.
    pub(crate) folder: &'a Folder,
}

impl<'a> Commands<'a> {
    pub(crate) fn new(places: &Places, folder: &'a Folder) -> Self {
        Self {
            curl: format!("curl -sS --cacert {} {STATUS}", folder.shown("ca.crt")),
            url: places.public_url(),
            folder,
        }
    }

    /// A query of this database; it lacks credential and statement.
    pub(crate) fn query(&self, database: &str) -> String {
        format!("{} {}/v1/execute/{database}", self.curl, self.url)
    }

    /// What is in a file of the demo's.
    pub(crate) fn content(&self, name: &str) -> String {
        format!("$(cat {})", self.folder.shown(name))
    }

    /// The header of the session that the line with `sso_token` began.
    pub(crate) fn session(&self) -> String {
        let file = self.folder.shown("session.json");
        format!(
            r#""Authorization: Bearer $(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' {file})""#
        )
    }

    /// Opens the provider's form and sends it with these fields; redirects lead there and back.
    pub(crate) fn form(&self, fields: &str) -> String {
        let (ca, cookies) = (
            self.folder.shown("ca.crt"),
            self.folder.shown("cookies.txt"),
        );
        let browser = format!("curl -sSL --cacert {ca} -b {cookies} -c {cookies}");
        let url = &self.url;
        format!(
            "{browser} {STATUS} {fields} \\\n  \
             \"$({browser} -o /dev/null -w '%{{url_effective}}' \\\n    \
             '{url}/v1/sso_authentication?database=retail_analytics')\""
        )
    }
}
