//! How an application proves itself: what goes together, and the keys that `check` looks at.
use super::{
    super::{Algorithm, AssertionAudience, AuthMethod},
    LEAST,
    files::{check, folder, write},
    load,
    sign_in::{PROVIDER, assert_refused},
};

const SECRET: &str = "client_secret = { env = 'S' }";
const KEY: &str = "client_key = { env = 'K' }";
const CERTIFICATE: &str = "client_certificate = 'c.crt'";

/// The least configuration with a provider that has these lines.
fn with(lines: &[&str]) -> String {
    format!("{LEAST}{PROVIDER}{}\n", lines.join("\n"))
}

#[test]
fn each_method_has_what_it_needs_and_nothing_else() {
    let all = [SECRET, KEY, CERTIFICATE];
    for (name, method, needs) in [
        (
            "client_secret_basic",
            AuthMethod::SecretBasic,
            &[SECRET][..],
        ),
        ("client_secret_post", AuthMethod::SecretPost, &[SECRET]),
        ("private_key_jwt", AuthMethod::PrivateKeyJwt, &[KEY]),
        (
            "tls_client_auth",
            AuthMethod::TlsClientAuth,
            &[KEY, CERTIFICATE],
        ),
        (
            "self_signed_tls_client_auth",
            AuthMethod::SelfSignedTlsClientAuth,
            &[KEY, CERTIFICATE],
        ),
        ("none", AuthMethod::None, &[]),
    ] {
        let line = format!("token_endpoint_auth_method = '{name}'");
        let complete = with(&[needs, &[&line]].concat());
        let config = load(&complete).unwrap_or_else(|mistakes| panic!("{name}: {mistakes}"));
        assert_eq!(config.providers[0].client_auth.method, Some(method));
        if let Some(missing) = needs.last() {
            let kept = &needs[..needs.len() - 1];
            let key = missing.split(' ').next().unwrap();
            let text = with(&[kept, &[&line]].concat());
            assert_refused(
                &text,
                &line,
                "cannot be done without",
                &format!("add `{key}`"),
            );
        }
        // A certificate without a key is another mistake.
        for extra in all
            .iter()
            .filter(|extra| !needs.contains(extra) && **extra != CERTIFICATE)
        {
            let text = with(&[needs, &[extra], &[&line]].concat());
            assert_refused(&text, extra, "not used by this", "remove one");
        }
    }
}

#[test]
fn what_belongs_to_a_key_is_of_no_use_without_it() {
    for line in [
        CERTIFICATE,
        "client_key_id = 'k'",
        "token_endpoint_auth_signing_alg = 'ES256'",
    ] {
        assert_refused(
            &with(&[line]),
            line,
            "of no use without `client_key`",
            "private key",
        );
        load(&with(&[line, KEY])).unwrap();
    }
}

#[test]
fn without_a_word_the_metadata_decides() {
    let config = load(&with(&[SECRET, KEY, CERTIFICATE])).unwrap();
    let auth = &config.providers[0].client_auth;
    assert_eq!(auth.method, None);
    assert_eq!(auth.signing_algorithm, None::<Algorithm>);
    assert_eq!(auth.audience, AssertionAudience::Issuer);
}

#[test]
fn methods_with_shared_secrets_that_sign_are_unknown() {
    let line = "token_endpoint_auth_method = 'client_secret_jwt'";
    assert_refused(
        &with(&[SECRET, line]),
        line,
        "not one of the possible values",
        "",
    );
    let line = "token_endpoint_auth_signing_alg = 'HS256'";
    assert_refused(&with(&[KEY, line]), line, "can also forge it", "ES256");
}

#[test]
fn a_client_key_is_read_and_compared_with_its_algorithm_and_certificate() {
    let folder = folder();
    let file = "client_key = { file = 'other.key' }";
    let checked = |lines: &[&str]| {
        let text = format!("{PROVIDER}{}", lines.join("\n"));
        check(&folder, &text).map(|checked| checked.notes)
    };
    assert_eq!(checked(&[file]).unwrap(), Vec::<String>::new());
    assert!(checked(&[file, "client_certificate = 'other.crt'"]).is_ok());
    let notes = checked(&[KEY]).unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let p521 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
    write(&folder, "p521.key", &p521.serialize_pem(), 0o600);
    write(&folder, "text.key", "hunter2", 0o600);
    write(&folder, "open.key", "hunter2", 0o644);
    for (lines, what) in [
        (
            &["client_key = { file = 'text.key' }"][..],
            "text.key is no private key that can be used",
        ),
        (
            &["client_key = { file = 'p521.key' }"],
            "p521.key is no private key that can be used",
        ),
        (&["client_key = { file = 'open.key' }"], "open to others"),
        (
            &["client_key = { file = 'none.key' }"],
            "none.key: No such file",
        ),
        (
            &[file, "token_endpoint_auth_signing_alg = 'RS256'"],
            "other.key cannot sign with",
        ),
        (
            &[file, "client_certificate = 'server.crt'"],
            "other.key is not the key of",
        ),
        (
            &[file, "client_certificate = 'none.crt'"],
            "none.crt: No such file",
        ),
    ] {
        let shown = checked(lines).unwrap_err().to_string();
        assert!(shown.contains(what), "{what}\n---\n{shown}");
        assert!(
            shown.contains("1 mistake in") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
