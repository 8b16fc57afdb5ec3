//! `ocient-sidecar check`: says whether a configuration can be used.
use crate::config::{AdminAddress, Checked, Config, CredentialMode, SqlNode, Store};
use std::{
    fmt::Display,
    io::{self, Write},
    path::Path,
};
use url::Url;

/// Checks the configuration at `path` and writes the answer to `out`; the exit code: 0 if it
/// can be used, [`BAD_CONFIGURATION`] if not, 1 if `out` failed.
pub fn check(path: &Path, out: &mut impl Write) -> u8 {
    let (written, code) = match Config::check(path) {
        Ok(checked) => (report(path, &checked, out), 0),
        Err(mistakes) => (writeln!(out, "{mistakes}"), BAD_CONFIGURATION),
    };
    match written {
        Ok(()) => code,
        Err(_) => 1,
    }
}

/// `EX_CONFIG` of sysexits.h; the unit does not restart on it.
pub const BAD_CONFIGURATION: u8 = 78;

fn report(path: &Path, checked: &Checked, out: &mut impl Write) -> io::Result<()> {
    let config = &checked.config;
    for warning in &checked.warnings {
        writeln!(out, "{}\n", warning.shown())?;
    }
    writeln!(out, "{}: ok", path.display())?;
    line(out, "listens on", joined(&config.listen.addresses))?;
    line(out, "known as", origin(&config.listen.public_url))?;
    line(out, "SQL node", sql_node(&config.sql_node))?;
    let providers = config.providers.iter();
    line(
        out,
        "providers",
        joined(providers.map(|provider| &provider.name)),
    )?;
    line(out, "grants", grants(config.grants.len()))?;
    line(out, "sessions", sessions(&config.sessions.store))?;
    line(out, "admin", admin(&config.admin.listen))?;
    for warning in config.doubts() {
        line(out, "warning", warning)?;
    }
    for note in &checked.notes {
        line(out, "not checked", note)?;
    }
    Ok(())
}

fn line(out: &mut impl Write, name: &str, value: impl Display) -> io::Result<()> {
    writeln!(out, "  {name:<11} {value}")
}

fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.is_empty() {
        true => "none".to_owned(),
        false => items.join(", "),
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn sql_node(node: &SqlNode) -> String {
    let tokens = match node.credentials.mode {
        CredentialMode::Exchange => "provider tokens are exchanged there",
        CredentialMode::Login => "accounts sign in there",
    };
    format!("{}, {tokens}", origin(&node.url))
}

fn grants(count: usize) -> String {
    match count {
        0 => "none: every verified identity may use every database".to_owned(),
        count => count.to_string(),
    }
}

fn sessions(store: &Store) -> String {
    match store {
        Store::Memory => "in memory, until the next restart".to_owned(),
        Store::Embedded { path } => path.display().to_string(),
    }
}

fn admin(listen: &AdminAddress) -> String {
    match listen {
        AdminAddress::Tcp(address) => address.to_string(),
        AdminAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn checked(text: &str) -> (u8, String) {
        let folder = tempfile::tempdir().unwrap();
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.path().join("a.crt"), issued.cert.pem()).unwrap();
        let key = issued.signing_key.serialize_pem();
        let key_file = folder.path().join("a.key");
        fs::write(&key_file, key).unwrap();
        fs::set_permissions(&key_file, PermissionsExt::from_mode(0o600)).unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let mut out = Vec::new();
        let code = check(&path, &mut out);
        (code, String::from_utf8(out).unwrap())
    }

    const GOOD: &str = "listen.public_url = 'https://sql0.example.com'
tls = { certificate = 'a.crt', private_key = 'a.key' }
sql_node.url = 'http://127.0.0.1:9090'
sessions.store = 'memory'
";

    #[test]
    fn a_good_configuration_is_summed_up() {
        let (code, shown) = checked(GOOD);
        assert_eq!(code, 0, "{shown}");
        let (_, summary) = shown.split_once("config.toml: ok\n").unwrap();
        assert_eq!(
            summary,
            "  listens on  0.0.0.0:8443
  known as    https://sql0.example.com
  SQL node    http://127.0.0.1:9090, provider tokens are exchanged there
  providers   none
  grants      none: every verified identity may use every database
  sessions    in memory, until the next restart
  admin       127.0.0.1:9901
"
        );
    }

    #[test]
    fn a_warning_stands_before_the_summary_and_changes_no_exit_code() {
        let (code, shown) = checked(&format!(
            "{GOOD}[[provider]]\nname = 'corp'\nclient_id = 'a'\nissuer = 'https://idp.example.com'\n\
             [[grant]]\nusers = ['alice']\n"
        ));
        assert_eq!(code, 0, "{shown}");
        assert!(shown.starts_with("warning: `grant.users`"), "{shown}");
        assert!(shown.contains("config.toml: ok\n"), "{shown}");
    }

    #[test]
    fn what_is_dangerous_is_warned_of_and_can_be_used() {
        let provider = "[[provider]]\nname = 'ci'\nflows = ['token']\nclient_id = 'x'\n\
                        issuer = 'https://token.actions.githubusercontent.com'\n";
        let (code, shown) = checked(&format!("{GOOD}{provider}"));
        assert_eq!(code, 0, "{shown}");
        let warning = "\n  warning     provider ci: any workload of the world can have a token";
        assert!(shown.contains(warning), "{shown}");
    }

    #[test]
    fn mistakes_are_shown_with_exit_code_78() {
        let (code, shown) = checked(&GOOD.replace("a.crt", "b.crt").replace("memory", "memry"));
        assert_eq!(code, 78);
        assert!(shown.contains("did you mean \"memory\"?"), "{shown}");
        assert!(shown.contains("b.crt: No such file"), "{shown}");
        assert!(shown.contains("2 mistakes in "), "{shown}");
    }
}
