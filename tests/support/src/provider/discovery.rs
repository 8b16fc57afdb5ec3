//! The metadata (OpenID Connect Discovery 1.0, RFC 8414).

use http::StatusCode;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, MTLS};
use super::exchange::{Reply, json_reply};
use super::keys::Algorithm;
use super::lie::Lie;
use super::shared::{Shared, State};

pub(crate) fn answer(shared: &Shared, state: &State) -> Reply {
    let mut metadata = honest(shared);
    for lie in &state.lies {
        apply(lie, shared, &mut metadata);
    }
    json_reply(StatusCode::OK, &metadata)
}

fn honest(shared: &Shared) -> Value {
    let algorithms = Algorithm::ALL.map(Algorithm::name);
    let mut metadata = json!({
        "issuer": shared.issuer,
        "authorization_endpoint": shared.url(Endpoint::Authorize),
        "token_endpoint": shared.url(Endpoint::Token),
        "userinfo_endpoint": shared.url(Endpoint::Userinfo),
        "jwks_uri": shared.url(Endpoint::Jwks),
        "introspection_endpoint": shared.url(Endpoint::Introspect),
        "revocation_endpoint": shared.url(Endpoint::Revoke),
        "end_session_endpoint": shared.url(Endpoint::EndSession),
        "device_authorization_endpoint": shared.url(Endpoint::DeviceAuthorization),
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": shared.options.auth_methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "preferred_username", "email", "groups"],
        "require_pushed_authorization_requests": shared.options.requires_par,
    });
    if shared.options.offers_par || shared.options.requires_par {
        metadata["pushed_authorization_request_endpoint"] = shared.url(Endpoint::Par).into();
    }
    if shared.options.asks_certificates {
        let alias = |endpoint: Endpoint| format!("{}{MTLS}/{}", shared.issuer, endpoint.name());
        metadata["mtls_endpoint_aliases"] = json!({
            "token_endpoint": alias(Endpoint::Token),
            "revocation_endpoint": alias(Endpoint::Revoke),
            "userinfo_endpoint": alias(Endpoint::Userinfo),
            "introspection_endpoint": alias(Endpoint::Introspect),
            "pushed_authorization_request_endpoint": alias(Endpoint::Par),
            "device_authorization_endpoint": alias(Endpoint::DeviceAuthorization),
        });
    }
    metadata
}

fn apply(lie: &Lie, shared: &Shared, metadata: &mut Value) {
    match lie {
        Lie::AnotherIssuer => metadata["issuer"] = "https://evil.example/realms/test".into(),
        Lie::AdvertisesNone => {
            metadata["id_token_signing_alg_values_supported"] = json!(["none", "HS256", "RS256"]);
        }
        Lie::AdvertisesPlain => metadata["code_challenge_methods_supported"] = json!(["plain"]),
        // Port 1 is privileged, and nothing has used it for decades.
        Lie::TokenEndpointGone => metadata["token_endpoint"] = "https://127.0.0.1:1/token".into(),
        Lie::HttpEndpoints => {
            let insecure = |endpoint| shared.url(endpoint).replacen("https", "http", 1);
            metadata["authorization_endpoint"] = insecure(Endpoint::Authorize).into();
            metadata["token_endpoint"] = insecure(Endpoint::Token).into();
            metadata["jwks_uri"] = insecure(Endpoint::Jwks).into();
        }
        Lie::NoJwksUri => metadata["jwks_uri"] = Value::Null,
        Lie::NoDeviceEndpoint => metadata["device_authorization_endpoint"] = Value::Null,
        Lie::HttpDeviceEndpoint => {
            let url = shared.url(Endpoint::DeviceAuthorization);
            metadata["device_authorization_endpoint"] = url.replacen("https", "http", 1).into();
        }
        Lie::NoCallbackIssuer => {
            metadata["authorization_response_iss_parameter_supported"] = false.into();
        }
        _ => {}
    }
    if let Some(members) = metadata.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
}
