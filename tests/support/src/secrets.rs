//! Notes the secrets of the tests, so that the end of a test run can search all output for them.

use std::{env, fs::OpenOptions, io::Write};

/// Notes a password, token, code, cookie or client secret that a test uses. `tests/run` names the
/// file by `SIDECAR_TEST_SECRETS`; without it nothing is kept.
///
/// # Panics
/// When the text is no single line of at least 8 characters (a shorter one would be found in any
/// output by chance), or cannot be written: a secret that is not searched for is not tested.
pub fn note(secret: &str) {
    assert!(
        secret.chars().count() >= SHORTEST && !secret.contains('\n'),
        "a secret of the tests has at least {SHORTEST} characters and no line break"
    );
    let Some(path) = env::var_os("SIDECAR_TEST_SECRETS") else {
        return;
    };
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .expect("the file that SIDECAR_TEST_SECRETS names can be written");
    // One write, so that tests that run at the same time do not tear each other's lines.
    file.write_all(format!("{secret}\n").as_bytes())
        .expect("the file that SIDECAR_TEST_SECRETS names can be written");
}

/// As `tests/run` demands it of every line.
const SHORTEST: usize = 8;
