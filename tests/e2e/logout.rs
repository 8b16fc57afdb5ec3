//! What the certified provider ends here, and what it renews.

use crate::site::{SECRET_IN_FILE, SESSION, Site, Whoami, assert_is, assert_refused};

#[tokio::test]
async fn a_logout_at_the_provider_ends_the_users_sessions_here_and_nobody_elses() {
    // One client's logout tokens name the person alone, the other's the session, too.
    for client_id in ["web-rs256", "web-es256"] {
        let site = Site::start(client_id).await;
        let (alice, bob) = (site.signed_in("alice").await, site.signed_in("bob").await);
        let token = alice.cookies().find(SESSION).expect("a session").value;
        assert_is(&site.whoami(Whoami::Cookie(&alice)).await, "alice");
        assert_eq!(site.provider().log_out(client_id, "alice").await, 1);
        assert_refused(&site.whoami(Whoami::Cookie(&alice)).await, 401, -1204);
        assert_refused(&site.whoami(Whoami::Bearer(&token)).await, 401, -1204);
        assert_is(&site.whoami(Whoami::Cookie(&bob)).await, "bob");
    }
}

#[tokio::test]
async fn a_session_is_refreshed_with_rotation() {
    let site = Site::start("web-rs256").await;
    let alice = site.signed_in("alice").await;
    assert_eq!(site.provider().refresh_tokens().await, (0, 1));
    let answer = site.post(&alice, "token_refresh").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(site.provider().refresh_tokens().await, (1, 1));
    assert_is(&site.whoami(Whoami::Cookie(&alice)).await, "alice");
    let answer = site.post(&alice, "logout").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    while site.provider().refresh_tokens().await.1 > 0 {
        tokio::task::yield_now().await; // it is revoked in the background
    }
}

/// The provider cannot know that its answer was lost. It takes the second use of the old refresh
/// token for a theft, and ends the sign-in with all its tokens (RFC 9700 section 4.14.2).
#[tokio::test]
async fn a_rotation_whose_answer_is_lost_ends_the_session_at_the_next_one_and_not_before() {
    let mut site = Site::start("web-rs256").await;
    let alice = site.signed_in("alice").await;
    assert_is(&site.whoami(Whoami::Cookie(&alice)).await, "alice");
    site.provider().lose_answer().await;
    let lost = site.post(&alice, "token_refresh").await;
    assert_refused(&lost, 503, -1220);
    assert_eq!(site.provider().refresh_tokens().await, (1, 1));
    assert_is(&site.whoami(Whoami::Cookie(&alice)).await, "alice");

    // The pause after a failure is over then.
    site.restart_sidecar_as("web-rs256", SECRET_IN_FILE);
    let refused = site.post(&alice, "token_refresh").await;
    assert_refused(&refused, 401, -733);
    assert_eq!(site.provider().refresh_tokens().await, (0, 0));
    assert_refused(&site.whoami(Whoami::Cookie(&alice)).await, 401, -1204);
}
