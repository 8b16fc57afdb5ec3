//! What a Basic credential is: an account of the SQL node, or a token under one of the user names
//! that stand for one.
use crate::{failure::Failure, route::ascii_of, secret::Secret, session::SessionToken};
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

const SESSION_ELSEWHERE: &str = "a session token goes with the user name `session`";

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
            let password = password.get(1..).unwrap_or_default();
            if let Some(password) = Self::of_user(user, password)? {
                return Ok(password);
            }
            // Ours, and nobody else's: under any other name it would go on to the SQL node.
            if password.starts_with(SessionToken::PREFIX.as_bytes()) {
                return Err(Failure::malformed(SESSION_ELSEWHERE));
            }
        }
        match encoded.len() > LONGEST_ACCOUNT || is_token_users_to_lenient(encoded) {
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
pub(super) fn names_token(user: impl IntoIterator<Item = u8>) -> bool {
    let mut letters = NameLetters::default();
    for byte in user {
        if matches!(byte, b':' | b'@') || !letters.add(byte) {
            break;
        }
    }
    let mut names = TOKEN_USERS.iter().chain(&SIGN_IN_USERS);
    names.any(|known| *known != SESSION && letters.are(known))
}

/// The letters of a user name, as far as those names go, in small ones.
#[derive(Default)]
struct NameLetters {
    text: [u8; LONGEST_NAME + 1],
    length: usize,
    /// Of a character that is no ASCII.
    pending: [u8; 4],
    pending_length: usize,
}

impl NameLetters {
    /// Whether there is room for more.
    fn add(&mut self, byte: u8) -> bool {
        if byte.is_ascii() {
            self.pending_length = 0;
            self.push(byte);
        } else {
            if byte >= 0xC0 {
                self.pending_length = 0;
            }
            if let Some(place) = self.pending.get_mut(self.pending_length) {
                *place = byte;
                self.pending_length += 1;
            }
            let pending = str::from_utf8(&self.pending[..self.pending_length]);
            if let Some(char) = pending.ok().and_then(|text| text.chars().next()) {
                self.pending_length = 0;
                ascii_of(char, |byte| self.push(byte));
            }
        }
        self.length < self.text.len()
    }

    fn push(&mut self, byte: u8) {
        let is_letter = byte.is_ascii_alphanumeric() || byte == b'_';
        if let (true, Some(place)) = (is_letter, self.text.get_mut(self.length)) {
            *place = byte.to_ascii_lowercase();
            self.length += 1;
        }
    }

    fn are(&self, name: &str) -> bool {
        self.text[..self.length] == *name.as_bytes()
    }
}

/// Of those names: `oauth_device_code`.
const LONGEST_NAME: usize = 17;

/// Longest Basic credential whose user name is no token's, in bytes of base64; a longer one is
/// refused. Names and passwords have a tenth of it, and it is read in six ways.
const LONGEST_ACCOUNT: usize = 4096;

/// Whether `encoded` begins, for readers who take what is no base64 for nothing, with a user name
/// that stands for a token. They differ in the alphabet, and in whether padding is nothing, too, or
/// the end of a text that another one follows.
fn is_token_users_to_lenient(encoded: &str) -> bool {
    ALPHABETS.iter().any(|alphabet| {
        let digit = |byte: u8| alphabet.value(byte);
        let whole = decode(encoded.bytes().filter_map(digit));
        let parts = encoded.split('=').filter(|part| !part.is_empty());
        let parts = parts.flat_map(|part| decode(part.bytes().filter_map(digit)));
        names_token(whole) || names_token(parts)
    })
}

/// The bytes of digits of base64; what is left over at the end makes as many as it can.
fn decode(mut digits: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
    let four = move || {
        let mut bits = [0; 4];
        let mut count = 0;
        for (place, digit) in bits.iter_mut().zip(&mut digits) {
            *place = digit;
            count += 1;
        }
        let bytes = [
            bits[0] << 2 | bits[1] >> 4,
            bits[1] << 4 | bits[2] >> 2,
            bits[2] << 6 | bits[3],
        ];
        // Two digits make one byte, three make two.
        (count > 1).then(|| bytes.into_iter().take(count - 1))
    };
    std::iter::from_fn(four).flatten()
}

/// An alphabet of base64 (RFC 4648 sections 4 and 5), and whether the two digits in which they differ
/// are digits in it.
struct Alphabet {
    is_standard: bool,
    is_url_safe: bool,
}

const ALPHABETS: [Alphabet; 3] = [
    Alphabet {
        is_standard: true,
        is_url_safe: false,
    },
    Alphabet {
        is_standard: false,
        is_url_safe: true,
    },
    Alphabet {
        is_standard: true,
        is_url_safe: true,
    },
];

impl Alphabet {
    /// The value of a digit; `None`: nothing, to a lenient reader.
    fn value(&self, byte: u8) -> Option<u8> {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' if self.is_standard => 62,
            b'/' if self.is_standard => 63,
            b'-' if self.is_url_safe => 62,
            b'_' if self.is_url_safe => 63,
            _ => return None,
        })
    }
}

/// What every reader takes: also without the padding, which many leave out.
const PLAIN: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests;
