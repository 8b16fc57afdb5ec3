//! The sidecar dies without warning.

use crate::site::{SESSION, Site, Whoami, assert_is, assert_refused};

#[tokio::test]
async fn a_session_survives_kill_9() {
    let mut site = Site::start("web-rs256").await;
    let browser = site.signed_in("alice").await;
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
    let killed = site.sidecar.take().expect("it runs").kill();
    assert!(!killed.success());
    site.provider = None; // what was stored has to be enough
    site.start_sidecar();
    assert_is(&site.whoami(Whoami::Cookie(&browser)).await, "alice");
}

#[tokio::test]
async fn a_session_that_was_ended_before_kill_9_stays_ended() {
    let mut site = Site::start("web-rs256").await;
    let browser = site.signed_in("alice").await;
    let token = browser.cookies().find(SESSION).expect("a session").value;
    let logout = browser
        .post(&format!("{}/v1/logout", site.url))
        .header("origin", &site.url);
    assert_eq!(logout.send().await.unwrap().status, 200);
    site.sidecar.take().expect("it runs").kill();
    site.start_sidecar();
    assert_refused(&site.whoami(Whoami::Bearer(&token)).await, 401, -1204);
}
