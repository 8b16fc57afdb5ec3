//! The disk is full, and then no longer.

use std::process::Command;

use http::StatusCode;
use sidecar_testkit::client::{Answer, Client};

use crate::site::{Site, Whoami, assert_is, assert_refused};

#[tokio::test]
async fn a_full_disk_stops_sign_ins_alone_and_only_while_it_is_full() {
    let mut site = Site::start("web-rs256").await;
    site.restart_sidecar_without_file_size_signal();
    let alice = site.signed_in("alice").await;
    allow_files_of(&site, "0");
    let refused = try_to_sign_in(&site).await;
    assert_refused(&refused, 503, -206);
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_is(&site.whoami(Whoami::Cookie(&alice)).await, "alice");
    assert_is(&site.whoami(Whoami::Basic("admin", "admin")).await, "admin");
    assert_refused(&try_to_sign_in(&site).await, 503, -206);
    allow_files_of(&site, "unlimited");
    // The file is opened anew after a second at the latest.
    let mut answer = try_to_sign_in(&site).await;
    for _ in 0..100 {
        if answer.status == StatusCode::OK {
            break;
        }
        assert_refused(&answer, 503, -206);
        answer = try_to_sign_in(&site).await;
    }
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_is(&site.whoami(Whoami::Cookie(&alice)).await, "alice");
}

async fn try_to_sign_in(site: &Site) -> Answer {
    let browser: Client = site.browser();
    let url = site.begin(&browser, "").await;
    let callback = site.provider().sign_in(&url, "alice").await;
    site.come_back(&browser, callback.as_str(), "application/json")
        .await
}

/// What a full disk does, done to one process: its files cannot grow. (`prlimit` is of util-linux.)
fn allow_files_of(site: &Site, bytes: &str) {
    let process = site.sidecar().id().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &process, &format!("--fsize={bytes}:unlimited")])
        .status()
        .expect("prlimit starts");
    assert!(limited.success());
}
