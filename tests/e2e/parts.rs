//! Where the parts are that the tests need, and what to do when one is missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
};

/// The program under test, as `cargo test` built it.
pub(crate) const SIDECAR: &str = env!("CARGO_BIN_EXE_ocient-sidecar");

/// The folder of the certified provider.
pub(crate) const PROVIDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/provider");

/// The repository.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Node, from the same place as the provider's other packages: Debian 12's own is too old.
///
/// # Panics
/// When these are not installed.
pub(crate) fn node() -> PathBuf {
    let machine = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => panic!("tests/e2e/provider/package.json names no node for {other}"),
    };
    // Not by node_modules/.bin, into which Debian's npm links nothing here.
    let node = format!("{PROVIDER}/node_modules/node-linux-{machine}/bin/node");
    assert!(
        Path::new(&node).exists(),
        "{node} is missing: run tests/run, or install the provider's npm packages with\n\
         npm --prefix tests/e2e/provider ci --omit=dev"
    );
    node.into()
}

/// The folder of what drives a browser.
///
/// # Panics
/// When it is not installed.
pub(crate) fn browser() -> PathBuf {
    let folder = Path::new(ROOT).join("tests/e2e/browser");
    let package = folder.join("node_modules/playwright-core");
    assert!(
        package.exists(),
        "{} is missing: run tests/run, or install the browser's npm packages with\n\
         npm --prefix tests/e2e/browser ci",
        package.display()
    );
    folder
}

/// The browser that it drives.
///
/// # Panics
/// When it is not installed.
pub(crate) fn chromium() -> PathBuf {
    find("chromium", "chromium")
}

/// A Python that has requests.
///
/// # Panics
/// When there is none.
pub(crate) fn python() -> PathBuf {
    let python = env::var_os("SIDECAR_TEST_PYTHON").map_or_else(
        || Path::new(ROOT).join("target/python/bin/python"),
        PathBuf::from,
    );
    assert!(
        python.exists(),
        "{} is missing: run tests/run, or install tests/e2e/requirements.txt with pip and name \
         that Python in SIDECAR_TEST_PYTHON",
        python.display()
    );
    python
}

/// The program as users get it.
///
/// # Panics
/// When it is not built or not named.
pub(crate) fn release() -> PathBuf {
    let Some(path) = env::var_os("SIDECAR_TEST_RELEASE").map(PathBuf::from) else {
        panic!(
            "SIDECAR_TEST_RELEASE is not set: run tests/run, or run `cargo build --release` and \
             set it to the path of target/release/ocient-sidecar"
        );
    };
    assert!(
        path.exists(),
        "{} is missing: cargo build --release",
        path.display()
    );
    path
}

/// Demands a command of the system.
///
/// # Panics
/// When it is not installed; `package` is Debian's.
pub(crate) fn require(command: &str, package: &str) {
    find(command, package);
}

fn find(command: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|folder| folder.join(command));
    let found = places.find(|place| place.exists());
    found.unwrap_or_else(|| panic!("{command} is missing: run tests/run, or install {package}"))
}

/// A file for everything that a sidecar says in this test. `tests/run` searches the folder for
/// secrets.
pub(crate) fn sidecar_log() -> PathBuf {
    log_file(
        env::var_os("SIDECAR_TEST_LOGS").map(PathBuf::from),
        "sidecar",
    )
}

/// A file for what else is said in this test.
pub(crate) fn other_log(speaker: &str) -> PathBuf {
    log_file(None, speaker)
}

fn log_file(folder: Option<PathBuf>, speaker: &str) -> PathBuf {
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e"));
    fs::create_dir_all(&folder).expect("the folder for output can be made");
    // The thread of a test has the test's name.
    let test = thread::current()
        .name()
        .unwrap_or("unnamed")
        .replace("::", ".");
    folder.join(format!("e2e.{test}.{speaker}.log"))
}
