//! What a sign-in by browser asks for beyond the usual: `prompt`, `max_age`, `acr_values` and
//! other parameters of the authorization request.
use super::{
    fault::Fault,
    section::Section,
    units::duration,
    values::{choice, string, text, wrong_kind},
};
use std::time::Duration;
use toml::de::DeValue;

/// What `[[provider]]` asks for at sign-ins by browser; two of them are demanded of every token that
/// signs somebody in.
#[derive(Clone, Debug, Default)]
pub struct Authorization {
    /// What the provider is to ask the person; default what it finds right.
    pub prompt: Vec<&'static str>,
    /// How long ago the person may have signed in at the provider; `None`: any time.
    pub max_age: Option<Duration>,
    /// The ways of signing in that are good enough; default any.
    pub acr_values: Vec<String>,
    /// Further parameters of the request.
    pub parameters: Vec<(String, String)>,
}

impl Authorization {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let prompt = section.list("prompt", "[]", choice(&PROMPTS));
        // A month is what a provider's own session may last.
        let range = Duration::ZERO..=Duration::from_hours(30 * 24);
        let max_age = section.optional("max_age", duration(range));
        let acr_values = section.list("acr_values", "[]", string(acr_value));
        let parameters = section.optional("authorization_parameters", parameters);
        Some(Self {
            prompt: prompt?,
            max_age: max_age?,
            acr_values: acr_values?,
            parameters: parameters?.unwrap_or_default(),
        })
    }
}

/// OpenID Connect Core section 3.1.2.1. `none` is left out: nobody could ever sign in who is
/// not signed in at the provider.
const PROMPTS: [(&str, &str); 3] = [
    ("login", "login"),
    ("consent", "consent"),
    ("select_account", "select_account"),
];

/// The request lists them with spaces between.
fn acr_value(written: &str) -> Result<String, Fault> {
    match written.contains(char::is_whitespace) {
        true => Err(Fault::new("not one value").cure("one value for each, without spaces")),
        false => text(written),
    }
}

fn parameters(value: &DeValue<'_>) -> Result<Vec<(String, String)>, Fault> {
    let Some(table) = value.as_table() else {
        return Err(wrong_kind(value, "a table", "write { name = \"value\" }"));
    };
    if table.len() > MOST_PARAMETERS {
        return Err(Fault::new(format!(
            "more than {MOST_PARAMETERS} parameters"
        )));
    }
    let pair = |(name, value): (&_, &toml::Spanned<DeValue<'_>>)| {
        let name: &toml::Spanned<toml::de::DeString<'_>> = name;
        let name = name.get_ref().as_ref();
        if OURS.contains(&name) {
            let fault = Fault::new(format!("the sidecar sets `{name}` itself"));
            return Err(fault.cure("remove it; some have keys of their own"));
        }
        match value.get_ref().as_str() {
            Some(value) => Ok((text(name)?, text(value)?)),
            None => Err(Fault::new("every parameter is a string").cure("put it in quotes")),
        }
    };
    table.iter().map(pair).collect()
}

/// More make no URL that every browser and provider takes.
const MOST_PARAMETERS: usize = 16;

/// Parameters that are ours: a second value would be refused by the provider, or believed in
/// place of the checked one. `response_mode`: callbacks read the query.
const OURS: [&str; 21] = [
    "acr_values",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "grant_type",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];
