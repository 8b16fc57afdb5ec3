//! The forms, and what is written in config.toml for each.
use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Access,
    Id,
}

/// What is written in config.toml for a vendor, and what its tokens are.
pub(super) struct Vendor {
    pub(super) name: &'static str,
    pub(super) keys: &'static [(&'static str, &'static str)],
    pub(super) grant: &'static str,
    pub(super) kind: Kind,
    pub(super) typ: Option<&'static str>,
    pub(super) claims: Value,
    pub(super) username: &'static str,
}

const TENANT: &str = "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/";
const ADFS: &str = "http://adfs.example.com/adfs/services/trust";
const USERS: &str = "users = ['alice', 'alice@corp.example', 'etl-app']\n";
const GROUPS: &str = "groups = ['analysts']\n";

pub(super) fn access_tokens() -> Vec<Vendor> {
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

pub(super) fn id_tokens() -> Vec<Vendor> {
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
