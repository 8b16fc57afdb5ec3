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
        "id_to\u{212a}en",
        "\u{131}d_token@system",
        "acce\u{17f}\u{17f}_token",
        "acce\u{df}_token",
        "\u{ff49}\u{ff44}_token",
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
    for length in [1000, LONGEST_ACCOUNT * 3 / 4 - 10] {
        let long = BASE64_STANDARD.encode(format!("{}id_token:x", "a".repeat(length)));
        let is_read = long.len() <= LONGEST_ACCOUNT;
        assert_eq!(read_encoded(&long).is_ok(), is_read, "{length}");
    }
    let longest = "YWxpY2U6".repeat(LONGEST_ACCOUNT / 8);
    assert_eq!(read_encoded(&longest), Ok(None));
    assert_eq!(read_encoded(&format!("{longest}YWxp")), Err(400));
}

#[test]
fn rubbish_of_either_alphabet_hides_no_name_wherever_it_stands() {
    for user in ["id_token", "oauth_code@x"] {
        let plain = BASE64_STANDARD.encode(format!("{user}:ey.t.n"));
        for rubbish in ["-", "_", "+", "/", "=", " ", "\u{b7}"] {
            for at in 0..plain.len() {
                let garbled = format!("{}{rubbish}{}", &plain[..at], &plain[at..]);
                let drops = |reader: &Alphabet| reader.value(rubbish.as_bytes()[0]).is_none();
                assert!(ALPHABETS.iter().any(drops), "{rubbish}");
                let read = Password::read(&garbled);
                assert!(!matches!(read, Ok(Password::Account)), "{garbled}");
            }
        }
    }
    let blanks = BASE64_STANDARD.encode(format!("{}id_token:x", " ".repeat(1000)));
    assert_eq!(read_encoded(&blanks), Err(400));
}

#[test]
fn a_session_token_goes_under_its_own_name_alone() {
    for user in ["SESSION", " session", "alice", "alice@system", ""] {
        let encoded = BASE64_STANDARD.encode(format!("{user}:ocs_x"));
        assert_eq!(read_encoded(&encoded), Err(400), "{user}");
    }
}

proptest::proptest! {
    #[test]
    fn no_credential_makes_the_reader_panic(encoded in "\\PC*") {
        drop(Password::read(&encoded));
    }
}
