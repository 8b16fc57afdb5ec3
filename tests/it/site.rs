//! A whole site for one test: SQL node, provider, sidecar.
mod device;
mod log;
mod secrets;
mod settings;
mod walk;

pub(crate) use device::device_site;
pub(crate) use log::Log;
pub(crate) use secrets::note;
pub(crate) use settings::Settings;
pub(crate) use walk::{LOGIN_COOKIE, SESSION_COOKIE, assert_refused, parameter, with_parameter};

use ocient_sidecar::{
    app::{App, StartError},
    config::Config,
    telemetry::Telemetry,
};
use serde_json::{Value, json};
use sidecar_testkit::{
    authority::Authority,
    client::{Answer, Client, RequestBuilder},
    provider::{Provider, ProviderOptions},
    sql_node::{Integration, RETAIL, SqlNode, SqlNodeOptions},
};
use std::{
    fs,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    thread::{self, JoinHandle},
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The running parts. Dropping it stops them all and waits for the sidecar's end.
pub(crate) struct Site {
    pub(crate) node: SqlNode,
    pub(crate) provider: Provider,
    pub(crate) authority: Authority,
    pub(crate) log: Log,
    pub(crate) settings: Settings,
    pub(crate) folder: TempDir,
    sidecar: Option<Sidecar>,
    /// Whether what its clients send is made up at random: such credentials are no secrets, and
    /// a word among them may stand in any log.
    is_fuzzed: bool,
}

/// The sidecar on a runtime and thread of its own, as in production.
struct Sidecar {
    port: u16,
    /// `None`: a socket file.
    admin: Option<String>,
    stop: CancellationToken,
    thread: JoinHandle<usize>,
}

/// One certificate authority serves all tests of the process: keys take time.
pub(crate) fn authority() -> Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(Authority::new).clone()
}

/// The first sidecar's: where the diagnostics of all of them go.
static DIAGNOSTICS: OnceLock<Telemetry> = OnceLock::new();

/// Waits until all diagnostics so far can be read in [`Log::everything`].
pub(crate) fn flush_diagnostics() {
    DIAGNOSTICS.get().unwrap().flush();
}

/// Below the ports that the system hands out by itself.
static NEXT_PORT: AtomicU16 = AtomicU16::new(20_000);

impl Site {
    /// With the default settings.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let provider = Provider::start(ProviderOptions::new(&authority()));
        Self::with_parts(provider, SqlNodeOptions::default(), change).await
    }

    /// In front of a server of the test's own, which has this URL, instead of the SQL node.
    pub(crate) async fn before(url: &str) -> Self {
        Self::with(|settings| settings.set("sql_node", "url", &format!("'{url}'"))).await
    }

    /// With a provider and a SQL node of the test's own; the SQL node trusts the provider.
    pub(crate) async fn with_parts(
        provider: Provider,
        mut options: SqlNodeOptions,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        options.integrations.push(Integration {
            issuer: provider.issuer().to_owned(),
            client_id: "ocient".to_owned(),
            ca_pem: authority().ca_pem(),
            username_claim: "preferred_username".to_owned(),
            ..Integration::default()
        });
        let node = SqlNode::start(options).await;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(provider.issuer(), &node.url());
        change(&mut settings);
        write_files(folder.path());
        let mut site = Self {
            node,
            provider,
            authority: authority(),
            log: Log::default(),
            settings,
            folder,
            sidecar: None,
            is_fuzzed: false,
        };
        site.start_sidecar().await;
        site
    }

    /// Starts the sidecar, on the next port that is free.
    pub(crate) async fn start_sidecar(&mut self) {
        for _ in 0..1000 {
            let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
            match self.try_port(port).await {
                Ok(sidecar) => {
                    let callback = format!("https://localhost:{port}/v1/callback");
                    self.provider.allow_redirect("ocient", &callback);
                    self.sidecar = Some(sidecar);
                    return;
                }
                Err(StartError::Listen(..)) => {}
                Err(error) => panic!("{}", ocient_sidecar::telemetry::chain(&error)),
            }
        }
        panic!("no free port");
    }

    /// Stops the sidecar and waits for its end; says how many connections it broke.
    pub(crate) async fn stop_sidecar(&mut self) -> usize {
        let sidecar = self.sidecar.take().unwrap();
        sidecar.stop.cancel();
        tokio::task::spawn_blocking(|| sidecar.thread.join().unwrap())
            .await
            .unwrap()
    }

    /// Tells the sidecar to stop, without waiting.
    pub(crate) fn begin_stopping(&self) {
        self.sidecar.as_ref().unwrap().stop.cancel();
    }

    async fn try_port(&self, port: u16) -> Result<Sidecar, StartError> {
        let text = self.settings.text(port);
        let config = Config::from_toml(&text, "config.toml", self.folder.path());
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let telemetry = Telemetry::new(config.log, self.log.clone());
        DIAGNOSTICS.get_or_init(|| {
            telemetry.install();
            telemetry.clone()
        });
        let stop = CancellationToken::new();
        let (started, starting) = oneshot::channel();
        let cancelled = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                match App::bind(&config, telemetry.clone()).await {
                    Ok(app) => {
                        let admin = app.admin_address();
                        let admin = admin.map(|address| format!("http://{address}"));
                        started.send(Ok(admin)).unwrap();
                        let broken = app.run(cancelled).await;
                        telemetry.flush();
                        broken
                    }
                    Err(error) => {
                        drop(started.send(Err(error)));
                        0
                    }
                }
            })
        });
        let admin = starting.await.unwrap()?;
        Ok(Sidecar {
            port,
            admin,
            stop,
            thread,
        })
    }

    /// The sidecar's address with `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// `https://localhost:PORT`
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// Where the sidecar listens.
    pub(crate) fn port(&self) -> u16 {
        self.sidecar.as_ref().unwrap().port
    }

    /// The admin listener's address with `path`.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        let admin = self.sidecar.as_ref().unwrap().admin.as_ref();
        format!("{}{path}", admin.unwrap())
    }

    /// A client with an empty cookie jar.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.authority.ca_pem())
    }

    /// A client whose jar holds the cookie of a session of `user`, signed in with a browser's
    /// flow.
    pub(crate) async fn signed_in_as(&self, user: &str) -> Client {
        let client = self.client();
        let start = self.url(&format!("/v1/sso_authentication?database={RETAIL}"));
        let answer = self.provider.sign_in_as(&client, &start, user).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        note(&self.session_cookie(&client));
        client
    }

    /// A session token of `user`, for an ID token.
    pub(crate) async fn session_of(&self, user: &str, database: &str) -> String {
        let id_token = self.id_token(user);
        let answer = self
            .sso_token(json!({"database": database, "id_token": id_token}))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let session = answer.json()["access_token"].as_str().unwrap().to_owned();
        note(&session);
        session
    }

    /// An ID token of `user`.
    pub(crate) fn id_token(&self, user: &str) -> String {
        self.token(|token| token.user(user))
    }

    /// An access token of `user` in the form of RFC 9068.
    pub(crate) fn access_token(&self, user: &str) -> String {
        self.token(|token| token.access_token().user(user).audience("ocient"))
    }

    /// `POST /v1/sso_token`
    pub(crate) async fn sso_token(&self, body: Value) -> Answer {
        self.client()
            .post(&self.url("/v1/sso_token"))
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// A query that every SQL node can answer, to be given a credential.
    pub(crate) fn query(&self, client: &Client) -> RequestBuilder {
        self.statement(client, "select 1 as one")
    }

    /// A query, to be given a credential.
    pub(crate) fn statement(&self, client: &Client, statement: &str) -> RequestBuilder {
        client
            .post(&self.url("/v1/execute"))
            .json(json!({"statement": statement, "format": "collection"}))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !self.is_fuzzed {
            self.secrets().iter().for_each(|secret| note(secret));
        }
        if let Some(sidecar) = self.sidecar.take() {
            sidecar.stop.cancel();
            let ended = sidecar.thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the sidecar panicked");
        }
    }
}

/// What the settings name: certificate, authority, secrets.
fn write_files(folder: &Path) {
    let server = authority().issue(&["localhost", "127.0.0.1"]);
    for (name, text) in [
        ("server.crt", server.cert_pem.as_str()),
        ("server.key", server.key_pem.as_str()),
        ("ca.crt", authority().ca_pem().as_str()),
        ("client-secret", "ocient-secret"),
        ("analyst-password", "insights"),
        ("admin-password", "admin"),
        ("etl-key", "key-of-etl-0123456789abcdef"),
        ("crm-key", "key-of-crm-0123456789abcdef\n"),
    ] {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
}

/// The `status` of an answer of ours.
pub(crate) fn vendor_code(answer: &Answer) -> i64 {
    answer.json()["status"]["vendor_code"].as_i64().unwrap()
}
