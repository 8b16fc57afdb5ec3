//! The honest flows.

use super::*;

#[tokio::test]
async fn a_code_becomes_an_id_token_that_verifies_with_every_algorithm() {
    let site = Site::start();
    for algorithm in Algorithm::ALL {
        site.provider.sign_with(algorithm);
        let parameters = site.authorize("ocient").await;
        assert_eq!(value(&parameters, "state"), STATE);
        assert_eq!(value(&parameters, "iss"), site.provider.issuer());
        let tokens = site.redeem(value(&parameters, "code")).await.json();
        let id_token = tokens["id_token"].as_str().unwrap();
        let claims = site.verify(id_token, "ocient").await;
        let claims = claims.unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
        assert_eq!(claims["preferred_username"], "alice");
        assert_eq!(claims["groups"], json!(["analysts", "ocient-users"]));
        assert_eq!(claims["nonce"], NONCE);
        let access_token = tokens["access_token"].as_str().unwrap();
        let claims = site.verify(access_token, "ocient").await.unwrap();
        assert_eq!(claims["client_id"], "ocient");
        let header = jsonwebtoken::decode_header(access_token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    }
    assert_eq!(site.provider.fetches("token"), 5);
}

#[tokio::test]
async fn a_code_serves_once_and_only_with_its_verifier() {
    let site = Site::start();
    let parameters = site.authorize("ocient").await;
    let code = value(&parameters, "code");
    let tokens = site.redeem(code).await.json();
    let again = site.redeem(code).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(again.json()["error"], "invalid_grant");
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert!(!site.provider.is_refresh_token_good(refresh_token));

    let parameters = site.authorize("ocient").await;
    let wrong = "x".repeat(43);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", value(&parameters, "code")),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &wrong),
    ];
    let refused = site.token_request(&fields).await;
    assert_eq!(refused.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn clients_authenticate_in_their_own_way_only() {
    let site = Site::start();
    let parameters = site.authorize("ocient-public").await;
    let url = site.provider.url("token");
    let fields = |extra: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", value(&parameters, "code")),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        fields.extend(extra);
        fields
    };
    let refusals = [
        (None, vec![("client_id", "ocient")]),
        (
            None,
            vec![("client_id", "ocient"), ("client_secret", "wrong")],
        ),
        (
            None,
            vec![("client_id", "ocient-public"), ("client_secret", "x")],
        ),
        (None, vec![("client_id", "nobody")]),
        (None, vec![]),
        (Some("wrong"), vec![]),
        (
            Some("ocient-secret"),
            vec![("client_secret", "ocient-secret")],
        ),
    ];
    for (basic, extra) in refusals {
        let mut request = site.client.post(&url).form(&fields(&extra));
        if let Some(secret) = basic {
            request = request.basic("ocient", secret);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(
            answer.status,
            StatusCode::UNAUTHORIZED,
            "{basic:?} {extra:?}"
        );
        assert_eq!(answer.json()["error"], "invalid_client");
    }
    let good = fields(&[("client_id", "ocient-public")]);
    let answer = site.client.post(&url).form(&good).send().await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_family() {
    let site = Site::start();
    let first = site.tokens().await;
    let refresh = |token: Value| {
        let site = &site;
        async move {
            let token = token["refresh_token"].as_str().unwrap();
            let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
            site.token_request(&fields).await
        }
    };
    let second = refresh(first.clone()).await.json();
    let third = refresh(second.clone()).await;
    assert_eq!(third.status, StatusCode::OK);
    let reused = refresh(first).await;
    assert_eq!(reused.json()["error"], "invalid_grant");
    let newest = refresh(third.json()).await;
    assert_eq!(newest.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn refused_consent_comes_back_as_access_denied() {
    let site = Site::start();
    site.provider.consent(false);
    let parameters = site.authorize("ocient").await;
    assert_eq!(value(&parameters, "error"), "access_denied");
    assert_eq!(value(&parameters, "state"), STATE);
    assert_eq!(value(&parameters, "iss"), site.provider.issuer());
}

#[tokio::test]
async fn an_unregistered_redirect_uri_gets_no_redirect() {
    let site = Site::start();
    let url = site
        .authorization_url("ocient")
        .replace("%3A8443", "%3A8444");
    let answer = site.client.get(&url).send().await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn careless_authorization_requests_are_refused() {
    let site = Site::start();
    let good = site.authorization_url("ocient");
    let careless = [
        good.replace("S256", "plain"),
        good.replace(&format!("&nonce={NONCE}"), ""),
        good.replace(&format!("&state={STATE}"), "&state=1"),
        format!("{good}&nonce={NONCE}"),
    ];
    for url in careless {
        let answer = site.client.get(&url).send().await.unwrap();
        let parameters = callback_parameters(&answer);
        assert_eq!(value(&parameters, "error"), "invalid_request", "{url}");
    }
}

#[tokio::test]
async fn the_form_signs_in_with_the_right_password_only() {
    let site = Site::start_with(|options| options.interactive = true);
    let url = site.authorization_url("ocient");
    let form = site.client.get(&url).send().await.unwrap();
    assert!(form.text().contains("<form method=post>"));
    let choose = |password: &'static str, choice: &'static str| {
        let fields = [
            ("username", "bob"),
            ("password", password),
            ("choice", choice),
        ];
        site.client.post(&url).form(&fields).send()
    };
    let wrong = choose("wrong", "allow").await.unwrap();
    assert!(wrong.text().contains("role=alert"));
    let refused = choose("", "refuse").await.unwrap();
    let parameters = callback_parameters(&refused);
    assert_eq!(value(&parameters, "error"), "access_denied");
    let right = choose("bob-password", "allow").await.unwrap();
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    let tokens = site
        .redeem(value(&callback_parameters(&right), "code"))
        .await;
    let id_token = tokens.json()["id_token"].as_str().unwrap().to_owned();
    let claims = site.verify(&id_token, "ocient").await.unwrap();
    assert_eq!(claims["preferred_username"], "bob");
}
