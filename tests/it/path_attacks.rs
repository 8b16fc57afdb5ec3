//! Attacks with spellings of a path.
use crate::site::{Site, assert_refused};

#[tokio::test]
async fn a_session_cannot_fetch_its_ocient_token_by_another_spelling_of_token_refresh() {
    let site = Site::start().await;
    let session = site.session_of("alice", "retail_analytics").await;
    site.node.clear_requests();
    for path in [
        "/v1/to%E2%84%AAen_refresh",
        "/v1/token_refresh%+9",
        "/v1%00:/token_refresh",
        "/%00info/v1%0b/token_refresh",
    ] {
        let request = site.client().post(&site.url(path)).bearer(&session);
        let answer = request.send().await.unwrap();
        assert_refused(&answer, 400, -1254, path);
    }
    assert!(site.node.requests().is_empty());
}
