//! Relying-party tests about ID tokens: who signed them, for whom, in which sign-in.
use crate::{
    rp::{accepts, assert_no_sign_in, assert_signs_in, judging, refuses},
    site::authority,
};
use sidecar_testkit::provider::{Algorithm, Lie, ProviderOptions};

#[tokio::test]
async fn rp_nonce_invalid() {
    refuses(&[Lie::WrongNonce], 401, -1231).await;
}

#[tokio::test]
async fn rp_nonce_missing() {
    refuses(&[Lie::MissingNonce], 401, -1231).await;
}

#[tokio::test]
async fn rp_id_token_aud() {
    refuses(&[Lie::WrongAudience], 401, -1233).await;
}

#[tokio::test]
async fn rp_id_token_aud_missing() {
    refuses(&[Lie::MissingAudience], 401, -1233).await;
}

#[tokio::test]
async fn rp_id_token_issuer_mismatch() {
    refuses(&[Lie::WrongIssuer], 401, -1232).await;
}

#[tokio::test]
async fn rp_id_token_iat() {
    refuses(&[Lie::MissingIssuedAt], 401, -1231).await;
}

#[tokio::test]
async fn rp_id_token_sub() {
    refuses(&[Lie::MissingSubject], 401, -1231).await;
}

#[tokio::test]
async fn rp_id_token_exp_missing() {
    refuses(&[Lie::MissingExpiry], 401, -1231).await;
}

#[tokio::test]
async fn rp_id_token_expired() {
    refuses(&[Lie::Expired], 401, -1228).await;
}

/// A wrong signature in this algorithm; a right one in the same signs in.
async fn refuses_a_bad_signature(algorithm: Algorithm) {
    let site = judging(ProviderOptions::new(&authority()), |_| {}).await;
    site.provider.sign_with(algorithm);
    assert_signs_in(&site).await;
    assert_no_sign_in(&site, &[Lie::BadSignature], 401, -1234).await;
    assert_no_sign_in(&site, &[Lie::ForeignKey], 401, -1234).await;
}

#[tokio::test]
async fn rp_id_token_bad_sig_rs256() {
    refuses_a_bad_signature(Algorithm::RS256).await;
}

#[tokio::test]
async fn rp_id_token_bad_sig_es256() {
    refuses_a_bad_signature(Algorithm::ES256).await;
}

#[tokio::test]
async fn rp_id_token_bad_sig_hs256() {
    refuses(&[Lie::Hs256WithPublicKey], 401, -1235).await;
}

/// The suite lets it pass where HS256 is registered; here it cannot be.
#[tokio::test]
async fn rp_id_token_sig_hs256() {
    refuses(&[Lie::Hs256WithClientSecret], 401, -1235).await;
}

/// The suite lets either pass.
#[tokio::test]
async fn rp_id_token_sig_none() {
    refuses(&[Lie::AlgorithmNone], 401, -1235).await;
}

#[tokio::test]
async fn rp_id_token_sig_null() {
    refuses(&[Lie::AlgorithmNull], 401, -1235).await;
}

/// Encrypted ID tokens are not supported: nothing in one may be believed.
#[tokio::test]
async fn rp_id_token_sig_enc() {
    refuses(&[Lie::Encrypted], 401, -1235).await;
}

async fn accepts_the_algorithm(algorithm: Algorithm) {
    let site = judging(ProviderOptions::new(&authority()), |_| {}).await;
    site.provider.sign_with(algorithm);
    assert_signs_in(&site).await;
}

#[tokio::test]
async fn rp_id_token_sig_rs256() {
    accepts_the_algorithm(Algorithm::RS256).await;
}

#[tokio::test]
async fn rp_id_token_sig_ps256() {
    accepts_the_algorithm(Algorithm::PS256).await;
}

#[tokio::test]
async fn rp_id_token_sig_es256() {
    accepts_the_algorithm(Algorithm::ES256).await;
}

#[tokio::test]
async fn rp_id_token_sig_es384() {
    accepts_the_algorithm(Algorithm::ES384).await;
}

#[tokio::test]
async fn rp_id_token_sig_eddsa() {
    accepts_the_algorithm(Algorithm::EdDSA).await;
}

/// Another algorithm than the registered one, under a key of the provider made for it.
#[tokio::test]
async fn rp_id_token_sig_alternate() {
    let site = judging(ProviderOptions::new(&authority()), |settings| {
        settings.provider("algorithms", "['RS256']");
    })
    .await;
    assert_signs_in(&site).await;
    for other in [Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA] {
        site.provider.sign_with(other);
        assert_no_sign_in(&site, &[], 401, -1235).await;
    }
}

#[tokio::test]
async fn rp_id_token_bad_at_hash() {
    refuses(&[Lie::BadAtHash], 401, -1231).await;
}

/// It is optional in the code flow (OpenID Connect Core section 3.1.3.6).
#[tokio::test]
async fn rp_id_token_missing_at_hash() {
    accepts(&[Lie::MissingAtHash]).await;
}

/// The claim is the hybrid flow's; where it is given it has to be right all the same.
#[tokio::test]
async fn rp_id_token_bad_c_hash() {
    refuses(&[Lie::BadCodeHash], 401, -1231).await;
}
