//! Everything that the origin says, written once.
use serde_json::{Value, json};
use std::{env, error::Error, fs, time::SystemTime};

/// The answers, and the credentials that they depend on.
#[derive(Debug)]
pub struct Answers {
    pub(super) inject: Vec<u8>,
    pub(super) client: Vec<u8>,
    pub(super) json: Vec<u8>,
    pub(super) chunk: Vec<u8>,
    pub(super) metadata: Vec<u8>,
    pub(super) jwks: Vec<u8>,
    pub(super) exchange: Vec<u8>,
}

impl Answers {
    /// From the variables that the benchmark sets.
    ///
    /// # Errors
    /// One is missing.
    pub fn from_environment() -> Result<Self, Box<dyn Error>> {
        let inject = env::var("BENCH_INJECT")?;
        let client = env::var("BENCH_TOKEN")?;
        let issuer = env::var("BENCH_ISSUER")?;
        let exchange = json!({
            "id_token": inject, "database": "system", "expires_in": 86_400,
            "status": { "reason": "success", "sql_state": "00000", "vendor_code": 0 },
        });
        Ok(Self {
            inject: format!("Bearer {inject}").into(),
            client: format!("Bearer {client}").into(),
            json: ok(&document()),
            chunk: chunk(),
            metadata: ok(&metadata(&issuer).to_string()),
            jwks: ok(&fs::read_to_string(env::var("BENCH_JWKS")?)?),
            exchange: ok(&exchange.to_string()),
        })
    }

    /// What introspection says of a form that holds a token.
    pub(super) fn introspection(&self, form: &[u8]) -> Vec<u8> {
        let token = &self.client["Bearer ".len()..];
        let is_active = form.windows(token.len()).any(|window| window == token);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |elapsed| elapsed.as_secs());
        let verdict = match is_active {
            true => json!({ "active": true, "sub": "user-0", "exp": now + 3600 }),
            false => json!({ "active": false }),
        };
        ok(&verdict.to_string())
    }
}

/// A whole answer with this body.
pub(super) fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into()
}

/// 1,024 bytes, as a small result of a query.
fn document() -> String {
    const SIZE: usize = 1024;
    let mut text = String::from("{\"items\":[");
    while text.len() + 22 < SIZE {
        text.push_str("\"0123456789abcdef\",");
    }
    text.push('"');
    while text.len() + 3 < SIZE {
        text.push('x');
    }
    text + "\"]}"
}

fn chunk() -> Vec<u8> {
    let mut chunk = format!("{CHUNK:x}\r\n").into_bytes();
    chunk.extend((0..CHUNK).map(|at| b'a' + (at % 23) as u8));
    chunk.extend_from_slice(b"\r\n");
    chunk
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    })
}

/// Bytes of one chunk; divides a MiB.
pub(super) const CHUNK: usize = 64 * 1024;
