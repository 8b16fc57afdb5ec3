//! Client authentication (RFC 6749 2.3, RFC 7523, OpenID Connect Core 9).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{StatusCode, header};
use url::form_urlencoded;

use super::assertion;
use super::endpoint::MTLS;
use super::exchange::{Reply, duplicate, oauth_error};
use super::options::ClientEntry;
use super::shared::{Recorded, Shared, State};

/// Who asks, or the refusal. One method at a time, and only the client's own.
pub(crate) fn check(
    shared: &Shared,
    state: &mut State,
    call: &Recorded,
) -> Result<ClientEntry, Box<Reply>> {
    if duplicate(&call.form).is_some() {
        let why = "a parameter is given twice";
        let refusal = oauth_error(StatusCode::BAD_REQUEST, "invalid_request", why);
        return Err(Box::new(refusal));
    }
    let refuse = |why| Box::new(oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", why));
    let (method, id) = presented(call).map_err(refuse)?;
    let client = state
        .client(&id.id)
        .ok_or_else(|| refuse("unknown client"))?;
    let client = client.clone();
    let method = match (method, &client.certificate) {
        ("none", Some(_)) => "tls_client_auth",
        (method, _) => method,
    };
    if client
        .auth_method
        .as_deref()
        .is_some_and(|only| only != method)
    {
        return Err(refuse("this client must authenticate in another way"));
    }
    let good = match (&id.secret, &id.assertion) {
        (_, Some(assertion)) => assertion::check(shared, state, &client, assertion),
        (Some(secret), None) => client.secret.as_ref() == Some(secret),
        (None, None) if client.certificate.is_some() => {
            let path = call.target.strip_prefix(shared.options.path.as_str());
            client.certificate == call.certificate
                && path.is_some_and(|path| path.starts_with(MTLS))
        }
        (None, None) => client.secret.is_none() && client.keys.is_none(),
    };
    good.then_some(client)
        .ok_or_else(|| refuse("the credentials are wrong"))
}

struct Presented {
    id: String,
    secret: Option<String>,
    assertion: Option<String>,
}

fn presented(call: &Recorded) -> Result<(&'static str, Presented), &'static str> {
    let basic = match call.headers.get(header::AUTHORIZATION) {
        Some(value) => Some(basic(value.as_bytes()).ok_or("not Basic credentials")?),
        None => None,
    };
    let field = |name| call.field(name).map(str::to_owned);
    let (secret, assertion) = (field("client_secret"), field("client_assertion"));
    let ways = [basic.is_some(), secret.is_some(), assertion.is_some()];
    if ways.into_iter().filter(|&way| way).count() > 1 {
        return Err("more than one way of authentication");
    }
    if let Some((id, secret)) = basic {
        let secret = Some(secret);
        let assertion = None;
        return Ok((
            "client_secret_basic",
            Presented {
                id,
                secret,
                assertion,
            },
        ));
    }
    let id = match &assertion {
        // The assertion names the client; `client_id` is optional beside it (RFC 7521 4.2).
        Some(assertion) => assertion::client_id(assertion).ok_or("the assertion is no JWT")?,
        None => field("client_id").ok_or("client_id is missing")?,
    };
    let method = match (&secret, &assertion) {
        (_, Some(_)) => "private_key_jwt",
        (Some(_), None) => "client_secret_post",
        (None, None) => "none",
    };
    Ok((
        method,
        Presented {
            id,
            secret,
            assertion,
        },
    ))
}

/// Name and secret are form-encoded inside (RFC 6749 2.3.1).
fn basic(value: &[u8]) -> Option<(String, String)> {
    let encoded = value.strip_prefix(b"Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

fn form_decode(text: &str) -> String {
    // A value alone is a name without a value to the parser; `=` and `&` are encoded in it.
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    pairs
        .next()
        .map_or(String::new(), |(name, _)| name.into_owned())
}
