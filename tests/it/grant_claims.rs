//! Grants by claims, and those that deny: whom they let in, by every way in, and whom they never do.
use crate::{
    rp::{assert_no_sign_in, assert_signs_in},
    site::{Settings, Site, assert_refused, authority, note},
};
use serde_json::{Value, json};
use sidecar_testkit::{
    provider::{Lie, Provider, ProviderOptions},
    sql_node::{RETAIL, SqlNodeOptions},
};

/// A platform whose tokens everybody can have: what grants say of it, what the token of ours says,
/// and what those of others do.
struct Platform {
    name: &'static str,
    grant: &'static str,
    ours: Value,
    others: Vec<Value>,
}

fn platforms() -> [Platform; 6] {
    [
        Platform {
            name: "Google",
            grant: "claims = { hd = ['example.com'] }",
            ours: json!({"hd": "example.com", "sub": "1150", "email": "alice@example.com"}),
            others: vec![
                json!({"sub": "1151", "email": "eve@example.com"}),
                json!({"hd": "evil.example", "email": "eve@example.com"}),
                json!({"hd": "example.com.evil.example"}),
                json!({"hd": ["x", ["example.com"]]}),
            ],
        },
        Platform {
            name: "Entra, several tenants",
            grant: "claims = { tid = ['72f988bf-86f1-41af-91ab-2d7cd011db47'] }",
            ours: json!({"tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "ver": "2.0"}),
            others: vec![
                json!({"tid": "9188040d-6c67-4c5b-b112-36a304b66dad", "ver": "2.0"}),
                json!({}),
            ],
        },
        Platform {
            name: "Kubernetes service account",
            grant: "claims = { sub = ['system:serviceaccount:etl:*'] }",
            ours: json!({"sub": "system:serviceaccount:etl:loader"}),
            others: vec![
                json!({"sub": "system:serviceaccount:etl-evil:loader"}),
                json!({"sub": "system:serviceaccount:default:etl"}),
                json!({"sub": "system:serviceaccount:etl:x:y"}),
            ],
        },
        Platform {
            name: "GitHub Actions",
            grant: "claims = { repository = ['acme/*'], ref = ['refs/heads/main'] }",
            ours: json!({"repository": "acme/etl", "ref": "refs/heads/main", "sub": "repo:acme/etl:ref:refs/heads/main"}),
            others: vec![
                json!({"repository": "acme-evil/etl", "ref": "refs/heads/main"}),
                json!({"repository": "acme/etl", "ref": "refs/heads/fork"}),
                json!({"repository": "acme/etl"}),
                json!({"repository": "evil/acme/etl", "ref": "refs/heads/main"}),
            ],
        },
        Platform {
            name: "GitLab CI",
            grant: "claims = { project_path = 'acme/etl', ref_protected = 'true' }",
            ours: json!({"project_path": "acme/etl", "ref_protected": "true", "sub": "project_path:acme/etl:ref_type:branch:ref:main"}),
            others: vec![
                json!({"project_path": "acme/etl", "ref_protected": "false"}),
                json!({"project_path": "evil/etl", "ref_protected": "true"}),
            ],
        },
        Platform {
            name: "SPIFFE JWT-SVID",
            grant: "claims = { sub = 'spiffe://prod.example/ns/etl/sa/*' }",
            ours: json!({"sub": "spiffe://prod.example/ns/etl/sa/loader"}),
            others: vec![
                json!({"sub": "spiffe://dev.example/ns/etl/sa/loader"}),
                json!({"sub": "spiffe://prod.example/ns/etl/sa/x/y"}),
            ],
        },
    ]
}

fn token_with(site: &Site, claims: &Value) -> String {
    site.token(|mut token| {
        for (name, value) in claims.as_object().unwrap() {
            token = token.claim(name, value.clone());
        }
        token
    })
}

/// Whom these grants fit becomes the account of the analysts.
fn for_analysts(settings: &mut Settings, grants: &[&str]) {
    settings.login_mode();
    for grant in grants {
        let account = match grant.contains("deny") {
            true => "",
            false => "\naccount = 'analyst'",
        };
        settings.grant(&format!("{grant}{account}"));
    }
    settings.set("sso", "default_database", "'retail_analytics'");
    settings.set("limits", "failed_signins_per_client", "1000000");
}

#[tokio::test]
async fn of_a_platform_that_is_everybodys_only_who_has_our_claims_gets_in() {
    for platform in platforms() {
        let site = Site::with(|settings| {
            for_analysts(settings, &[platform.grant]);
            settings.provider("flows", "['token']");
            settings.provider("username_claim", "'sub'");
        })
        .await;
        for claims in &platform.others {
            let token = token_with(&site, claims);
            let case = format!("{}: {claims}", platform.name);
            assert_refused(&site.query_as(&token).await, 403, -719, &case);
            assert_refused(&site.exchange(&token).await, 403, -719, &case);
        }
        assert!(site.node.requests().is_empty(), "{}", platform.name);
        let token = token_with(&site, &platform.ours);
        let name = platform.name;
        assert_eq!(site.query_as(&token).await.status, 200, "{name}");
        assert_eq!(site.exchange(&token).await.status, 200, "{name}");
    }
}

const OF_EXAMPLE: &str = "claims = { hd = ['example.com'] }";

#[tokio::test]
async fn nor_does_anybody_else_at_a_sign_in_by_browser() {
    let site = Site::with(|settings| for_analysts(settings, &[OF_EXAMPLE])).await;
    for value in [
        json!("evil.example"),
        json!(null),
        json!({"a": 1}),
        json!(7.5),
    ] {
        let lie = Lie::IdTokenClaim("hd", value);
        assert_no_sign_in(&site, &[lie], 403, -719).await;
    }
    site.provider
        .lie(Lie::IdTokenClaim("hd", "example.com".into()));
    assert_signs_in(&site).await;
}

#[tokio::test]
async fn nor_where_introspection_tells_the_claims() {
    let mut options = ProviderOptions::new(&authority());
    options.opaque_access_tokens = true;
    let provider = Provider::start(options);
    let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        for_analysts(settings, &[OF_EXAMPLE]);
        settings.provider("introspection", "true");
    })
    .await;
    for (value, status) in [("evil.example", 403), ("example.com", 200)] {
        site.provider.be_honest();
        site.provider
            .lie(Lie::IntrospectedMember("hd", value.into()));
        let token = site.provider.access_token("ocient", "alice");
        note(&token);
        assert_eq!(site.query_as(&token).await.status, status, "{value}");
    }
}

#[tokio::test]
async fn who_is_denied_stays_out_whatever_follows() {
    let deny = "deny = true\nclaims = { '/org/status' = ['suspended'] }";
    let site = Site::with(|settings| for_analysts(settings, &[deny, "users = ['alice']"])).await;
    for (org, status) in [
        (json!({"status": "active"}), 200),
        (json!({}), 200),
        (json!({"status": "suspended"}), 403),
        (json!({"status": ["active", "suspended"]}), 403),
        (json!({"status": [["suspended"]]}), 403),
    ] {
        let token = token_with(&site, &json!({"org": org}));
        assert_eq!(site.query_as(&token).await.status, status, "{org}");
        assert_eq!(site.exchange(&token).await.status, status, "{org}");
    }
}

/// Restarts the sidecar with one more grant before the others that it has.
async fn restarted_with(site: &mut Site, grants: &[&str]) {
    site.stop_sidecar().await;
    site.settings.no_grants();
    for grant in grants {
        site.settings.grant(grant);
    }
    site.start_sidecar().await;
}

#[tokio::test]
async fn a_session_that_did_not_keep_a_claim_gets_nothing_by_it_and_hides_nothing_by_it() {
    let mut site = Site::with(|settings| {
        settings.set("sessions", "store", "'embedded'");
        settings.set("sessions", "path", "'sessions.redb'");
        settings.grant("users = ['alice']");
    })
    .await;
    let session = site.session_of("alice", RETAIL).await;
    assert_eq!(site.query_as(&session).await.status, 200);
    // By a grant that gives, nobody becomes somebody of example.com who was not asked for it.
    restarted_with(&mut site, &[OF_EXAMPLE]).await;
    assert_refused(&site.query_as(&session).await, 403, -719, "gives");
    restarted_with(
        &mut site,
        &[
            "deny = true\nclaims = { hd = 'evil.example' }",
            "users = ['alice']",
        ],
    )
    .await;
    assert_refused(
        &site.query_as(&session).await,
        401,
        -733,
        "denies by a claim",
    );
    restarted_with(
        &mut site,
        &["deny = true\ngroups = ['contractors']", "users = ['alice']"],
    )
    .await;
    assert_refused(
        &site.query_as(&session).await,
        401,
        -733,
        "denies by a group",
    );
    let again = site.session_of("alice", RETAIL).await;
    assert_eq!(site.query_as(&again).await.status, 200, "signed in again");
    restarted_with(&mut site, &["users = ['alice']"]).await;
    assert_eq!(
        site.query_as(&session).await.status,
        200,
        "it was not ended"
    );
}

#[tokio::test]
async fn a_refresh_that_leaves_a_claim_out_lets_nobody_slip_by() {
    for (grants, status, code) in [
        (
            &[
                "deny = true\nclaims = { hd = 'evil.example' }",
                "users = ['alice']",
            ][..],
            401,
            -733,
        ),
        (&[OF_EXAMPLE], 403, -719),
    ] {
        let site = Site::with(|settings| for_analysts(settings, grants)).await;
        site.provider
            .lie(Lie::IdTokenClaim("hd", "example.com".into()));
        let session = site.refreshable().await;
        assert_eq!(site.query_as(&session).await.status, 200, "{grants:?}");
        site.provider.be_honest();
        assert_refused(&site.refresh(&session).await, status, code, "left out");
        assert_refused(&site.query_as(&session).await, status, code, "left out");
        site.provider
            .lie(Lie::IdTokenClaim("hd", "example.com".into()));
        let again = site.refreshable().await;
        assert_eq!(site.query_as(&again).await.status, 200, "{grants:?}");
    }
}
