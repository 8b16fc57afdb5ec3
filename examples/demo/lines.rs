//! The lines of the demo, in the order in which they build on each other.
use crate::{
    commands::{Commands, STATUS},
    folder::Folder,
    line::Line,
    settings::Places,
};

const JSON: &str = "-H 'Content-Type: application/json'";

const WHO: &str = r#"-d '{"statement":"SELECT current_user(), current_database()"}'"#;

const STORES: &str = r#"-d '{"statement":"SELECT country, count(*) AS stores FROM stores GROUP BY country ORDER BY stores DESC LIMIT 3"}'"#;

/// Ten rows of a tenth of a second each, so that one sees them come.
const SLOW: &str = r#"-d '{"statement":"SELECT n.c1 AS step, (SELECT count(*) FROM orders, sys.dummy5 m WHERE total > m.c1 * n.c1) AS dearer FROM sys.dummy10 n","fetch_size":1}'"#;

/// All lines.
pub(crate) fn all(places: &Places, folder: &Folder) -> Vec<Line> {
    let commands = Commands::new(places, folder);
    let mut lines = commands.passing_through();
    lines.extend(commands.sessions());
    lines.extend(commands.provider_tokens());
    lines.extend(commands.browser());
    lines.extend(commands.refusals());
    lines.extend(commands.ends());
    lines.push(Line::new(
        "Health, for the operator",
        format!(
            "curl -sS {STATUS} http://127.0.0.1:{}/readyz",
            places.admin_port
        ),
        200,
        &[r#""status":"ready""#],
    ));
    lines
}

/// What a person opens to sign in.
pub(crate) fn sign_in_url(places: &Places) -> String {
    let url = places.public_url();
    format!("{url}/v1/sso_authentication?database=retail_analytics")
}

impl Commands<'_> {
    fn passing_through(&self) -> Vec<Line> {
        let query = self.query("retail_analytics");
        vec![
            Line::new(
                "User name and password: passed to the SQL node as they are",
                format!("{query} \\\n  -u alice:wonderland {JSON} {WHO}"),
                200,
                &["alice", "retail_analytics"],
            ),
            Line::new(
                "A wrong password: the SQL node's own refusal",
                format!("{query} \\\n  -u alice:guessed {JSON} {WHO}"),
                401,
                &[r#""vendor_code":-304"#],
            ),
        ]
    }

    fn sessions(&self) -> Vec<Line> {
        let (curl, url) = (&self.curl, &self.url);
        let token = self.content("alice.id_token");
        let session = self.folder.shown("session.json");
        let query = self.query("retail_analytics");
        let bearer = self.session();
        vec![
            Line::new(
                "An ID token for a session",
                format!(
                    "{curl} {url}/v1/sso_token {JSON} \\\n  \
                     -d '{{\"database\":\"retail_analytics\",\"id_token\":\"'\"{token}\"'\"}}' | tee {session}"
                ),
                200,
                &[r#""access_token":"ocs_"#, r#""username":"alice""#],
            ),
            Line::new(
                "A query with that session",
                format!("{query} {JSON} \\\n  -H {bearer} \\\n  {STORES}"),
                200,
                &[r#"["US",40]"#],
            ),
            Line::new(
                "A result that arrives object by object while the statement runs",
                format!("{query} {JSON} \\\n  -N -H 'Accept: application/stream+json' -H {bearer} \\\n  {SLOW}"),
                200,
                &["[[1,", "[[10,"],
            )
            .streamed(),
            Line::new(
                "A longer life for the session",
                format!("{curl} {url}/v1/token_refresh -X POST \\\n  -H {bearer}"),
                200,
                &[r#""expires_in":"#],
            ),
        ]
    }

    fn provider_tokens(&self) -> Vec<Line> {
        let query = self.query("retail_analytics");
        let id_token = self.content("alice.id_token");
        let access_token = self.content("alice.access_token");
        vec![
            Line::new(
                "An ID token straight on the query",
                format!("{query} {JSON} \\\n  -H \"Authorization: Bearer {id_token}\" {WHO}"),
                200,
                &["alice"],
            ),
            Line::new(
                "The same as a password, for tools that know nothing else",
                format!("{query} {JSON} \\\n  -u \"id_token:{id_token}\" {WHO}"),
                200,
                &["alice"],
            ),
            Line::new(
                "An access token (RFC 9068)",
                format!("{query} {JSON} \\\n  -H \"Authorization: Bearer {access_token}\" {WHO}"),
                200,
                &["alice"],
            ),
        ]
    }

    fn browser(&self) -> Vec<Line> {
        let query = self.query("retail_analytics");
        let (cookies, origin) = (self.folder.shown("cookies.txt"), &self.url);
        vec![
            Line::new(
                "What a browser does to sign in: to the provider's form and back",
                self.form("-d username=alice -d password=alice-password -d choice=allow"),
                200,
                &["Authentication successful"],
            ),
            Line::new(
                "A query with the cookie, as a page of this site sends it",
                format!("{query} {JSON} \\\n  -b {cookies} -H 'Origin: {origin}' {WHO}"),
                200,
                &["alice"],
            ),
            Line::new(
                "The same as a page of another site sends it",
                format!(
                    "{query} {JSON} \\\n  -b {cookies} -H 'Origin: https://evil.example' {WHO}"
                ),
                403,
                &[r#""vendor_code":-719"#, "another site"],
            ),
            Line::new(
                "A person who refuses at the provider",
                self.form("-d choice=refuse"),
                403,
                &[r#""vendor_code":-1251"#],
            ),
        ]
    }

    fn refusals(&self) -> Vec<Line> {
        let [alice, bob, carol, expired] = ["alice", "bob", "carol", "expired"]
            .map(|whose| self.content(&format!("{whose}.id_token")));
        let (retail, system) = (self.query("retail_analytics"), self.query("system"));
        vec![
            Line::new(
                "Carol is somebody, but no [[grant]] is hers",
                format!("{retail} {JSON} \\\n  -H \"Authorization: Bearer {carol}\" {WHO}"),
                403,
                &[r#""vendor_code":-719"#, "grant"],
            ),
            Line::new(
                "Alice may use retail_*, not system",
                format!("{system} {JSON} \\\n  -H \"Authorization: Bearer {alice}\" {WHO}"),
                403,
                &[r#""vendor_code":-719"#],
            ),
            Line::new(
                "Bob is an administrator, and may",
                format!("{system} {JSON} \\\n  -H \"Authorization: Bearer {bob}\" {WHO}"),
                200,
                &["bob", "system"],
            ),
            Line::new(
                "No credential: the SQL node refuses",
                format!("{retail} {JSON} \\\n  {WHO}"),
                401,
                &[r#""vendor_code":-304"#],
            ),
            Line::new(
                "An expired token: the sidecar refuses",
                format!("{retail} {JSON} \\\n  -H \"Authorization: Bearer {expired}\" {WHO}"),
                401,
                &[r#""vendor_code":-1228"#],
            ),
        ]
    }

    fn ends(&self) -> Vec<Line> {
        let (curl, url) = (&self.curl, &self.url);
        let query = self.query("retail_analytics");
        let (bearer, cookies) = (self.session(), self.folder.shown("cookies.txt"));
        vec![
            Line::new(
                "The end of the session",
                format!("{curl} {url}/v1/logout -X POST \\\n  -H {bearer}"),
                200,
                &["Logged out"],
            ),
            Line::new(
                "It is over",
                format!("{query} {JSON} \\\n  -H {bearer} {WHO}"),
                401,
                &[r#""vendor_code":-1204"#],
            ),
            Line::new(
                "The end of the browser's session, and where to end the provider's",
                format!(
                    "{curl} {url}/v1/logout -X POST \\\n  -b {cookies} -c {cookies} -H 'Origin: {url}'"
                ),
                200,
                &["Logged out", "end_session"],
            ),
        ]
    }
}
