//! The certified provider as a process, and its users.

use std::{fs, path::PathBuf, process::Stdio};

use serde_json::Value;
use sidecar_testkit::{authority::Authority, client::Client, secrets};
use tokio::{io::AsyncWriteExt, process::Command};
use url::Url;

use crate::{
    parts::{self, PROVIDER},
    port::Port,
    process::Process,
};

/// A running provider. Stopped when dropped.
pub(crate) struct CertifiedProvider {
    /// As in its metadata and tokens.
    pub(crate) issuer: String,
    ca_file: PathBuf,
    client: Client,
    _process: Process,
}

/// What the provider's token endpoint answers, as far as it is asked for here.
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    /// None without a user.
    pub(crate) id_token: Option<String>,
    /// None without a user.
    pub(crate) refresh_token: Option<String>,
}

impl CertifiedProvider {
    /// Starts one on `port`, with files in `folder`, that sends browsers to `sidecar`.
    pub(crate) fn start(
        authority: &Authority,
        folder: &std::path::Path,
        port: &Port,
        sidecar: &str,
    ) -> Self {
        let issued = authority.issue(&["127.0.0.1"]);
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).expect("the folder can be written");
            path
        };
        let ca_file = file("ca.crt", &authority.ca_pem());
        let mut command = std::process::Command::new(parts::node());
        command
            .arg("provider.mjs")
            .current_dir(PROVIDER)
            .env("NODE_EXTRA_CA_CERTS", &ca_file) // it posts logout tokens to the sidecar
            .args(["--public-url", sidecar])
            .args(["--port", &port.number.to_string()])
            .arg("--cert")
            .arg(file("provider.crt", &issued.cert_pem))
            .arg("--key")
            .arg(file("provider.key", &issued.key_pem));
        let process = Process::start("provider", command, parts::other_log("provider"));
        let ready = process.line(|line| line.contains(r#""event":"ready""#));
        let ready: Value = serde_json::from_str(&ready).expect("it speaks JSON");
        Self {
            issuer: text(&ready, "issuer").to_owned(),
            ca_file,
            client: Client::new(&authority.ca_pem()).without_cookies(),
            _process: process,
        }
    }

    /// Signs `user` in at an authorization URL, on the provider's own pages; the URL to which the
    /// provider then sends the browser.
    pub(crate) async fn sign_in(&self, url: &str, user: &str) -> Url {
        self.walk(url, user, &[]).await
    }

    /// As [`sign_in`](Self::sign_in), but the user refuses.
    pub(crate) async fn refuse(&self, url: &str, user: &str) -> Url {
        self.walk(url, user, &["--deny"]).await
    }

    /// Types a device's code at the provider and signs in there as `user`, who refuses if `more`
    /// is `--deny`; what the last page says.
    pub(crate) async fn decide(&self, url: &str, code: &str, user: &str, more: &[&str]) -> String {
        let more = [&["--code", code], more].concat();
        text(&self.pages(url, user, &more).await, "page").to_owned()
    }

    async fn walk(&self, url: &str, user: &str, more: &[&str]) -> Url {
        let answer = self.pages(url, user, more).await;
        let callback = Url::parse(text(&answer, "callback")).expect("a URL");
        for (name, value) in callback.query_pairs() {
            if ["code", "state"].contains(&&*name) {
                secrets::note(&value);
            }
        }
        callback
    }

    /// What sign-in.mjs says at its end.
    async fn pages(&self, url: &str, user: &str, more: &[&str]) -> Value {
        let mut child = Command::new(parts::node())
            .arg("sign-in.mjs")
            .current_dir(PROVIDER)
            .args(["--url", url, "--user", user])
            .args(more)
            .env("NODE_EXTRA_CA_CERTS", &self.ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let password = format!("{}\n", password_of(user));
        stdin
            .write_all(password.as_bytes())
            .await
            .expect("it reads the password");
        drop(stdin);
        let output = child.wait_with_output().await.expect("it ends");
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{user} cannot sign in: {problem}");
        serde_json::from_slice(&output.stdout).expect("it speaks JSON")
    }

    /// Tokens of `user` for a client of this provider, obtained as the client itself would: an ID
    /// token, and an access token for `resource` or, with `None`, for userinfo.
    pub(crate) async fn tokens<'a>(
        &self,
        client_id: &str,
        user: &str,
        resource: impl Into<Option<&'a str>>,
        sidecar: &str,
    ) -> Tokens {
        let resource = resource.into().map(|resource| ("resource", resource));
        let redirect_uri = format!("{sidecar}/v1/callback");
        let mut url = Url::parse(&format!("{}/auth", self.issuer)).expect("an issuer is a URL");
        url.query_pairs_mut()
            .append_pair("client_id", client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("scope", "openid profile groups sql:read")
            .extend_pairs(resource)
            .append_pair("code_challenge_method", "S256")
            .append_pair("code_challenge", CHALLENGE);
        let callback = self.sign_in(url.as_str(), user).await;
        let code = callback.query_pairs().find(|(name, _)| name == "code");
        let (_, code) = code.unwrap_or_else(|| panic!("no code in {callback}"));
        secrets::note(VERIFIER);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        form.extend(resource);
        self.redeem(client_id, &form).await
    }

    /// An access token of a client for itself, without any user.
    pub(crate) async fn client_token(&self, client_id: &str, resource: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "sql:read"),
            ("resource", resource),
        ];
        self.redeem(client_id, &form).await.access_token
    }

    async fn redeem(&self, client_id: &str, form: &[(&str, &str)]) -> Tokens {
        let answer = self
            .client
            .post(&format!("{}/token", self.issuer))
            .basic(client_id, &secret_of(client_id))
            .form(form)
            .send()
            .await
            .expect("the provider answers");
        let answer = answer.json();
        let token = |name: &str| {
            let token = answer[name].as_str()?.to_owned();
            secrets::note(&token);
            Some(token)
        };
        Tokens {
            access_token: token("access_token").unwrap_or_else(|| panic!("{answer}")),
            id_token: token("id_token"),
            refresh_token: token("refresh_token"),
        }
    }

    /// New keys sign from now on; the old ones stay published.
    pub(crate) async fn rotate_keys(&self) {
        self.control("rotate-keys").await;
    }

    /// New keys sign from now on; the old ones are withdrawn.
    pub(crate) async fn replace_keys(&self) {
        self.control("rotate-keys?drop").await;
    }

    /// Tells the sidecar that the user's sessions for this client are over; how many there were.
    pub(crate) async fn log_out(&self, client_id: &str, user: &str) -> usize {
        let answer = self
            .control(&format!("log-out?client={client_id}&user={user}"))
            .await;
        answer["sids"].as_array().map_or(0, Vec::len)
    }

    /// How many refresh tokens were used, and how many are good.
    pub(crate) async fn refresh_tokens(&self) -> (u64, u64) {
        let answer = self.control("refresh-tokens").await;
        let number = |name: &str| answer[name].as_u64().expect("a number");
        (number("used"), number("good"))
    }

    /// The private key of the clients that prove themselves by one: `RSA`, `EC` or `OKP`, in PEM.
    pub(crate) async fn client_key(&self, kind: &str) -> String {
        let pem = text(&self.control("client-keys").await, kind).to_owned();
        for line in pem.lines().filter(|line| !line.starts_with("-----")) {
            secrets::note(line);
        }
        pem
    }

    /// Makes this certificate, in PEM, the one of a client that has none of an authority.
    pub(crate) async fn use_certificate(&self, client_id: &str, pem: &str) {
        let what = format!("client-certificate?client={client_id}");
        self.control_with(&what, pem).await;
    }

    /// Leaves the users' claims out of ID tokens from now on; userinfo has them.
    pub(crate) async fn move_claims_to_userinfo(&self) {
        self.control("claims-at-userinfo").await;
    }

    /// Loses the next answer of the token endpoint, once it is made.
    pub(crate) async fn lose_answer(&self) {
        self.control("lose-answer").await;
    }

    /// Takes no authorization requests from now on but pushed ones, as its metadata then says.
    pub(crate) async fn require_pushed_requests(&self) {
        self.control("require-pushed").await;
    }

    async fn control(&self, what: &str) -> Value {
        self.control_with(what, "").await
    }

    async fn control_with(&self, what: &str, body: &str) -> Value {
        let url = format!("{}/test/{what}", self.issuer);
        let answer = self.client.post(&url).body(body.to_owned()).send().await;
        let answer = answer.expect("the provider answers");
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        answer.json()
    }
}

/// The secret of a client of the provider.
pub(crate) fn secret_of(client_id: &str) -> String {
    let settings = settings();
    let clients = settings["clients"].as_array().expect("a list of clients");
    let client = clients
        .iter()
        .find(|client| client["client_id"] == client_id)
        .unwrap_or_else(|| panic!("settings.json has no client {client_id}"));
    let secret = text(client, "client_secret").to_owned();
    secrets::note(&secret);
    secret
}

/// The password of a user of the provider.
pub(crate) fn password_of(user: &str) -> String {
    let password = text(&settings()["users"][user], "password").to_owned();
    secrets::note(&password);
    password
}

fn settings() -> Value {
    serde_json::from_str(include_str!("provider/settings.json")).expect("settings.json is JSON")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    let text = value[name].as_str();
    text.unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Any text of 43 characters is a verifier, and this is its S256 challenge (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
