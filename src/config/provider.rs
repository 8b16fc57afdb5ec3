//! `[[provider]]`: an OpenID provider and our application there.
use super::{
    addresses::{issuer, metadata_address},
    algorithm::Algorithm,
    applications::{Application, Applications},
    authorization::Authorization,
    claim_name::{ClaimName, claim_name, claim_names},
    client_auth::ClientAuth,
    fault::Fault,
    grant::Grant,
    pattern::{Pattern, pattern},
    section::Section,
    token_form::TokenForm,
    trust::Trust,
    units::duration,
    values::{choice, flag, string, text},
};
use std::{sync::Arc, time::Duration};
use url::Url;

/// `[[provider]]`
#[derive(Clone, Debug)]
pub struct Provider {
    /// What grants, logs and requests call it; unique.
    pub name: Arc<str>,
    /// Byte for byte as in the provider's metadata: `Url` would add a trailing slash.
    pub issuer: Arc<str>,
    /// Where its metadata lies; default below the issuer (OpenID Connect Discovery section 4.1).
    pub metadata_url: Option<Url>,
    /// Whose certificate is believed; default the system's authorities.
    pub trust: Trust,
    /// Our application at the provider.
    pub client_id: Arc<str>,
    /// How it proves itself; with nothing to do so a public client.
    pub client_auth: ClientAuth,
    /// Asked for at sign-in; holds `openid`. Default `openid`, `profile`, `email`.
    pub scopes: Vec<String>,
    /// What else a sign-in by browser asks for.
    pub authorization: Authorization,
    /// Accepted in access tokens besides `client_id`; default none.
    pub audiences: Vec<String>,
    /// What brought tokens look like; default as RFC 9068 and OpenID Connect say.
    pub tokens: TokenForm,
    /// Signatures that tokens may have; default RS256, PS256, ES256, ES384, EdDSA.
    pub algorithms: Vec<Algorithm>,
    /// How far the provider's clock may be off; default 60 s.
    pub clock_skew: Duration,
    /// Which databases sign in with this provider; default every one.
    pub databases: Vec<Pattern>,
    /// What this application is for; default all.
    pub flows: Vec<Flow>,
    /// The claims that hold the user's name, of which the first that is there counts; default
    /// `preferred_username`.
    pub username_claims: Vec<ClaimName>,
    /// The claim that holds the user's groups; default `groups`.
    pub groups_claim: ClaimName,
    /// What stands between the groups of a claim that is one text; default nothing: one text is
    /// one group.
    pub groups_separator: Option<String>,
    /// Whether the provider sends browsers back here after a logout; default no, as most refuse
    /// to when our address is not registered there for that.
    pub returns_after_logout: bool,
    /// Whether opaque access tokens are taken, by asking the provider; default no.
    pub introspection: bool,
    /// Whether userinfo is asked for claims that count and that a token lacks; default no.
    pub userinfo: bool,
    /// The claims that a `[[grant]]` looks at, which are kept of its users' tokens.
    pub grant_claims: Vec<ClaimName>,
    /// Whether a `[[grant]]` looks at the groups of its users: else a lack of them is none.
    pub needs_groups: bool,
}

/// What an application at a provider is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Browser sign-in with an authorization code.
    Code,
    /// Sign-in on another device, with a code that a person types there (RFC 8628).
    Device,
    /// Tokens that clients bring along.
    Token,
}

impl Provider {
    pub(super) fn read(section: &mut Section<'_>, earlier: &mut Applications) -> Option<Self> {
        let name = section.unique_name(&mut earlier.names);
        let issuer = section.required("issuer", string(issuer));
        let metadata_url = section.optional("metadata_url", string(metadata_address));
        let ca = section.authorities("ca");
        let client_id = section.required("client_id", string(text));
        let client_auth = ClientAuth::read(section);
        let scopes = scopes(section);
        let authorization = Authorization::read(section);
        let audiences = section.list("audiences", "[]", string(text));
        let tokens = TokenForm::read(section);
        let algorithms = Algorithm::list(section);
        let clock_skew = clock_skew(section);
        let databases = section.some_of("databases", "['*']", string(pattern));
        let flows = flows(section);
        // The claims of OpenID Connect Core section 5.1, and of nearly every provider.
        let username_claims =
            section.defaulted("username_claim", "'preferred_username'", claim_names);
        let groups_claim = section.defaulted("groups_claim", "'groups'", string(claim_name));
        let groups_separator = section.optional("groups_separator", string(separator));
        let returns_after_logout = section.defaulted("post_logout_redirect", "false", flag);
        // Off: every opaque bearer, the SQL node's own too, would be shown to the provider.
        let introspection = section.defaulted("introspection", "false", flag);
        // Off: it would show access tokens to an endpoint that many are not for, and make
        // tokens that prove themselves depend on the provider's answer.
        let userinfo = section.defaulted("userinfo", "false", flag);
        if let (Some(name), Some(claims)) = (&name, &username_claims) {
            let named = claims
                .iter()
                .map(|claim| (name.clone(), claim.as_str().to_owned()));
            earlier.username_claims.extend(named);
        }
        let (issuer, client_id) = (issuer?, client_id?);
        let application = Application {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            audiences: audiences.clone().unwrap_or_default(),
            tokens: tokens.clone().unwrap_or_default(),
            takes_tokens: flows
                .as_ref()
                .is_some_and(|flows| flows.contains(&Flow::Token)),
        };
        earlier.add(section, application)?;
        let scheme = issuer.split(':').next().unwrap_or_default();
        let metadata_url = metadata_url?;
        if metadata_url
            .as_ref()
            .is_some_and(|url| url.scheme() != scheme)
        {
            let fault = Fault::new("not of the issuer's scheme, by whose trust it is fetched");
            return section.fault("metadata_url", fault.cure(format!("write {scheme}://")));
        }
        let trust = ca?.map_or_else(|| Trust::for_scheme(scheme), Trust::Ca);
        Some(Self {
            name: name?.into(),
            issuer: issuer.into(),
            metadata_url,
            trust,
            client_id: client_id.into(),
            client_auth: client_auth?,
            scopes: scopes?,
            authorization: authorization?,
            audiences: audiences?,
            tokens: tokens?,
            algorithms: algorithms?,
            clock_skew: clock_skew?,
            databases: databases?,
            flows: flows?,
            username_claims: username_claims?,
            groups_claim: groups_claim?,
            groups_separator: groups_separator?,
            returns_after_logout: returns_after_logout?,
            introspection: introspection?,
            userinfo: userinfo?,
            grant_claims: Vec::new(),
            needs_groups: false, // the grants come later in the file
        })
    }

    /// Whether `issuer` may be the `iss` of tokens that clients bring.
    pub fn takes_issuer(&self, issuer: &str) -> bool {
        *self.issuer == *issuer || self.tokens.token_issuers.iter().any(|one| one == issuer)
    }

    pub(super) fn with_grants(mut self, grants: &[Grant]) -> Self {
        let ours: Vec<_> = grants
            .iter()
            .filter(|grant| grant.is_of(&self.name))
            .collect();
        self.needs_groups = ours.iter().any(|grant| !grant.groups.is_empty());
        for condition in ours.iter().flat_map(|grant| &grant.claims) {
            if !self.grant_claims.contains(&condition.claim) {
                self.grant_claims.push(condition.claim.clone());
            }
        }
        self
    }
}

fn scopes(section: &mut Section<'_>) -> Option<Vec<String>> {
    // Name and mail address are what logs and account names are made of.
    let defaults = "['openid', 'profile', 'email']";
    let scopes = section.list("scopes", defaults, string(scope))?;
    if scopes.iter().any(|scope| scope == "openid") {
        return Some(scopes);
    }
    let fault = Fault::new("without `openid` the provider sends no ID token");
    section.fault("scopes", fault.cure("add \"openid\""))
}

/// One scope (RFC 6749 section 3.3).
fn scope(text: &str) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
    let fits = !text.is_empty() && text.bytes().all(plain);
    fits.then(|| text.to_owned())
        .ok_or_else(|| Fault::new("not a scope").cure("one word for each, without spaces"))
}

/// Unlike other texts it may be a blank; an empty one would cut between all letters.
fn separator(written: &str) -> Result<String, Fault> {
    match written.is_empty() || written.chars().any(char::is_control) {
        true => Err(Fault::new("not a separator").cure("a character or more, as in \",\"")),
        false => Ok(written.to_owned()),
    }
}

fn clock_skew(section: &mut Section<'_>) -> Option<Duration> {
    // A minute is what clocks drift without care; more than five would keep ended tokens
    // alive for thieves rather than for clocks.
    let range = Duration::ZERO..=Duration::from_mins(5);
    section.defaulted("clock_skew", "'60s'", duration(range))
}

fn flows(section: &mut Section<'_>) -> Option<Vec<Flow>> {
    let flows = choice(&[
        ("code", Flow::Code),
        ("device", Flow::Device),
        ("token", Flow::Token),
    ]);
    section.some_of("flows", "['code', 'device', 'token']", flows)
}
