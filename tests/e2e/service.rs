//! The sidecar as a service: systemd's own opinion of the unit, readiness, stopping, exit codes.

use std::{
    fs,
    net::TcpStream,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixDatagram,
        process::CommandExt,
    },
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use crate::{
    parts::{ROOT, SIDECAR, require, sidecar_log},
    process::Process,
    site::Site,
};

#[test]
fn systemd_finds_no_mistake_in_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ocient-sidecar.socket");
    fs::copy(format!("{ROOT}/systemd/ocient-sidecar.socket"), &socket).unwrap();
    let unit = folder.path().join("ocient-sidecar.service");
    // The program is not installed where the tests run; all else is as shipped.
    let here = shipped_unit().replace("/usr/bin/ocient-sidecar", SIDECAR);
    assert!(here.contains(SIDECAR), "the unit starts the program");
    fs::write(&unit, here).unwrap();
    let verified = analyze(&[
        "verify",
        "--man=no",
        unit.to_str().unwrap(),
        socket.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success(), "{said}");
    // Unknown settings are warnings, with which it succeeds.
    assert!(!said.contains("ocient-sidecar"), "{said}");
}

#[test]
fn the_unit_exposes_less_than_2_of_10() {
    let unit = format!("{ROOT}/systemd/ocient-sidecar.service");
    let judged = analyze(&["security", "--offline=true", "--no-pager", &unit]);
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}");
    let (_, verdict) = said
        .split_once("Overall exposure level for ocient-sidecar.service: ")
        .unwrap_or_else(|| panic!("no verdict: {said}"));
    let score: f64 = verdict.split(' ').next().unwrap().parse().unwrap();
    assert!(score > 0.0 && score < 2.0, "{said}");
}

#[test]
fn the_unit_gives_the_drain_the_time_that_it_takes_by_default() {
    let (unit, config) = (shipped_unit(), include_str!("../../config.toml"));
    let drain = number(config, "drain_min = \"") + number(config, "drain_max = \"");
    let end = 15 + 5; // of what is written after it
    let stop = number(&unit, "\nTimeoutStopSec=");
    assert!(stop > drain + end, "all in seconds");
    let descriptors = number(&unit, "\nLimitNOFILE=");
    assert!(descriptors > 2 * number(config, "max_connections = "));
    assert!(unit.contains("\nRestartPreventExitStatus=78\n"));
}

#[test]
fn the_journal_takes_the_lines_of_more_requests_than_a_core_serves() {
    let unit = shipped_unit();
    assert!(unit.contains("\nLogRateLimitIntervalSec=1s\n"));
    // An access line and an audit line for each of 40,000.
    assert!(number(&unit, "\nLogRateLimitBurst=") >= 2 * 40_000);
}

#[tokio::test]
async fn lines_begin_with_their_severity_where_standard_error_is_the_journal_and_nowhere_else() {
    let this_pipe = "$(stat -L -c %d:%i /proc/self/fd/2)";
    for (stream, is_journal) in [(this_pipe, true), ("1:1", false), ("", false)] {
        let site = Site::without_processes("web-rs256", &[]).await;
        let path = site.file("config.toml");
        let good = fs::read_to_string(&path).unwrap();
        let start = |config: &str| {
            fs::write(&path, config).unwrap();
            let mut command = Command::new("sh");
            command
                .arg("-c")
                .arg(format!("JOURNAL_STREAM={stream} exec \"$0\" \"$@\""))
                .args([SIDECAR, "run", "--config"])
                .arg(&path);
            Process::start("sidecar", command, sidecar_log())
        };
        let mut mistaken = start(&good.replace("drain_min", "drain_mni"));
        let line = mistaken.line(|line| line.contains("did you mean"));
        assert_eq!(line.starts_with("<3> "), is_journal, "{stream}: {line}");
        assert_eq!(mistaken.wait().code(), Some(78));

        let mut sidecar = start(&good);
        sidecar.line(|line| line.starts_with("listening on"));
        sidecar.signal("TERM");
        let line = sidecar.line(|line| line.contains("\"stopping\""));
        assert_eq!(line.starts_with("<6>{"), is_journal, "{stream}: {line}");
        assert_eq!(line.starts_with('{'), !is_journal, "{stream}: {line}");
        assert_eq!(sidecar.wait().code(), Some(0));
    }
}

#[tokio::test]
async fn systemd_is_told_ready_when_clients_can_connect_and_stopping_before_the_end() {
    let site = Site::without_processes("web-rs256", &[]).await;
    let socket = site.file("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = site.url.trim_start_matches("https://");
    assert!(TcpStream::connect(address).is_err(), "nobody listens yet");
    let mut sidecar = start(&site, Some(socket.to_str().unwrap()));
    assert_eq!(heard(&systemd), "READY=1");
    TcpStream::connect(address).expect("READY means that it listens");
    let readiness = site.readiness().await;
    assert!(readiness["status"].is_string(), "{readiness}");

    sidecar.signal("TERM");
    assert_eq!(heard(&systemd), "STOPPING=1");
    assert_eq!(sidecar.wait().code(), Some(0));
    assert!(
        TcpStream::connect(address).is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_mistake_in_the_configuration_is_exit_code_78_and_never_ready() {
    let site = Site::without_processes("web-rs256", &[]).await;
    let socket = site.file("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_nonblocking(true).unwrap();
    let path = site.file("config.toml");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.replace("drain_min", "drain_mni")).unwrap();
    let mut sidecar = start(&site, Some(socket.to_str().unwrap()));
    sidecar.line(|line| line.contains("did you mean"));
    assert_eq!(sidecar.wait().code(), Some(78));
    assert!(systemd.recv(&mut [0; 64]).is_err(), "no word to systemd");
}

#[tokio::test]
async fn a_certificate_or_secret_that_is_missing_is_exit_code_78_as_check_says() {
    for missing in ["sidecar.crt", "sidecar.key", "client-secret"] {
        let site = Site::without_processes("web-rs256", &[]).await;
        fs::remove_file(site.file(missing)).unwrap();
        let mut sidecar = start(&site, None);
        sidecar.line(|line| line.contains("cannot start"));
        assert_eq!(sidecar.wait().code(), Some(78), "{missing}");
        let mut check = Command::new(SIDECAR);
        check
            .args(["check", "--config"])
            .arg(site.file("config.toml"));
        assert_eq!(check.output().unwrap().status.code(), Some(78), "{missing}");
    }
}

#[tokio::test]
async fn a_file_that_others_may_read_or_change_is_exit_code_78_as_check_says() {
    for (exposed, mode) in [
        ("sidecar.key", 0o644),
        ("client-secret", 0o604),
        ("sidecar.crt", 0o646),
        ("config.toml", 0o606),
        ("state", 0o777),
        ("state/sessions.redb", 0o644),
        ("state/keys", 0o703),
        ("state/keys/00000001.key", 0o644),
    ] {
        let site = Site::without_processes("web-rs256", &[]).await;
        let mut sidecar = start(&site, None);
        sidecar.line(|line| line.starts_with("listening on"));
        assert_eq!(sidecar.stop().code(), Some(0));
        let file = site.file(exposed);
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let path = file.to_str().unwrap();
        let mut sidecar = start(&site, None);
        sidecar.line(|line| line.contains(path) && line.contains("chmod "));
        assert_eq!(sidecar.wait().code(), Some(78), "{exposed}");
        let mut check = Command::new(SIDECAR);
        check
            .args(["check", "--config"])
            .arg(site.file("config.toml"));
        let checked = check.output().unwrap();
        let said = String::from_utf8_lossy(&checked.stdout);
        assert_eq!(checked.status.code(), Some(78), "{exposed}: {said}");
        assert!(said.contains(path) && said.contains("chmod "), "{said}");
    }
}

/// Only root can become somebody else, and tests run as root where they install what they need.
#[tokio::test]
async fn a_file_of_roots_that_the_service_cannot_use_is_exit_code_78_as_check_says() {
    let installed = tempfile::tempdir().unwrap();
    fs::set_permissions(&installed, PermissionsExt::from_mode(0o755)).unwrap();
    // A folder of root's own may lead to the one that was built.
    let program = installed.path().join("ocient-sidecar");
    fs::copy(SIDECAR, &program).unwrap();
    for closed in ["state/sessions.redb", "state/keys/00000001.key", "state"] {
        let site = Site::without_processes("web-rs256", &[]).await;
        let mut sidecar = start(&site, None);
        sidecar.line(|line| line.starts_with("listening on"));
        assert_eq!(sidecar.stop().code(), Some(0));
        give_to_nobody(&site.file("."));
        if closed == "state" {
            fs::remove_file(site.file("state/sessions.redb")).unwrap();
        }
        let file = site.file(closed);
        chown(&file, Some(0), Some(0)).unwrap();
        let mode = if file.is_dir() { 0o755 } else { 0o600 };
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();

        let of_nobody = |action| {
            let mut command = Command::new(&program);
            let config = site.file("config.toml");
            command.args([action, "--config"]).arg(config).uid(NOBODY);
            command
        };
        let checked = of_nobody("check").output().unwrap();
        let said = String::from_utf8_lossy(&checked.stdout);
        assert_eq!(checked.status.code(), Some(78), "{closed}: {said}");
        assert!(said.contains("is closed to this user"), "{said}");
        let mut run = Process::start("sidecar", of_nobody("run"), sidecar_log());
        assert_eq!(run.wait().code(), Some(78), "{closed}");
    }
}

fn give_to_nobody(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("this is root");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("it can be read") {
            give_to_nobody(&entry.expect("it can be read").path());
        }
    }
}

const NOBODY: u32 = 65_534;

#[tokio::test]
async fn run_logs_what_check_warns_of() {
    let site = Site::without_processes("web-rs256", &[]).await;
    let path = site.file("config.toml");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{good}\n[[grant]]\nusers = [\"alice\"]\n")).unwrap();
    let mut sidecar = start(&site, None);
    let line = sidecar.line(|line| line.contains("`grant.users`: "));
    assert!(line.contains("\"level\":\"WARN\""), "{line}");
    sidecar.line(|line| line.starts_with("listening on"));
    assert_eq!(sidecar.stop().code(), Some(0));
}

#[tokio::test]
async fn a_taken_port_is_exit_code_1_so_that_systemd_tries_again() {
    let site = Site::without_processes("web-rs256", &[]).await;
    let mut first = start(&site, None);
    first.line(|line| line.starts_with("listening on"));
    let path = site.file("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{config}\n[sessions]\nstore = \"memory\"\n")).unwrap();
    let mut second = start(&site, None);
    second.line(|line| line.contains("cannot listen on"));
    assert_eq!(second.wait().code(), Some(1));
    assert_eq!(first.stop().code(), Some(0));
}

fn start(site: &Site, notify_socket: Option<&str>) -> Process {
    let mut command = Command::new(SIDECAR);
    command
        .arg("run")
        .arg("--config")
        .arg(site.file("config.toml"));
    if let Some(socket) = notify_socket {
        command.env("NOTIFY_SOCKET", socket);
    }
    Process::start("sidecar", command, sidecar_log())
}

/// The next message to systemd.
fn heard(systemd: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let length = systemd.recv(&mut message).expect("a message in time");
    String::from_utf8_lossy(&message[..length])
        .trim_end()
        .to_owned()
}

fn analyze(arguments: &[&str]) -> Output {
    require("systemd-analyze", "systemd");
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    command.output().expect("systemd-analyze starts")
}

fn shipped_unit() -> String {
    include_str!("../../systemd/ocient-sidecar.service").to_owned()
}

/// The number behind `key`, without its unit.
fn number(text: &str, key: &str) -> u64 {
    let (_, rest) = text.split_once(key).unwrap_or_else(|| panic!("no {key:?}"));
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let digits = &rest[..end];
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no number behind {key:?}"))
}

/// Starting takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
