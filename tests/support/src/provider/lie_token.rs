//! Lies in ID tokens of the token endpoint.

use serde_json::{Value, json};

use super::lie::Lie;
use super::mint::{Draft, Form, SignedWith, now};
use super::token_answer::Kind;

pub(crate) fn distort(lies: &[Lie], kind: Kind, token: &mut Draft) {
    for lie in lies {
        claim_lie(lie, token);
        signature_lie(lie, token);
        if kind == Kind::Refreshed {
            refresh_lie(lie, token);
        }
    }
}

fn claim_lie(lie: &Lie, token: &mut Draft) {
    let audience = token.value("aud").cloned().unwrap_or(Value::Null);
    match lie {
        Lie::WrongNonce => token.claim("nonce", "a-nonce-that-nobody-ever-sent"),
        Lie::MissingNonce => token.without("nonce"),
        Lie::WrongIssuer => token.claim("iss", "https://evil.example/realms/test"),
        Lie::WrongAudience => token.claim("aud", "another-client"),
        Lie::AudienceArray => token.claim("aud", json!([audience])),
        Lie::SeveralAudiences => token.claim("aud", json!([audience, "another-client"])),
        Lie::ForeignAuthorizedParty => token.claim("azp", "another-client"),
        Lie::MissingAudience => token.without("aud"),
        Lie::MissingSubject => token.without("sub"),
        Lie::MissingIssuedAt => token.without("iat"),
        Lie::MissingExpiry => token.without("exp"),
        Lie::Expired => token.claim("exp", now() - HOUR),
        Lie::EndlessExpiry => token.claim("exp", 1e300),
        Lie::IssuedInFuture => token.claim("iat", now() + HOUR),
        Lie::NotYetValid => token.claim("nbf", now() + HOUR),
        Lie::BadAtHash => token.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
        Lie::MissingAtHash => token.without("at_hash"),
        Lie::BadCodeHash => token.claim("c_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
        Lie::IdTokenClaim(name, value) => token.claim(name, value.clone()),
        Lie::FloatDates => {
            for name in ["iat", "exp", "auth_time"] {
                if let Some(date) = token.value(name).and_then(Value::as_f64) {
                    token.claim(name, date + 0.25);
                }
            }
        }
        Lie::GroupsAsText => {
            let groups = token.value("groups").and_then(Value::as_array);
            let names = groups.map(|groups| {
                let names: Vec<&str> = groups.iter().filter_map(Value::as_str).collect();
                names.join(",")
            });
            if let Some(names) = names {
                token.claim("groups", names);
            }
        }
        _ => {}
    }
}

fn signature_lie(lie: &Lie, token: &mut Draft) {
    match lie {
        Lie::BadSignature => token.signer = SignedWith::Garbled,
        Lie::ForeignKey => token.signer = SignedWith::AnotherKey,
        Lie::AlgorithmNone => token.signer = SignedWith::Nobody,
        Lie::AlgorithmNull => token.form = Form::NullAlgorithm,
        Lie::Encrypted => token.form = Form::Encrypted,
        Lie::Hs256WithPublicKey => token.signer = SignedWith::PublicKeyAsSecret,
        Lie::Hs256WithClientSecret => {
            token.signer = SignedWith::Secret(b"ocient-secret".to_vec());
        }
        Lie::UnknownKeyId => token.header("kid", "a-key-that-nobody-published"),
        Lie::NoKeyId => token.header("kid", Value::Null),
        Lie::WrongType => token.header("typ", "at+jwt"),
        Lie::Critical => {
            token.header("crit", json!(["https://example.com/must-understand"]));
            token.header("https://example.com/must-understand", true);
        }
        _ => {}
    }
}

fn refresh_lie(lie: &Lie, token: &mut Draft) {
    match lie {
        Lie::RefreshedAnotherSubject => token.claim("sub", "subject-of-somebody-else"),
        Lie::RefreshedAnotherIssuer => token.claim("iss", "https://evil.example/realms/test"),
        _ => {}
    }
}

/// More than any clock skew that a relying party may allow.
const HOUR: i64 = 3600;
