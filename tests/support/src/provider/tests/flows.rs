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

#[tokio::test]
async fn introspection_userinfo_and_revocation_know_access_tokens() {
    let site = Site::start_with(|options| options.opaque_access_tokens = true);
    let token = site.provider.access_token("ocient", "bob");
    assert!(!token.contains('.'));
    let ask = |endpoint: &str| {
        let request = site.client.post(&site.provider.url(endpoint));
        let request = request.basic("ocient", "ocient-secret");
        request.form(&[("token", &token)]).send()
    };
    let known = ask("introspect").await.unwrap().json();
    assert_eq!(
        (&known["active"], &known["username"]),
        (&json!(true), &json!("bob"))
    );
    let userinfo = || {
        let request = site.client.get(&site.provider.url("userinfo"));
        request.bearer(&token).send()
    };
    assert_eq!(userinfo().await.unwrap().json()["sub"], "subject-of-bob");
    ask("revoke").await.unwrap();
    assert_eq!(
        ask("introspect").await.unwrap().json(),
        json!({"active": false})
    );
    assert_eq!(userinfo().await.unwrap().status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_device_waits_for_its_person() {
    let site = Site::start_with(|options| options.device_interval = Default::default());
    let start = site.client.post(&site.provider.url("device_authorization"));
    let start = start.form(&[("client_id", "ocient-public"), ("scope", "openid")]);
    let device = start.send().await.unwrap().json();
    let poll = || async {
        let fields = [
            ("grant_type", device::GRANT_TYPE),
            ("device_code", device["device_code"].as_str().unwrap()),
            ("client_id", "ocient-public"),
        ];
        let request = site.client.post(&site.provider.url("token"));
        request.form(&fields).send().await.unwrap().json()
    };
    assert_eq!(poll().await["error"], "authorization_pending");
    let user_code = device["user_code"].as_str().unwrap();
    assert!(site.provider.decide_device(user_code, Some("carol")));
    let tokens = poll().await;
    let id_token = tokens["id_token"].as_str().unwrap();
    let claims = site.verify(id_token, "ocient-public").await.unwrap();
    assert_eq!(claims["preferred_username"], "carol");
    assert_eq!(claims.get("groups"), None);
    assert_eq!(poll().await["error"], "invalid_grant");
}

#[tokio::test]
async fn an_impatient_device_is_slowed_down() {
    let site = Site::start();
    let start = site.client.post(&site.provider.url("device_authorization"));
    let start = start.form(&[("client_id", "ocient-public")]);
    let device = start.send().await.unwrap().json();
    assert_eq!(device["interval"], 5);
    let fields = [
        ("grant_type", device::GRANT_TYPE),
        ("device_code", device["device_code"].as_str().unwrap()),
        ("client_id", "ocient-public"),
    ];
    let errors = ["authorization_pending", "slow_down"];
    for error in errors {
        let request = site.client.post(&site.provider.url("token")).form(&fields);
        assert_eq!(request.send().await.unwrap().json()["error"], error);
    }
}

#[tokio::test]
async fn a_pushed_request_serves_once() {
    let site = Site::start_with(|options| options.requires_par = true);
    let whole = url::Url::parse(&site.authorization_url("ocient")).unwrap();
    let pairs: Vec<(String, String)> = whole.query_pairs().into_owned().collect();
    let fields: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (&**k, &**v)).collect();
    let push = site.client.post(&site.provider.url("par"));
    let push = push.basic("ocient", "ocient-secret").form(&fields);
    let pushed = push.send().await.unwrap();
    assert_eq!(pushed.status, StatusCode::CREATED, "{}", pushed.text());
    let mut url = url::Url::parse(&site.provider.url("authorize")).unwrap();
    url.query_pairs_mut()
        .append_pair("client_id", "ocient")
        .append_pair(
            "request_uri",
            pushed.json()["request_uri"].as_str().unwrap(),
        );
    for status in [StatusCode::SEE_OTHER, StatusCode::BAD_REQUEST] {
        let answer = site.client.get(url.as_str()).send().await.unwrap();
        assert_eq!(answer.status, status);
    }
    let unpushed = site.client.get(whole.as_str()).send().await.unwrap();
    assert_eq!(unpushed.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_may_sign_its_name_with_its_own_key_once() {
    let site = Site::start();
    let key = Arc::new(SigningKey::generate(Algorithm::ES256, 0));
    let mut entry = ClientEntry::public("signer").redirect(CALLBACK);
    entry.keys = Some(json!({"keys": [key.jwk()]}));
    site.provider.add_client(entry);
    let assertion = site
        .provider
        .mint()
        .claim("iss", "signer")
        .claim("sub", "signer")
        .claim("jti", "once")
        .audience(site.provider.url("token"))
        .signed_with(SignedWith::Key(key))
        .build();
    for (use_number, status) in [(1, StatusCode::OK), (2, StatusCode::UNAUTHORIZED)] {
        let parameters = site.authorize("signer").await;
        let request = site.client.post(&site.provider.url("token")).form(&[
            ("grant_type", "authorization_code"),
            ("code", value(&parameters, "code")),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ]);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status, status, "use {use_number}: {}", answer.text());
    }
}
