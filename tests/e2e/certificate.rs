//! Certificate files on a file system that does not answer.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use crate::{
    parts::{other_log, python},
    process::Process,
    site::{Site, Whoami, assert_is, write},
};

/// Nothing here takes so long by right.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_key_file_that_does_not_answer_keeps_out_nobody_and_holds_up_no_stop() {
    let mut site = Site::without_processes("web-rs256", &[]).await;
    site.restart_sidecar_on_one_cpu(); // one thread for all that is no query
    let lease = replace_certificate_with_leased_key(&site);
    lease.line(|line| line == "asked for");
    let answer = timeout(PATIENCE, site.whoami(Whoami::Basic("admin", "admin")));
    assert_is(
        &answer.await.expect("a new connection is accepted"),
        "admin",
    );
    let says = |site: &Site, what: &str| site.sidecar().line(|line| line.contains(what));
    says(&site, "the certificate files do not answer");
    drop(lease);
    says(&site, "certificate replaced");

    let lease = replace_certificate_with_leased_key(&site);
    lease.line(|line| line == "asked for");
    let stopping = Instant::now();
    assert_eq!(site.stop_sidecar().code(), Some(0));
    assert!(stopping.elapsed() < PATIENCE, "{:?}", stopping.elapsed());
}

/// Whoever opens the new key waits until the process that holds a lease on it gives it back, or
/// 45 seconds have gone by.
fn replace_certificate_with_leased_key(site: &Site) -> Process {
    let issued = site.authority.issue(&["127.0.0.1", "localhost"]);
    let [chain, key] = ["new.crt", "new.key"].map(|name| site.file(name));
    write(&chain, &issued.cert_pem);
    write(&key, &issued.key_pem);
    let lease = leased(&key);
    fs::rename(chain, site.file("sidecar.crt")).expect("it was written");
    fs::rename(key, site.file("sidecar.key")).expect("it was written");
    lease
}

fn leased(path: &Path) -> Process {
    let mut command = Command::new(python());
    command.args(["-u", "-c", LEASE]).arg(path);
    let lease = Process::start("lease", command, other_log("lease"));
    lease.line(|line| line == "leased");
    lease
}

const LEASE: &str = "
import fcntl, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased')
signal.sigwait([signal.SIGIO])
print('asked for')
signal.pause()
";
