//! Optional members of a provider's metadata that cannot be used, and break nothing.
use super::metadata::is_plain_loopback;
use crate::config::{Flow, Provider};
use serde_json::{Map, Value};
use url::Url;

/// Takes away what is optional and unusable: null, empty, of another type, or no address; and
/// addresses without TLS that nobody would go to. Returns the names of what it took away. What is
/// used has to be safe, so that an unsafe address stays, for [`Metadata`](super::metadata::Metadata)
/// to refuse.
pub(super) fn take(members: &mut Map<String, Value>, rules: &Provider) -> Vec<String> {
    let mut odd = Vec::new();
    take_addresses(members, rules, "", &mut odd);
    for name in FLAGS {
        let is_flag = |value: &Value| value.is_boolean();
        take_unless(members, name, is_flag, &mut odd);
    }
    for name in LISTS {
        let is_list = |value: &Value| {
            let items = value.as_array();
            items.is_some_and(|items| items.iter().all(Value::is_string))
        };
        take_unless(members, name, is_list, &mut odd);
    }
    take_unless(members, ALIASES, Value::is_object, &mut odd);
    if rules.client_auth.certificate.is_none() {
        members.remove(ALIASES); // for whoever has a certificate to show
    }
    if let Some(Value::Object(aliases)) = members.get_mut(ALIASES) {
        take_addresses(aliases, rules, "mtls_endpoint_aliases.", &mut odd);
        let is_address = |value: &Value| address(value).is_some();
        if aliases
            .get("token_endpoint")
            .is_some_and(|value| !is_address(value))
        {
            aliases.remove("token_endpoint");
            odd.push("mtls_endpoint_aliases.token_endpoint".to_owned());
        }
    }
    odd
}

fn take_addresses(
    members: &mut Map<String, Value>,
    rules: &Provider,
    before: &str,
    odd: &mut Vec<String>,
) {
    let issuer = Url::parse(&rules.issuer);
    let is_local = issuer.is_ok_and(|issuer| is_plain_loopback(&issuer));
    for (name, is_used) in addresses(rules) {
        let is_fine = |value: &Value| match address(value) {
            Some(url) => {
                is_used || url.scheme() == "https" || (is_local && is_plain_loopback(&url))
            }
            None => false,
        };
        if members.get(name).is_some_and(|value| !is_fine(value)) {
            members.remove(name);
            odd.push(format!("{before}{name}"));
        }
    }
}

fn take_unless(
    members: &mut Map<String, Value>,
    name: &str,
    is_fine: impl Fn(&Value) -> bool,
    odd: &mut Vec<String>,
) {
    if members.get(name).is_some_and(|value| !is_fine(value)) {
        members.remove(name);
        odd.push(name.to_owned());
    }
}

/// An absolute URL.
fn address(value: &Value) -> Option<Url> {
    Url::parse(value.as_str()?).ok()
}

/// The optional endpoints, and whether they are used as configured.
fn addresses(rules: &Provider) -> [(&'static str, bool); 6] {
    let has = |flow| rules.flows.contains(&flow);
    [
        ("revocation_endpoint", has(Flow::Code) || has(Flow::Device)),
        ("end_session_endpoint", true),
        ("introspection_endpoint", rules.introspection),
        ("userinfo_endpoint", rules.userinfo),
        ("pushed_authorization_request_endpoint", has(Flow::Code)),
        ("device_authorization_endpoint", has(Flow::Device)),
    ]
}

const FLAGS: [&str; 2] = [
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
];

const LISTS: [&str; 2] = [
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
];

const ALIASES: &str = "mtls_endpoint_aliases";
