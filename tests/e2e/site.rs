//! A whole site: certified provider, SQL node, and the built sidecar between a browser and both.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, ExitStatus},
};

use http::StatusCode;
use serde_json::{Value, json};
use sidecar_testkit::{
    authority::Authority,
    client::{Answer, Client},
    secrets,
    sql_node::{Integration, RETAIL, SqlNode, SqlNodeOptions},
};
use tempfile::TempDir;

use crate::{
    parts::{SIDECAR, sidecar_log},
    port::Port,
    process::Process,
    provider::{CertifiedProvider, secret_of},
};

/// The session cookie.
pub(crate) const SESSION: &str = "__Host-ocient_session";

/// Everything that is needed to sign in and query.
pub(crate) struct Site {
    /// The sidecar's own process; None while it is down.
    pub(crate) sidecar: Option<Process>,
    /// None while it is down.
    pub(crate) provider: Option<CertifiedProvider>,
    pub(crate) sql_node: SqlNode,
    /// Whom everybody here trusts.
    pub(crate) authority: Authority,
    /// The sidecar's URL.
    pub(crate) url: String,
    admin: String,
    issuer: String,
    provider_port: Port,
    folder: TempDir,
    _ports: [Port; 2],
}

impl Site {
    /// A site whose sidecar is the provider's client `client_id`.
    pub(crate) async fn start(client_id: &str) -> Self {
        let mut site = Self::without_processes(client_id, &[client_id]).await;
        site.start_provider();
        site.start_sidecar();
        site
    }

    /// The same, and the SQL node also takes tokens of the clients `others`.
    pub(crate) async fn also_for(client_id: &str, others: &[&str]) -> Self {
        let mut site = Self::without_processes(client_id, &[&[client_id], others].concat()).await;
        site.start_provider();
        site.start_sidecar();
        site
    }

    /// The same, with only the SQL node running.
    pub(crate) async fn without_processes(client_id: &str, integrations: &[&str]) -> Self {
        let authority = Authority::new();
        let [public, admin, provider_port] = [Port::reserve(), Port::reserve(), Port::reserve()];
        let issuer = format!("https://127.0.0.1:{}", provider_port.number);
        let integration = |client_id: &&str| Integration {
            issuer: issuer.clone(),
            client_id: (*client_id).to_owned(),
            audiences: vec!["ocient".to_owned()],
            ca_pem: authority.ca_pem(),
            // A client without a user has no other name.
            username_claim: if *client_id == "m2m" {
                "sub"
            } else {
                "preferred_username"
            }
            .into(),
            databases: Vec::new(),
        };
        let sql_node = SqlNode::start(SqlNodeOptions {
            integrations: integrations.iter().map(integration).collect(),
            ..SqlNodeOptions::default()
        })
        .await;
        let site = Self {
            sidecar: None,
            provider: None,
            url: format!("https://127.0.0.1:{}", public.number),
            admin: format!("http://127.0.0.1:{}", admin.number),
            sql_node,
            authority,
            issuer,
            provider_port,
            folder: tempfile::tempdir().expect("a folder can be made"),
            _ports: [public, admin],
        };
        write(&site.file("client-secret"), &secret_of(client_id));
        site.write_configuration(client_id, SECRET_IN_FILE);
        site
    }

    /// Starts the sidecar anew as another client of the provider, which proves itself by these
    /// lines of the configuration.
    pub(crate) fn restart_sidecar_as(&mut self, client_id: &str, proof: &str) {
        drop(self.sidecar.take());
        self.write_configuration(client_id, proof);
        self.start_sidecar();
    }

    /// The same, and with further tables of the configuration.
    pub(crate) fn restart_sidecar_with(&mut self, client_id: &str, proof: &str, tables: &str) {
        drop(self.sidecar.take());
        self.write_configuration(client_id, proof);
        let file = self.file("config.toml");
        let config = fs::read_to_string(&file).expect("it was written");
        write(&file, &format!("{config}\n{tables}"));
        self.start_sidecar();
    }

    fn write_configuration(&self, client_id: &str, proof: &str) {
        let issued = self.authority.issue(&["127.0.0.1", "localhost"]);
        let config = CONFIGURATION
            .replace("{ADDRESS}", self.url.trim_start_matches("https://"))
            .replace("{ADMIN}", self.admin.trim_start_matches("http://"))
            .replace("{SQL_NODE}", &self.sql_node.url())
            .replace("{ISSUER}", &self.issuer)
            .replace("{CLIENT}", client_id)
            .replace("{PROOF}", proof);
        write(&self.file("config.toml"), &config);
        write(&self.file("ca.crt"), &self.authority.ca_pem());
        write(&self.file("sidecar.crt"), &issued.cert_pem);
        write(&self.file("sidecar.key"), &issued.key_pem);
    }

    /// A file of this site.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start_provider(&mut self) {
        let provider = CertifiedProvider::start(
            &self.authority,
            self.folder.path(),
            &self.provider_port,
            &self.url,
        );
        assert_eq!(provider.issuer, self.issuer);
        self.provider = Some(provider);
    }

    /// Starts the sidecar and waits until it listens.
    pub(crate) fn start_sidecar(&mut self) {
        self.start_by(Command::new(SIDECAR));
    }

    /// Starts the sidecar anew so that a limit on the size of its files makes its writes fail, as
    /// a full disk does, instead of ending it by a signal.
    pub(crate) fn restart_sidecar_without_file_size_signal(&mut self) {
        drop(self.sidecar.take());
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", SIDECAR]);
        self.start_by(command);
    }

    /// Starts the sidecar with so many files that it may have open.
    pub(crate) fn start_sidecar_with_files(&mut self, limit: u32) {
        let mut command = Command::new("sh");
        let limited = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        command.args(["-c", &limited, SIDECAR]);
        self.start_by(command);
    }

    /// Asks the sidecar to stop and waits.
    pub(crate) fn stop_sidecar(&mut self) -> ExitStatus {
        let mut sidecar = self.sidecar.take().expect("the test has started it");
        sidecar.stop()
    }

    /// Starts the sidecar anew, with a single CPU. (`taskset` is of util-linux.)
    pub(crate) fn restart_sidecar_on_one_cpu(&mut self) {
        drop(self.sidecar.take());
        let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
        let allowed = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let first = allowed.expect("Linux tells it").trim();
        let first = first.split([',', '-']).next().expect("one is allowed");
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", first, SIDECAR]);
        self.start_by(command);
    }

    fn start_by(&mut self, mut command: Command) {
        command
            .arg("run")
            .arg("--config")
            .arg(self.file("config.toml"));
        let sidecar = Process::start("sidecar", command, sidecar_log());
        sidecar.line(|line| line.starts_with("listening on https://"));
        self.sidecar = Some(sidecar);
    }

    pub(crate) fn provider(&self) -> &CertifiedProvider {
        self.provider.as_ref().expect("the test has started it")
    }

    /// The sidecar's process.
    pub(crate) fn sidecar(&self) -> &Process {
        self.sidecar.as_ref().expect("the test has started it")
    }

    /// A browser without any cookie.
    pub(crate) fn browser(&self) -> Client {
        Client::new(&self.authority.ca_pem())
    }

    /// Begins a sign-in in `browser`; the authorization URL.
    pub(crate) async fn begin(&self, browser: &Client, more: &str) -> String {
        let url = format!("{}/v1/sso_authentication?database={RETAIL}{more}", self.url);
        let begun = browser.get(&url).send().await.expect("the sidecar answers");
        assert_eq!(begun.status, StatusCode::FOUND, "{}", begun.text());
        for cookie in browser.cookies().all() {
            secrets::note(&cookie.value);
        }
        let location = begun.header("location").expect("a redirect");
        assert!(location.starts_with(&self.issuer), "{location}");
        location.to_owned()
    }

    /// The browser comes back from the provider.
    pub(crate) async fn come_back(&self, browser: &Client, to: &str, accept: &str) -> Answer {
        let answer = browser.get(to).accept(accept).send().await;
        if let Some(session) = browser.cookies().find(SESSION) {
            secrets::note(&session.value);
        }
        answer.expect("the sidecar answers")
    }

    /// A whole sign-in of `user`; the browser with its session.
    pub(crate) async fn signed_in(&self, user: &str) -> Client {
        let browser = self.browser();
        let url = self.begin(&browser, "").await;
        let callback = self.provider().sign_in(&url, user).await;
        let answer = self
            .come_back(&browser, callback.as_str(), "application/json")
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["status"]["vendor_code"], 0);
        browser
    }

    /// Asks the endpoint of this name in `browser`, as a page of the sidecar's own would.
    pub(crate) async fn post(&self, browser: &Client, endpoint: &str) -> Answer {
        let url = format!("{}/v1/{endpoint}", self.url);
        let post = browser.post(&url).header("origin", &self.url);
        post.send().await.expect("the sidecar answers")
    }

    /// Whom the SQL node takes the caller for, by a real statement.
    pub(crate) async fn whoami(&self, request: Whoami<'_>) -> Answer {
        let client = match request {
            Whoami::Cookie(browser) => browser.clone(),
            _ => self.browser(),
        };
        let post = client
            .post(&format!("{}/v1/execute/{RETAIL}", self.url))
            .json(json!({ "statement": WHOAMI, "format": "collection" }));
        let post = match request {
            Whoami::Cookie(_) => post.header("origin", &self.url),
            Whoami::Bearer(token) => post.bearer(token),
            Whoami::Basic(user, password) => post.basic(user, password),
        };
        let answer = post.send().await.expect("the sidecar answers");
        self.note_node_tokens();
        answer
    }

    /// The SQL node's own tokens, which the sidecar keeps to itself.
    pub(crate) fn note_node_tokens(&self) {
        for request in self.sql_node.requests() {
            if let Some((_, token)) = request
                .header("authorization")
                .and_then(|it| it.split_once(' '))
            {
                secrets::note(token);
            }
        }
    }

    /// `/readyz`.
    pub(crate) async fn readiness(&self) -> Value {
        let url = format!("{}/readyz", self.admin);
        let answer = self.browser().get(&url).send().await;
        answer.expect("the admin listener answers").json()
    }
}

/// The credential of a query.
#[derive(Clone, Copy)]
pub(crate) enum Whoami<'a> {
    Cookie(&'a Client),
    Bearer(&'a str),
    Basic(&'a str, &'a str),
}

/// Asserts that the answer of [`Site::whoami`] names this user of the sample database.
pub(crate) fn assert_is(answer: &Answer, user: &str) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let expected = json!([{ "who": user, "where": RETAIL }]);
    assert_eq!(answer.json()["data"], expected, "{}", answer.text());
}

/// Asserts that the sidecar refused, with this status and Ocient code.
pub(crate) fn assert_refused(answer: &Answer, status: u16, vendor_code: i32) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let said = answer.json()["status"]["vendor_code"].clone();
    assert_eq!(said, vendor_code, "{}", answer.text());
}

/// Readable by nobody else, as the sidecar demands of secrets.
pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder can be written");
    let owner_only = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, owner_only).expect("it is ours");
}

pub(crate) const WHOAMI: &str = r#"SELECT current_user() AS "who", current_database() AS "where""#;

/// How most clients here prove themselves.
pub(crate) const SECRET_IN_FILE: &str = r#"client_secret = { file = "client-secret" }"#;

/// The most talkative log, so that the search for secrets has something to search.
const CONFIGURATION: &str = r#"
[listen]
addresses = ["{ADDRESS}"]
public_url = "https://{ADDRESS}"
workers = 2
drain_min = "0s"
drain_max = "5s"

[tls]
certificate = "sidecar.crt"
private_key = "sidecar.key"

[sql_node]
url = "{SQL_NODE}"

[[provider]]
name = "certified"
issuer = "{ISSUER}"
ca = "ca.crt"
client_id = "{CLIENT}"
{PROOF}
scopes = ["openid", "profile", "email", "groups"]
audiences = ["ocient"]

[admin]
listen = "{ADMIN}"

[log]
level = "trace"
"#;
