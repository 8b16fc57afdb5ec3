//! A lying provider: what it says in a sign-in is refused, and begins nothing.
use crate::{
    rp::{assert_no_sign_in, settled},
    site::{Site, authority},
};
use sidecar_testkit::{
    provider::{Endpoint, Lie, Provider, ProviderOptions},
    sql_node::SqlNodeOptions,
};

#[tokio::test]
async fn further_lies_in_an_id_token_are_refused_with_their_codes() {
    let site = settled().await;
    for (lie, status, code) in [
        (Lie::SeveralAudiences, 401, -1233),
        (Lie::ForeignAuthorizedParty, 401, -1233),
        (Lie::IssuedInFuture, 401, -1231),
        (Lie::NotYetValid, 401, -1231),
        (Lie::ForeignKey, 401, -1234),
        (Lie::UnknownKeyId, 401, -1229),
        (Lie::WrongType, 401, -1236),
        (Lie::Critical, 401, -1235),
    ] {
        assert_no_sign_in(&site, &[lie], status, code).await;
    }
    site.signed_in_as("alice").await; // and honestly it works
}

#[tokio::test]
async fn lies_in_a_token_answer_are_refused_with_their_codes() {
    let site = settled().await;
    let token = Endpoint::Token;
    for (lie, status, code) in [
        (Lie::TokenError(400, "invalid_grant"), 400, -1203),
        (Lie::TokenError(401, "invalid_client"), 502, -1250),
        (Lie::TokenError(400, "unauthorized_client"), 502, -1250),
        (Lie::MacTokenType, 502, -1222),
        (Lie::NoIdToken, 502, -1222),
        (Lie::ServerError(token), 502, -1222),
        (Lie::NotJson(token), 502, -1222),
        (Lie::EndlessBody(token), 502, -1222),
        (Lie::CompressedBomb(token), 502, -1222),
        (Lie::Redirect(token), 502, -1222),
        (Lie::BrokenOff(token), 503, -1220),
    ] {
        assert_no_sign_in(&site, &[lie], status, code).await;
    }
    site.signed_in_as("alice").await;
}

#[tokio::test]
async fn doubled_parameters_on_the_way_back_are_refused_before_the_code_goes_out() {
    let site = settled().await;
    for (lie, status, code) in [
        (Lie::DuplicateState, 400, -1254),
        (Lie::DuplicateCode, 400, -1254),
    ] {
        assert_no_sign_in(&site, &[lie], status, code).await;
    }
    assert_eq!(site.provider.fetches("token"), 0);
}

#[tokio::test]
async fn odd_but_honest_key_sets_and_tokens_are_understood() {
    for lies in [
        vec![Lie::ThousandKeys],
        vec![Lie::BytesOfKeys(1_000_000)],
        vec![Lie::DuplicateKeyIds],
        vec![Lie::UnusableKeys],
        vec![Lie::EndlessExpiry],
        vec![Lie::WrongContentType(Endpoint::Jwks)],
    ] {
        let provider = Provider::start(ProviderOptions::new(&authority()));
        lies.iter().for_each(|lie| provider.lie(lie.clone()));
        let site = Site::with_parts(provider, SqlNodeOptions::default(), |settings| {
            // The account's: the node's own reader may be stricter.
            settings.login_mode();
            settings.grant("groups = ['analysts']\naccount = 'analyst'");
        })
        .await;
        let client = site.client();
        let begun = site.begin(&client, "database=retail_analytics").await;
        assert_eq!(begun.status, 302, "{lies:?}: {}", begun.text());
        let back = site.at_provider(&client, &begun).await;
        let answer = client.get(back.as_str()).send().await.unwrap();
        assert_eq!(answer.status, 200, "{lies:?}: {}", answer.text());
    }
}
