//! The name of a group is all of it, however the claim comes: who is in "Helpdesk Admins" is not in
//! "Admins".
use crate::{
    rp::{assert_no_sign_in, assert_signs_in},
    site::{Settings, Site, assert_refused, authority, note},
};
use serde_json::{Value, json};
use sidecar_testkit::{
    provider::{Lie, Provider, ProviderOptions},
    sql_node::{RETAIL, SqlNodeOptions},
};

/// Texts that hold the name of another group, at one of the places where lists are cut.
const OTHERS: [&str; 6] = [
    "Helpdesk Admins",
    "x,Admins",
    "x, Admins",
    " Admins",
    "x\nAdmins",
    "x;Admins",
];

/// Who is in this group alone becomes the account of the administrators.
fn for_admins(settings: &mut Settings) {
    settings.login_mode();
    settings.grant("groups = ['Admins']\naccount = 'analyst'");
    settings.set("sso", "default_database", "'retail_analytics'");
    settings.set("limits", "failed_signins_per_client", "1000000");
}

/// A provider of opaque access tokens, which are asked about.
async fn opaque_site() -> Site {
    let mut options = ProviderOptions::new(&authority());
    options.opaque_access_tokens = true;
    let provider = Provider::start(options);
    Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
        for_admins(settings);
        settings.provider("introspection", "true");
    })
    .await
}

/// The statuses of a query and of a sign-in with an access token that the provider gives now.
async fn with_access_token(site: &Site) -> [u16; 2] {
    let token = site.provider.access_token("ocient", "alice");
    note(&token);
    let query = site.query_as(&token).await.status.as_u16();
    let body = json!({"database": RETAIL, "access_token": token});
    let answer = site.sso_token(body).await;
    if answer.status == 200 {
        note(answer.json()["access_token"].as_str().unwrap());
    }
    [query, answer.status.as_u16()]
}

#[tokio::test]
async fn a_group_is_not_a_part_of_the_name_of_another() {
    let site = Site::with(for_admins).await;
    for text in OTHERS {
        for token in [
            site.token(|token| token.claim("groups", text)),
            site.token(|token| {
                token
                    .access_token()
                    .audience("ocient")
                    .claim("groups", text)
            }),
            site.token(|token| token.claim("groups", json!([text]))),
            site.token(|token| token.claim("groups", json!({text: {}}))),
        ] {
            assert_refused(&site.query_as(&token).await, 403, -719, text);
        }
        let token = site.token(|token| token.claim("groups", text));
        assert_refused(&site.exchange(&token).await, 403, -719, text);
    }
    assert!(site.node.requests().is_empty());
    for groups in [json!("Admins"), json!(["Admins"]), json!({"Admins": {}})] {
        let token = site.token(|token| token.claim("groups", groups.clone()));
        assert_eq!(site.query_as(&token).await.status, 200, "{groups}");
        assert_eq!(site.exchange(&token).await.status, 200, "{groups}");
    }
}

#[tokio::test]
async fn nor_is_it_at_a_sign_in_by_browser() {
    let site = Site::with(for_admins).await;
    for text in OTHERS {
        let lie = Lie::IdTokenClaim("groups", text.into());
        assert_no_sign_in(&site, &[lie], 403, -719).await;
    }
    site.provider.be_honest();
    site.provider
        .lie(Lie::IdTokenClaim("groups", "Admins".into()));
    assert_signs_in(&site).await;
}

#[tokio::test]
async fn nor_is_it_where_introspection_tells_the_groups() {
    let site = opaque_site().await;
    for (text, status) in OTHERS
        .map(|text| (text, 403))
        .into_iter()
        .chain([("Admins", 200)])
    {
        site.provider.be_honest();
        site.provider
            .lie(Lie::IntrospectedMember("groups", text.into()));
        assert_eq!(with_access_token(&site).await, [status; 2], "{text:?}");
    }
}

#[tokio::test]
async fn nor_is_it_where_userinfo_tells_the_groups() {
    let site = Site::with(|settings| {
        for_admins(settings);
        settings.provider("userinfo", "true");
    })
    .await;
    for (text, status) in OTHERS
        .map(|text| (text, 403))
        .into_iter()
        .chain([("Admins", 200)])
    {
        site.provider.be_honest();
        site.provider.lie(Lie::TokensLack("groups"));
        site.provider
            .lie(Lie::UserinfoMember("groups", text.into()));
        assert_eq!(with_access_token(&site).await, [status; 2], "{text:?}");
    }
}

#[tokio::test]
async fn a_claim_that_cannot_be_read_is_named_as_configured_where_a_grant_looks_at_it() {
    let with_grant = |grant: &'static str| {
        Site::with(move |settings| {
            settings.login_mode();
            settings.grant(grant);
            settings.set("sso", "default_database", "'retail_analytics'");
            settings.set("limits", "failed_signins_per_client", "1000000");
            settings.provider("groups_claim", "'roles'");
        })
    };
    let looks = with_grant("groups = ['analysts']\naccount = 'analyst'").await;
    let ignores = with_grant("users = ['alice']\naccount = 'analyst'").await;
    for roles in [
        json!(7),
        json!(["analysts", 7]),
        json!([["analysts"]]),
        json!([{"name": "analysts"}]),
        Value::from(vec!["analysts"; 1001]),
    ] {
        let token = looks.token(|token| token.claim("roles", roles.clone()));
        let answer = looks.query_as(&token).await;
        assert_refused(&answer, 401, -1231, "a grant looks at groups");
        let reason = answer.json()["status"]["reason"].to_string();
        assert!(reason.contains("claim roles cannot be read"), "{reason}");
        let token = ignores.token(|token| token.claim("roles", roles.clone()));
        let answer = ignores.query_as(&token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
