//! Relying-party tests about the authorization request and the answers to it.
use crate::{
    rp::{accepts, assert_no_sign_in, refuses, refuses_before_the_code_goes_out, settled},
    site::{SESSION_COOKIE, Site, assert_refused, parameter, with_parameter},
};
use sidecar_testkit::provider::Lie;

/// What the sidecar asks the provider for, in a fresh attempt.
async fn asked(site: &Site, name: &str) -> Option<String> {
    let begun = site.begin(&site.client(), "").await;
    parameter(begun.header("location").unwrap(), name)
}

#[tokio::test]
async fn rp_response_type_code() {
    let site = accepts(&[]).await;
    assert_eq!(asked(&site, "response_type").await.as_deref(), Some("code"));
    let method = asked(&site, "code_challenge_method").await;
    assert_eq!(method.as_deref(), Some("S256"));
    assert_eq!(asked(&site, "response_mode").await, None, "the query");
}

/// The suite lets a code flow go without; ours always sends one, a new one each time.
#[tokio::test]
async fn rp_nonce_unless_code_flow() {
    let site = accepts(&[]).await;
    let (first, second) = (asked(&site, "nonce").await, asked(&site, "nonce").await);
    assert!(first.is_some() && second.is_some());
    assert_ne!(first, second);
}

#[tokio::test]
async fn rp_state_missing() {
    refuses_before_the_code_goes_out(&[Lie::MissingState], 400, -1254).await;
}

#[tokio::test]
async fn rp_state_invalid() {
    refuses_before_the_code_goes_out(&[Lie::WrongState], 400, -1203).await;
}

#[tokio::test]
async fn rp_response_iss_missing() {
    refuses_before_the_code_goes_out(&[Lie::MissingCallbackIssuer], 401, -1232).await;
}

#[tokio::test]
async fn rp_response_iss_invalid() {
    refuses_before_the_code_goes_out(&[Lie::WrongCallbackIssuer], 401, -1232).await;
}

/// Nobody asks for it, so a form that is posted to the callback is nobody's answer.
#[tokio::test]
async fn rp_response_mode_form_post() {
    let site = settled().await;
    let client = site.client();
    let back = site.nearly_signed_in(&client).await;
    let post = client.post(&site.url("/v1/callback"));
    let post = post.header("content-type", "application/x-www-form-urlencoded");
    let answer = post.body(back.query().unwrap().to_owned()).send().await;
    assert_refused(&answer.unwrap(), 405, -1254, "a form");
    assert_eq!(site.provider.fetches("token"), 0);
}

/// The error has its code, and nothing of what its author made up is shown.
#[tokio::test]
async fn rp_response_mode_form_post_error() {
    let site = settled().await;
    site.provider.lie(Lie::AuthorizationError("access_denied"));
    let story = "<script>alert(1)</script>\r\nx-evil: 1";
    for accept in ["application/json", "text/html"] {
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        let back = with_parameter(&back, "error_description", Some(story));
        let answer = client.get(back.as_str()).accept(accept).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 403, "{accept}: {}", answer.text());
        assert!(!answer.text().contains("alert("), "{}", answer.text());
        assert!(!answer.headers.contains_key("x-evil"), "{accept}");
        assert!(client.cookies().find(SESSION_COOKIE).is_none(), "{accept}");
    }
}

/// RFC 6749 section 5.1: the type is compared without case.
#[tokio::test]
async fn rp_token_type_without_case() {
    accepts(&[Lie::LowerCaseBearer]).await;
    refuses(&[Lie::MacTokenType], 502, -1222).await;
}

#[tokio::test]
async fn rp_token_error_with_403_and_an_unknown_code() {
    let site = settled().await;
    assert_no_sign_in(&site, &[Lie::TokenError(403, "made_up")], 502, -1221).await;
}
