//! Introspection, devices, pushed requests and signed client names.

use super::*;

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
