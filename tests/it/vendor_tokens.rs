//! Tokens in the forms of providers and platforms, as their public documentation shows them; each with
//! the keys that docs/providers.md names for it, and with its negative twins. None was tried against
//! the vendor itself here.
mod forms;

use crate::site::{Site, assert_refused, note};
use forms::{Kind, Vendor, access_tokens, id_tokens};
use serde_json::{Map, Value, json};
use sidecar_testkit::{client::Answer, provider::TokenBuilder, sql_node::RETAIL};

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
