//! The key ring: seals what leaves this process and opens it when it comes back.
mod folder;
#[cfg(test)]
mod tests;

use crate::file_rule::Exposure;
use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, MAX_TAG_LEN, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac,
};
use folder::KeyFile;
use std::{fmt, io, path::Path, path::PathBuf};
use zeroize::Zeroizing;

/// The keys of a folder. The newest seals and every one opens, so that adding a file rotates
/// the key and removing one ends what it sealed.
///
/// A sealed text is `version (1) || key id (4) || nonce (12) || ciphertext || tag (16)`, with
/// AES-256-GCM-SIV (RFC 8452): should a nonce ever repeat, it reveals only that two texts are equal.
pub struct KeyRing {
    /// Sorted by id; never empty.
    keys: Vec<RingKey>,
}

/// What a sealed text is for. Each purpose has a key of its own, so that a text made for one
/// can never be passed off as another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The `state` of a sign-in.
    State,
    /// A stored session.
    Session,
    /// What is kept beside an id that was used once.
    Note,
    /// A stored OAuth connection.
    Connection,
}

/// A keyed hash of a name (HMAC-SHA-256).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub [u8; 32]);

/// Why the key ring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The folder or a file in it cannot be read, or the first key not be written.
    #[error("cannot use {path} for keys")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anybody who reads or adds a key can sign in as anybody.
    #[error(transparent)]
    Exposed(#[from] Exposure),
    /// A folder, a device or a pipe that is named like a key.
    #[error("the key {path} is not a file")]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// A `.key` file that would otherwise be overlooked in silence.
    #[error("{path} is not named like a key: eight lower-case hex digits, then `.key`")]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Cut short, or written with a trailing new line.
    #[error("the key {path} is not exactly {KEY_LENGTH} bytes long")]
    Length {
        /// The key's file.
        path: PathBuf,
    },
    /// More than a year of weekly rotations.
    #[error("more than {MAX_KEYS} keys in {path}: remove the oldest")]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
}

impl KeyRing {
    /// Reads the keys of `folder`, a file `<8 hex digits>.key` of 32 random bytes each; the
    /// highest number is the newest. Makes the folder (0700) and the first key (0600) if there
    /// is none; processes that start at once agree on one key.
    pub fn open(folder: &Path) -> Result<Self, SealError> {
        let keys = folder::read_or_create(folder)?;
        Ok(Self {
            keys: keys.iter().map(RingKey::derive).collect(),
        })
    }

    /// Encrypts `plain`, so that only [`open_sealed`](Self::open_sealed) with the same purpose
    /// and context brings it back.
    pub fn seal(&self, purpose: Purpose, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let key = self.keys.last().expect("a ring is made with a key in it");
        let header = key.header();
        let mut sealed = Vec::with_capacity(OVERHEAD + plain.len());
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(plain);
        let (nonce, tag) = key
            .of(purpose)
            .seal_in_place_separate_tag(
                associated(header, purpose, context),
                &mut sealed[HEADER_LENGTH + NONCE_LEN..],
            )
            .expect("GCM-SIV seals every text that fits into memory");
        sealed[HEADER_LENGTH..HEADER_LENGTH + NONCE_LEN].copy_from_slice(nonce.as_ref());
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Decrypts what [`seal`](Self::seal) made. `None` for everything else: other purpose, other
    /// context, unknown key, one changed bit, arbitrary bytes.
    pub fn open_sealed(
        &self,
        purpose: Purpose,
        context: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        if sealed.len() > MAX_SEALED {
            return None;
        }
        let (header, rest) = sealed.split_first_chunk::<HEADER_LENGTH>()?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
        let key = self.keys.iter().find(|key| key.header() == *header)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key
            .of(purpose)
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                associated(*header, purpose, context),
                &mut text,
            )
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

impl KeyRing {
    /// What `name` is filed under in a store: without the ring nobody can tell it from another,
    /// or try names out. Under the newest key.
    pub fn mark(&self, name: &[u8]) -> Mark {
        let key = self.keys.last().expect("a ring is made with a key in it");
        key.mark(name)
    }

    /// What `name` may be filed under, by each key of the ring.
    pub fn marks(&self, name: &[u8]) -> Vec<Mark> {
        self.keys.iter().map(|key| key.mark(name)).collect()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.keys.iter().map(|key| format!("{:08x}", key.id));
        f.debug_list().entries(ids).finish()
    }
}

/// One key of the ring, split by purpose.
struct RingKey {
    id: u32,
    state: RandomizedNonceKey,
    session: RandomizedNonceKey,
    note: RandomizedNonceKey,
    marks: hmac::Key,
    connection: RandomizedNonceKey,
}

impl RingKey {
    fn derive(file: &KeyFile) -> Self {
        let root = Salt::new(HKDF_SHA256, b"ocient-sidecar").extract(file.secret.as_slice());
        let derive = |purpose: Purpose| {
            let mut key = Zeroizing::new([0; KEY_LENGTH]);
            root.expand(&[b"seal ", purpose.label()], AeadKey)
                .and_then(|derived| derived.fill(key.as_mut_slice()))
                .and_then(|()| RandomizedNonceKey::new(&AES_256_GCM_SIV, key.as_slice()))
                .expect("HKDF-SHA256 makes 32 bytes, and AES-256 takes 32")
        };
        let mut marks = Zeroizing::new([0; KEY_LENGTH]);
        root.expand(&[b"mark"], AeadKey)
            .and_then(|derived| derived.fill(marks.as_mut_slice()))
            .expect("HKDF-SHA256 makes 32 bytes");
        Self {
            id: file.id,
            state: derive(Purpose::State),
            session: derive(Purpose::Session),
            note: derive(Purpose::Note),
            marks: hmac::Key::new(hmac::HMAC_SHA256, marks.as_slice()),
            connection: derive(Purpose::Connection),
        }
    }

    fn mark(&self, name: &[u8]) -> Mark {
        let tag = hmac::sign(&self.marks, name);
        Mark(tag.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    fn of(&self, purpose: Purpose) -> &RandomizedNonceKey {
        match purpose {
            Purpose::State => &self.state,
            Purpose::Session => &self.session,
            Purpose::Note => &self.note,
            Purpose::Connection => &self.connection,
        }
    }

    fn header(&self) -> [u8; HEADER_LENGTH] {
        let [a, b, c, d] = self.id.to_be_bytes();
        [VERSION, a, b, c, d]
    }
}

impl Purpose {
    /// Part of the format: never change one.
    fn label(self) -> &'static [u8] {
        match self {
            Self::State => b"state",
            Self::Session => b"session",
            Self::Note => b"note",
            Self::Connection => b"connection",
        }
    }
}

/// The length of an AES-256 key, as HKDF wants to hear it.
struct AeadKey;

impl KeyType for AeadKey {
    fn len(&self) -> usize {
        KEY_LENGTH
    }
}

/// What the tag vouches for besides the text. The context comes last, after parts that cannot
/// be read in two ways: no label begins with another.
fn associated(header: [u8; HEADER_LENGTH], purpose: Purpose, context: &[u8]) -> Aad<Vec<u8>> {
    let [version, id @ ..] = header;
    Aad::from([&[version], purpose.label(), &id, context].concat())
}

const VERSION: u8 = 1;
const KEY_LENGTH: usize = 32;
const HEADER_LENGTH: usize = 5;
const OVERHEAD: usize = HEADER_LENGTH + NONCE_LEN + MAX_TAG_LEN;

/// Longest text that is opened, in bytes: four times the largest session (the other purposes
/// travel in URLs and cookies). A longer one is refused before it costs anything.
const MAX_SEALED: usize = 512 * 1024;

/// A year of weekly rotations.
const MAX_KEYS: usize = 64;
