//! The node's own description of its endpoints.

use serde_json::{Value, json};

/// A short OpenAPI document: enough to see whose it is.
pub(super) fn document() -> Value {
    let answer = json!({ "200": { "description": "see the status object" } });
    let get = json!({ "get": { "responses": answer } });
    let post = json!({ "post": { "responses": answer } });
    let both = json!({ "get": { "responses": answer }, "post": { "responses": answer } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Stand-in of an Ocient SQL node", "version": "1.1.0" },
        "paths": {
            "/v1/info": get,
            "/v1/login": post,
            "/v1/logout": post,
            "/v1/token_refresh": post,
            "/v1/sso_token": post,
            "/v1/sso_authentication": post,
            "/v1/callback": get,
            "/v1/sso_device_grant": post,
            "/v1/sso_device_grant_verify": post,
            "/v1/execute": both,
            "/v1/execute/{database}": both,
        },
    })
}
