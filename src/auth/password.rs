//! What a Basic credential is: an account of the SQL node, or a token under one of the user names
//! that stand for one.
use crate::{failure::Failure, secret::Secret, session::SessionToken};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a user name and a password stand for.
#[derive(Debug)]
pub(super) enum Password {
    /// An account of the SQL node.
    Account,
    /// A token, for the database that the user name names.
    Token(Secret, Option<Arc<str>>),
}

/// User names whose password is a token: Ocient's own clients use the first two, and many tools
/// can send nothing but a user name and a password.
const TOKEN_USERS: [&str; 3] = ["id_token", "access_token", SESSION];

/// The sidecar's own, for a session token.
const SESSION: &str = "session";

/// User names by which Ocient's clients have the SQL node itself sign somebody in at the provider,
/// which would go around every rule that holds here.
const SIGN_IN_USERS: [&str; 3] = ["oauth_code", "oauth_tokens", "oauth_device_code"];

const UNPLAIN: &str = "this user name could be taken for one that stands for a token; spell it, and its base64, plainly";

impl Password {
    /// Reads what follows the scheme `Basic` (RFC 7617).
    ///
    /// # Errors
    /// A user name of a sign-in at the SQL node, or one that only a lenient reader takes for such
    /// a name, or for that of a token.
    pub(super) fn read(encoded: &str) -> Result<Self, Failure> {
        if let Some(decoded) = decoded(encoded) {
            let colon = decoded.iter().position(|byte| *byte == b':');
            let (user, password) = decoded.split_at(colon.unwrap_or(decoded.len()));
            if let Some(password) = Self::of_user(user, password.get(1..).unwrap_or_default())? {
                return Ok(password);
            }
        }
        match lenient_users(encoded).iter().any(|user| names_token(user)) {
            true => Err(Failure::malformed(UNPLAIN)),
            false => Ok(Self::Account),
        }
    }

    /// What a plainly spelled user name says about the password; `None`: nothing.
    fn of_user(user: &[u8], password: &[u8]) -> Result<Option<Self>, Failure> {
        let Ok(user) = str::from_utf8(user) else {
            return Ok(None);
        };
        let (name, database) = match user.split_once('@') {
            Some((name, database)) => (name, Some(database)),
            None => (user, None),
        };
        if SIGN_IN_USERS.contains(&name) {
            return Err(Failure::SignInAtNode);
        }
        // An account may have the name of our own invention.
        let is_account = name == SESSION
            && database.is_some()
            && !password.starts_with(SessionToken::PREFIX.as_bytes());
        if !TOKEN_USERS.contains(&name) || is_account {
            return Ok(None);
        }
        if database.is_some_and(|name| !is_database(name)) {
            return Err(Failure::malformed(UNPLAIN));
        }
        let token = str::from_utf8(password);
        let token = token.map_err(|_| Failure::malformed("the token is no text"))?;
        Ok(Some(Self::Token(
            Secret::new(token),
            database.map(Arc::from),
        )))
    }
}

/// User name and password, if every reader can read them.
pub(super) fn decoded(encoded: &str) -> Option<Zeroizing<Vec<u8>>> {
    PLAIN.decode(encoded.trim()).ok().map(Zeroizing::new)
}

/// Whether every reader takes `name` as it stands.
fn is_database(name: &str) -> bool {
    let is_odd = |char: char| char.is_control() || char == '@';
    !name.is_empty() && name.trim() == name && !name.contains(is_odd)
}

/// Whether some reader takes `user`, with a database or without, for a name that stands for a
/// token of a provider, or for a sign-in: also in other case, or with quotation marks, blanks or
/// rubbish around and within it.
pub(super) fn names_token(user: &[u8]) -> bool {
    let name: Zeroizing<Vec<u8>> = user
        .iter()
        .take_while(|byte| !matches!(**byte, b':' | b'@'))
        .filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .map(u8::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .into();
    let mut names = TOKEN_USERS.iter().chain(&SIGN_IN_USERS);
    names.any(|known| *known != SESSION && *name == known.as_bytes())
}

/// How `encoded` may begin for readers who take what is no base64 for nothing: as if nothing was
/// there, or, where it is padding, for the end of a text that another one follows.
fn lenient_users(encoded: &str) -> [Zeroizing<Vec<u8>>; 2] {
    let digits = |texts: &mut dyn Iterator<Item = &str>| {
        let mut decoded = Zeroizing::new(Vec::with_capacity(LONGEST_USER));
        for text in texts {
            let digits = text.bytes().filter_map(digit);
            let digits: Zeroizing<Vec<u8>> = digits.take(LONGEST_USER).collect::<Vec<_>>().into();
            for four in digits.chunks(4) {
                let mut bits = [0; 4];
                bits[..four.len()].copy_from_slice(four);
                let bytes = [
                    bits[0] << 2 | bits[1] >> 4,
                    bits[1] << 4 | bits[2] >> 2,
                    bits[2] << 6 | bits[3],
                ];
                // Two digits make one byte, three make two.
                decoded.extend_from_slice(&bytes[..(four.len() * 3 / 4).min(3)]);
            }
            if decoded.len() >= LONGEST_USER {
                break;
            }
        }
        decoded
    };
    [
        digits(&mut std::iter::once(encoded)),
        digits(&mut encoded.split('=').filter(|text| !text.is_empty())),
    ]
}

/// Bytes of a user name that are looked at: the longest of those names has seventeen, and rubbish
/// between its letters is for nobody but a tester.
const LONGEST_USER: usize = 256;

/// The value of a digit of base64, in either of its alphabets.
fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// What every reader takes: also without the padding, which many leave out.
const PLAIN: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    /// What is read of a user name with the password `t:1`.
    fn read(user: &str) -> Result<Option<Option<String>>, u16> {
        read_encoded(&BASE64_STANDARD.encode(format!("{user}:t:1")))
    }

    fn read_encoded(encoded: &str) -> Result<Option<Option<String>>, u16> {
        match Password::read(encoded) {
            Ok(Password::Account) => Ok(None),
            Ok(Password::Token(token, database)) => {
                assert_eq!(token.expose(), "t:1");
                Ok(Some(database.map(|name| name.to_string())))
            }
            Err(failure) => Err(failure.row().status.as_u16()),
        }
    }

    #[test]
    fn a_password_is_a_token_under_the_names_that_say_so_with_a_database_or_without() {
        for user in ["id_token", "access_token", "session"] {
            assert_eq!(read(user), Ok(Some(None)), "{user}");
        }
        for user in ["id_token@retail", "access_token@retail"] {
            assert_eq!(read(user), Ok(Some(Some("retail".to_owned()))), "{user}");
        }
        for user in [
            "alice",
            "alice@system",
            "session@system",
            "SESSION",
            "",
            "@x",
        ] {
            assert_eq!(read(user), Ok(None), "{user}");
        }
        let session = BASE64_STANDARD.encode("session@system:ocs_x");
        let read = Password::read(&session);
        assert!(matches!(read, Ok(Password::Token(_, Some(_)))), "{read:?}");
    }

    #[test]
    fn a_sign_in_at_the_sql_node_is_refused_with_a_database_or_without() {
        for user in ["oauth_code", "oauth_tokens", "oauth_device_code"] {
            for database in ["", "@system", "@a@b"] {
                assert_eq!(
                    read(&format!("{user}{database}")),
                    Err(401),
                    "{user}{database}"
                );
            }
        }
        assert_eq!(
            read_encoded(&BASE64_STANDARD.encode("oauth_code")),
            Err(401)
        );
    }

    #[test]
    fn a_name_that_only_a_lenient_reader_takes_for_one_is_refused() {
        for user in [
            "ID_TOKEN",
            "Id_Token@system",
            " id_token",
            "id_token ",
            "id_token\0",
            "\"id_token\"@system",
            "id_token@",
            "id_token@a@b",
            "id_token@ a",
            "\u{feff}access_token",
            "OAUTH_TOKENS",
            "oauth_device_code\t@system",
        ] {
            assert_eq!(read(user), Err(400), "{user:?}");
        }
    }

    #[test]
    fn base64_is_read_as_a_lenient_reader_would() {
        for user in [
            "id_token",
            "access_token@system",
            "oauth_tokens",
            "oauth_code@x",
        ] {
            // Beginnings of every length of the base64, whatever follows.
            let plain = BASE64_STANDARD.encode(format!("{user}:t:1?>~"));
            for garbled in [
                format!("{} {}", &plain[..5], &plain[5..]),
                format!("{}\t{}", &plain[..9], &plain[9..]),
                format!("{plain} rubbish"),
                format!("{plain}!"),
                format!("!{plain}"),
                format!("{}.{}", &plain[..7], &plain[7..]),
                format!("{plain}====="),
                BASE64_URL_SAFE_NO_PAD.encode(format!("{user}:\u{3fff}?>~~?")),
                format!(
                    "{}{}",
                    BASE64_STANDARD.encode(&user[..4]),
                    BASE64_STANDARD.encode(format!("{}:t", &user[4..]))
                ),
            ] {
                let read = Password::read(&garbled).map_err(|failure| failure.row().status);
                assert!(read.is_err(), "{user} {garbled}: {read:?}");
            }
        }
        let invalid = [b"id_token:".as_slice(), b"\xff\xfe"].concat();
        assert_eq!(read_encoded(&BASE64_STANDARD.encode(invalid)), Err(400));
        let invalid = [b"\xffid_token".as_slice(), b":x"].concat();
        assert_eq!(read_encoded(&BASE64_STANDARD.encode(invalid)), Err(400));
    }

    #[test]
    fn what_nobody_takes_for_a_token_is_the_sql_nodes() {
        for encoded in ["", "!!!", "YWxpY2U6eA==", "YWxp Y2U6eA", "x", "===="] {
            assert_eq!(read_encoded(encoded), Ok(None), "{encoded}");
        }
        let long = BASE64_STANDARD.encode(format!("{}id_token:x", "a".repeat(1000)));
        assert_eq!(read_encoded(&long), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn no_credential_makes_the_reader_panic(encoded in "\\PC*") {
            drop(Password::read(&encoded));
        }
    }
}
