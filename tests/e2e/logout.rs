//! What the certified provider ends here, and what it renews.

use crate::site::{SESSION, Site, Whoami, assert_is, assert_refused};

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
    let refresh = alice
        .post(&format!("{}/v1/token_refresh", site.url))
        .header("origin", &site.url);
    let answer = refresh.send().await.expect("the sidecar answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(site.provider().refresh_tokens().await, (1, 1));
    assert_is(&site.whoami(Whoami::Cookie(&alice)).await, "alice");
    let logout = alice
        .post(&format!("{}/v1/logout", site.url))
        .header("origin", &site.url);
    let answer = logout.send().await.expect("the sidecar answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    while site.provider().refresh_tokens().await.1 > 0 {
        tokio::task::yield_now().await; // it is revoked in the background
    }
}
