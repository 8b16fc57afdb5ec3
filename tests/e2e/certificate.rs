//! Certificate files on a file system that answers no more.

use std::{
    fs::{self, OpenOptions},
    process::Command,
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};

use crate::site::{Site, Whoami, assert_is};

/// The files are looked at every ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_key_file_that_never_comes_keeps_out_nobody_and_holds_up_no_stop() {
    let mut site = Site::without_processes("web-rs256", &[]).await;
    site.restart_sidecar_on_one_cpu(); // one thread for all that is no query
    // Whoever reads a pipe waits until its writer, who is here, has written.
    let pipe = site.file("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo starts").success());
    let key = site.file("sidecar.key");
    fs::rename(pipe, &key).unwrap();
    let opening = spawn_blocking(move || OpenOptions::new().write(true).open(key));
    let opened = timeout(PATIENCE, opening).await;
    let writer = opened.expect("it is looked at").unwrap().unwrap();
    let answer = timeout(PATIENCE, site.whoami(Whoami::Basic("admin", "admin")));
    assert_is(
        &answer.await.expect("a new connection is accepted"),
        "admin",
    );
    assert_eq!(site.stop_sidecar().code(), Some(0));
    drop(writer);
}
