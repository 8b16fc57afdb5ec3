//! Tests of the whole loader.
mod authorization;
mod client_auth;
mod connections;
mod files;
mod grants;
mod mistakes;
mod secrecy;
mod shares;
mod shipped;
mod sign_in;
mod tokens;
mod warnings;

use super::{Config, CredentialMode, Flow, Store, TlsVersion};
use std::path::Path;

/// The least that a configuration needs.
const LEAST: &str = r#"
listen.public_url = "https://sql0.example.com:8443"
tls.certificate = "server.crt"
tls.private_key = "/keys/server.key"
sql_node.url = "http://127.0.0.1:9090"
"#;

fn load(text: &str) -> Result<Config, super::Mistakes> {
    Config::from_toml(text, "config.toml", Path::new("/etc/sidecar"))
}

#[test]
fn the_least_configuration_gets_every_default() {
    let config = load(LEAST).unwrap();
    assert_eq!(config.listen.addresses, ["0.0.0.0:8443".parse().unwrap()]);
    assert_eq!(
        config.listen.public_url.as_str(),
        "https://sql0.example.com:8443/"
    );
    assert_eq!(config.tls.min_version, TlsVersion::Tls12);
    assert_eq!(config.sql_node.head_timeout, None);
    assert_eq!(config.sql_node.credentials.mode, CredentialMode::Exchange);
    assert_eq!(config.callbacks[0].path, "/v1/callback");
    assert_eq!(config.limits.header_bytes, 65_536);
    assert!(config.providers.is_empty() && config.grants.is_empty());
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let config = load(LEAST).unwrap();
    assert_eq!(config.tls.certificate, Path::new("/etc/sidecar/server.crt"));
    assert_eq!(config.tls.private_key, Path::new("/keys/server.key"));
    let Store::Embedded { path } = config.sessions.store else {
        panic!("not embedded: {:?}", config.sessions.store);
    };
    assert_eq!(path, Path::new("/etc/sidecar/state/sessions.redb"));
}

#[test]
fn an_issuer_is_kept_byte_for_byte() {
    let provider =
        "[[provider]]\nname = 'a'\nclient_id = 'b'\nissuer = 'https://IDP.example.com'\n";
    let config = load(&format!("{LEAST}{provider}")).unwrap();
    assert_eq!(*config.providers[0].issuer, *"https://IDP.example.com");
    assert_eq!(
        config.providers[0].flows,
        [Flow::Code, Flow::Device, Flow::Token]
    );
}
