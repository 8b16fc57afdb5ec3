//! Tokens in the forms of providers and platforms, as their public documentation shows them; each with
//! the keys that docs/providers.md names for it, and with its negative twins. None was tried against
//! the vendor itself here.
use crate::site::{Site, assert_refused, note};
use serde_json::{Map, Value, json};
use sidecar_testkit::{client::Answer, provider::TokenBuilder, sql_node::RETAIL};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Access,
    Id,
}

/// What is written in config.toml for a vendor, and what its tokens are.
struct Vendor {
    name: &'static str,
    keys: &'static [(&'static str, &'static str)],
    grant: &'static str,
    kind: Kind,
    typ: Option<&'static str>,
    claims: Value,
    username: &'static str,
}

const TENANT: &str = "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/";
const ADFS: &str = "http://adfs.example.com/adfs/services/trust";
const USERS: &str = "users = ['alice', 'alice@corp.example', 'etl-app']\n";
const GROUPS: &str = "groups = ['analysts']\n";

fn access_tokens() -> Vec<Vendor> {
    let access = |name, typ, username, keys, grant, claims| Vendor {
        name,
        keys,
        grant,
        kind: Kind::Access,
        typ,
        claims,
        username,
    };
    vec![
        access(
            "Entra v2",
            Some("JWT"),
            "alice@corp.example",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['6e74172b-be56-4843-9ff4-e66a39bb12e3']"),
            ],
            GROUPS,
            json!({
                "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "azp": "ocient-cli", "azpacr": "0",
                "preferred_username": "alice@corp.example", "scp": "query.run", "ver": "2.0",
                "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "tid": "72f988bf", "uti": "x",
                "groups": ["analysts"],
            }),
        ),
        access(
            "Entra v2, a daemon",
            Some("JWT"),
            "etl-app",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['6e74172b-be56-4843-9ff4-e66a39bb12e3']"),
                ("username_claim", "['preferred_username', 'azp']"),
                ("groups_claim", "'roles'"),
            ],
            "groups = ['Query.Run']\n",
            json!({
                "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "azp": "etl-app", "azpacr": "1",
                "idtyp": "app", "roles": ["Query.Run"], "ver": "2.0",
            }),
        ),
        access(
            "Entra v1",
            Some("JWT"),
            "alice@corp.example",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['api://ocient']"),
                (
                    "token_issuers",
                    "['https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/']",
                ),
                ("username_claim", "'upn'"),
            ],
            USERS,
            json!({
                "iss": TENANT, "aud": "api://ocient", "appid": "ocient-cli", "appidacr": "0",
                "upn": "alice@corp.example", "scp": "query.run", "ver": "1.0",
            }),
        ),
        access(
            "Okta",
            None,
            "alice@corp.example",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['api://default']"),
                ("username_claim", "'sub'"),
            ],
            GROUPS,
            json!({
                "ver": 1, "jti": "AT.1", "aud": "api://default", "cid": "0oa1", "uid": "00u1",
                "scp": ["openid", "query"], "sub": "alice@corp.example", "groups": ["analysts"],
            }),
        ),
        access(
            "Keycloak with an audience mapper",
            Some("JWT"),
            "alice",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['ocient-api']"),
                ("groups_claim", "'/realm_access/roles'"),
            ],
            GROUPS,
            json!({
                "typ": "Bearer", "azp": "ocient-cli", "aud": ["ocient-api", "account"], "acr": "1",
                "scope": "profile email", "sid": "s-1", "preferred_username": "alice",
                "realm_access": {"roles": ["analysts", "offline_access"]},
            }),
        ),
        access(
            "Keycloak without mappers",
            Some("JWT"),
            "alice",
            &[
                ("access_tokens", "'jwt'"),
                ("authorized_parties", "['ocient-cli']"),
                ("groups_claim", "'/realm_access/roles'"),
            ],
            GROUPS,
            json!({
                "typ": "Bearer", "azp": "ocient-cli", "aud": "account", "acr": "1",
                "scope": "profile email", "sid": "s-1", "preferred_username": "alice",
                "realm_access": {"roles": ["analysts"]},
            }),
        ),
        access(
            "Auth0, its own dialect",
            Some("JWT"),
            "auth0|5f7c",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['https://ocient.example.com']"),
                ("username_claim", "'sub'"),
                ("groups_claim", "'https://example.com/groups'"),
            ],
            GROUPS,
            json!({
                "sub": "auth0|5f7c", "aud": ["https://ocient.example.com", "https://x.auth0.example/userinfo"],
                "azp": "ocient-cli", "scope": "openid profile",
                "https://example.com/groups": ["analysts"],
            }),
        ),
        access(
            "Auth0, dialect RFC 9068",
            Some("at+jwt"),
            "auth0|5f7c",
            &[
                ("audiences", "['https://ocient.example.com']"),
                ("username_claim", "'sub'"),
            ],
            "users = ['auth0|5f7c']\n",
            json!({
                "sub": "auth0|5f7c", "aud": "https://ocient.example.com", "client_id": "ocient-cli",
                "jti": "1", "scope": "openid profile",
            }),
        ),
        access(
            "AD FS",
            Some("JWT"),
            "alice@corp.example",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['microsoft:identityserver:ocient-api']"),
                (
                    "token_issuers",
                    "['http://adfs.example.com/adfs/services/trust']",
                ),
                ("username_claim", "'upn'"),
                ("groups_claim", "'group'"),
            ],
            "groups = ['Domain Users']\n",
            json!({
                "iss": ADFS, "aud": "microsoft:identityserver:ocient-api", "apptype": "Public",
                "appid": "ocient-cli", "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
                "ver": "1.0", "scp": "openid", "upn": "alice@corp.example", "group": "Domain Users",
            }),
        ),
        access(
            "Cognito",
            None,
            "alice",
            &[
                ("access_tokens", "'jwt'"),
                ("authorized_parties", "['1example23456789']"),
                ("username_claim", "'username'"),
                ("groups_claim", "'cognito:groups'"),
            ],
            GROUPS,
            json!({
                "client_id": "1example23456789", "token_use": "access", "scope": "openid",
                "cognito:groups": ["analysts"], "username": "alice", "origin_jti": "x", "event_id": "y",
            }),
        ),
        access(
            "PingFederate",
            None,
            "alice",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['ocient-api']"),
                ("username_claim", "'Username'"),
            ],
            USERS,
            json!({
                "scope": ["openid"], "client_id": "ocient-cli", "aud": "ocient-api", "Username": "alice",
            }),
        ),
        access(
            "authentik",
            Some("JWT"),
            "alice",
            &[("access_tokens", "'jwt'"), ("audiences", "['ocient']")],
            GROUPS,
            json!({
                "aud": "ocient", "azp": "ocient", "uid": "x", "scope": "openid profile", "acr": "x",
                "preferred_username": "alice", "groups": ["analysts"],
            }),
        ),
        access(
            "Zitadel",
            Some("JWT"),
            "269",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['2690-project']"),
                ("username_claim", "'sub'"),
                ("groups_claim", "'urn:zitadel:iam:org:project:roles'"),
            ],
            GROUPS,
            json!({
                "sub": "269", "aud": ["2690-app", "2690-project"], "client_id": "2690-app", "jti": "V2_1",
                "urn:zitadel:iam:org:project:roles": {"analysts": {"170": "corp.example"}},
            }),
        ),
        access(
            "Azure AD B2C",
            Some("JWT"),
            "alice",
            &[
                ("access_tokens", "'jwt'"),
                ("audiences", "['ocient-api']"),
                ("username_claim", "'name'"),
            ],
            USERS,
            json!({
                "aud": "ocient-api", "azp": "ocient-cli", "scp": "query", "ver": "1.0", "tfp": "B2C_1_in",
                "name": "alice",
            }),
        ),
    ]
}

fn id_tokens() -> Vec<Vendor> {
    let id = |name, typ, username, keys, grant, claims| Vendor {
        name,
        keys,
        grant,
        kind: Kind::Id,
        typ,
        claims,
        username,
    };
    vec![
        id(
            "Google",
            Some("JWT"),
            "alice@corp.example",
            &[
                ("username_claim", "'email'"),
                ("token_issuers", "['accounts.google.com']"),
            ],
            USERS,
            json!({
                "iss": "accounts.google.com", "aud": "ocient", "azp": "ocient", "hd": "corp.example",
                "email": "alice@corp.example", "email_verified": true, "at_hash": "x",
            }),
        ),
        id(
            "GitLab",
            Some("JWT"),
            "alice",
            &[
                ("username_claim", "'nickname'"),
                ("groups_claim", "'groups_direct'"),
            ],
            GROUPS,
            json!({"aud": "ocient", "nickname": "alice", "groups_direct": ["analysts"]}),
        ),
        id(
            "Kubernetes service account",
            None,
            "system:serviceaccount:etl:loader",
            &[("flows", "['token']"), ("username_claim", "'sub'")],
            "users = ['system:serviceaccount:etl:loader']\n",
            json!({
                "aud": ["ocient"], "sub": "system:serviceaccount:etl:loader", "jti": "1",
                "kubernetes.io": {"namespace": "etl", "serviceaccount": {"name": "loader"}},
            }),
        ),
        id(
            "GitHub Actions",
            Some("JWT"),
            "repo:acme/etl:ref:refs/heads/main",
            &[("flows", "['token']"), ("username_claim", "'sub'")],
            "users = ['repo:acme/etl:ref:refs/heads/main']\n",
            json!({
                "aud": "ocient", "sub": "repo:acme/etl:ref:refs/heads/main", "repository": "acme/etl",
                "ref": "refs/heads/main", "actor": "alice", "event_name": "push",
            }),
        ),
        id(
            "GitLab CI",
            Some("JWT"),
            "project_path:acme/etl:ref_type:branch:ref:main",
            &[("flows", "['token']"), ("username_claim", "'sub'")],
            "users = ['project_path:acme/etl:ref_type:branch:ref:main']\n",
            json!({
                "aud": "ocient", "sub": "project_path:acme/etl:ref_type:branch:ref:main",
                "project_path": "acme/etl", "user_login": "alice", "ref_protected": "true",
            }),
        ),
        id(
            "SPIFFE JWT-SVID",
            Some("JWT"),
            "spiffe://corp.example/etl/loader",
            &[("flows", "['token']"), ("username_claim", "'sub'")],
            "users = ['spiffe://corp.example/etl/loader']\n",
            json!({"aud": ["ocient"], "sub": "spiffe://corp.example/etl/loader"}),
        ),
    ]
}

impl Vendor {
    /// A site that is configured as its row says, or, without `keys`, as by default.
    async fn site(&self, has_keys: bool) -> Site {
        Site::with(|settings| {
            settings.login_mode();
            settings.grant(&format!("{}account = 'analyst'", self.grant));
            settings.set("sso", "default_database", "'retail_analytics'");
            settings.set("limits", "failed_signins_per_client", "1000000");
            settings.set("pass_through", "bearer", "false");
            for (key, value) in self.keys.iter().filter(|_| has_keys) {
                settings.provider(key, value);
            }
        })
        .await
    }

    /// Its token with `changes`, of which null takes a claim away.
    fn token(&self, site: &Site, changes: &Value) -> String {
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": site.provider.issuer(), "sub": "u-1", "iat": now, "nbf": now, "exp": now + 300,
        });
        for more in [&self.claims, changes] {
            extend(claims.as_object_mut().unwrap(), more.as_object().unwrap());
        }
        let payload = claims.to_string();
        let header = |token: TokenBuilder| token.header("typ", json!(self.typ));
        site.token(|token| header(token).raw_payload(&payload))
    }

    fn field(&self) -> &'static str {
        match self.kind {
            Kind::Access => "access_token",
            Kind::Id => "id_token",
        }
    }
}

fn extend(claims: &mut Map<String, Value>, more: &Map<String, Value>) {
    claims.extend(more.clone());
    claims.retain(|_, value| !value.is_null());
}

async fn sign_in(site: &Site, field: &str, token: &str) -> Answer {
    let answer = site
        .sso_token(json!({"database": RETAIL, field: token}))
        .await;
    if answer.status == 200 {
        note(answer.json()["access_token"].as_str().unwrap());
    }
    answer
}

async fn assert_gets_in(vendor: &Vendor, site: &Site) {
    let token = vendor.token(site, &json!({}));
    let name = vendor.name;
    let answer = site.query_as(&token).await;
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    let query = site.query(&site.client()).basic(vendor.field(), &token);
    assert_eq!(query.send().await.unwrap().status, 200, "{name}");
    let answer = sign_in(site, vendor.field(), &token).await;
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    assert_eq!(answer.json()["username"], vendor.username, "{name}");
}

async fn assert_shut_out(vendor: &Vendor, site: &Site, changes: Value) {
    let token = vendor.token(site, &changes);
    let case = format!("{}: {changes}", vendor.name);
    assert_eq!(site.query_as(&token).await.status, 401, "{case}");
    let answer = sign_in(site, vendor.field(), &token).await;
    assert_eq!(answer.status, 401, "{case}: {}", answer.text());
}

#[tokio::test]
async fn an_access_token_of_each_vendor_gets_in_with_its_keys_and_no_twin_of_it_does() {
    let vendors = access_tokens();
    assert_eq!(vendors.len(), 14);
    for vendor in &vendors {
        let site = vendor.site(true).await;
        assert_gets_in(vendor, &site).await;
        let asked = site.node.requests().len();
        let is_by_party = vendor
            .keys
            .iter()
            .any(|(key, _)| *key == "authorized_parties");
        for changes in [
            json!({"iss": "https://evil.example/"}),
            json!({"aud": "urn:other", "azp": "other"}),
            json!({"aud": "urn:other", "client_id": "other"}),
            json!({"aud": null, "cid": "other"}),
            json!({"typ": "Refresh"}),
            json!({"token_use": "refresh"}),
            json!({"cnf": {"jkt": "x"}}),
            json!({"exp": 1}),
        ] {
            assert_shut_out(vendor, &site, changes).await;
        }
        if is_by_party {
            assert_shut_out(vendor, &site, json!({"azp": "other"})).await;
            assert_shut_out(vendor, &site, json!({"azp": null, "client_id": null})).await;
        }
        // No ID token where an access token is wanted, nor the reverse.
        let token = vendor.token(&site, &json!({}));
        assert_refused(
            &sign_in(&site, "id_token", &token).await,
            401,
            -1236,
            vendor.name,
        );
        if vendor.typ != Some("at+jwt") {
            let id_token = vendor.token(&site, &json!({"nonce": "n"}));
            let answer = sign_in(&site, "access_token", &id_token).await;
            assert_refused(&answer, 401, -1236, vendor.name);
        }
        assert_eq!(site.node.requests().len(), asked, "{}", vendor.name);
    }
}

#[tokio::test]
async fn an_id_token_of_each_vendor_gets_in_with_its_keys_and_no_twin_of_it_does() {
    let vendors = id_tokens();
    assert_eq!(vendors.len(), 6);
    for vendor in &vendors {
        let site = vendor.site(true).await;
        assert_gets_in(vendor, &site).await;
        let asked = site.node.requests().len();
        for changes in [
            json!({"iss": "https://evil.example/"}),
            json!({"aud": "urn:other"}),
            json!({"aud": ["ocient", "urn:other"], "azp": null}),
            json!({"azp": "other"}),
            json!({"events": {}}),
            json!({"cnf": {"jkt": "x"}}),
            json!({"exp": null}),
        ] {
            assert_shut_out(vendor, &site, changes).await;
        }
        let token = vendor.token(&site, &json!({}));
        let answer = sign_in(&site, "access_token", &token).await;
        assert_refused(&answer, 401, -1236, vendor.name);
        assert_eq!(site.node.requests().len(), asked, "{}", vendor.name);
    }
}

#[tokio::test]
async fn nothing_is_taken_of_a_vendor_without_the_key_that_it_needs() {
    for vendor in access_tokens() {
        // Its `aud` and `azp` are those of an ID token for us, as which it is judged then.
        if vendor.name == "authentik" {
            continue;
        }
        let site = vendor.site(false).await;
        assert_shut_out(&vendor, &site, json!({})).await;
        assert!(site.node.requests().is_empty(), "{}", vendor.name);
    }
}

const DOCUMENT: &str = include_str!("../../docs/providers.md");

#[test]
fn every_vendor_has_its_row_and_every_row_says_what_does_not_work() {
    for vendor in access_tokens().iter().chain(&id_tokens()) {
        let row = format!("\n| {} |", vendor.name);
        let (_, row) = DOCUMENT.split_once(&row).expect(vendor.name);
        let row = row.lines().next().unwrap();
        for (key, _) in vendor.keys {
            assert!(row.contains(&format!("`{key}")), "{}: {key}", vendor.name);
        }
        assert!(row.split('|').nth(1).unwrap().len() > 10, "{}", vendor.name);
    }
}
