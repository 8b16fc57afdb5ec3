//! `ClientKey`: the private key of our application.
use crate::{config::Algorithm, secret::Secret};
use rustls::{crypto::aws_lc_rs::sign::any_supported_type, sign};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use std::{fmt, sync::Arc};

/// A key that signs for us. It cannot be printed.
#[derive(Clone)]
pub struct ClientKey(Arc<dyn sign::SigningKey>);

/// The text is no key that can be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "no private key that can be used: RSA of 2048 bits or more, P-256, P-384 or Ed25519, in PEM"
)]
pub struct UnusableKey;

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey")
    }
}

impl ClientKey {
    /// Reads PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// Not PEM, encrypted, or of a kind that nobody should use.
    pub fn from_pem(pem: &Secret) -> Result<Self, UnusableKey> {
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes());
        let key = key.map_err(|_| UnusableKey)?;
        let key = any_supported_type(&key).map(Self);
        let key = key.map_err(|_| UnusableKey)?;
        let is_usable = |algorithm: &Algorithm| key.can(*algorithm);
        // P-521, for instance, can be read and has no algorithm here.
        match Algorithm::OF_OUR_KEYS.iter().any(is_usable) {
            true => Ok(key),
            false => Err(UnusableKey),
        }
    }

    /// Whether the key is of this algorithm's kind.
    pub(super) fn can(&self, algorithm: Algorithm) -> bool {
        self.0.choose_scheme(&[algorithm.scheme()]).is_some()
    }

    /// The signature of `message` as a JWS wants it (RFC 7518 section 3). `None`: the key is of
    /// another kind, or signing failed.
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let signer = self.0.choose_scheme(&[algorithm.scheme()])?;
        let signature = signer.sign(message).ok()?;
        match algorithm {
            Algorithm::ES256 => fixed(&signature, 32),
            Algorithm::ES384 => fixed(&signature, 48),
            _ => Some(signature),
        }
    }
}

/// The two numbers of an ECDSA signature side by side, each of `size` bytes (RFC 7518 section
/// 3.4), from TLS's form: `SEQUENCE { INTEGER r, INTEGER s }`, whose lengths take one byte each.
fn fixed(der: &[u8], size: usize) -> Option<Vec<u8>> {
    let [0x30, _, 0x02, length, rest @ ..] = der else {
        return None;
    };
    let (r, rest) = rest.split_at_checked(usize::from(*length))?;
    let [0x02, length, s @ ..] = rest else {
        return None;
    };
    if s.len() != usize::from(*length) {
        return None;
    }
    let mut joined = padded(r, size)?;
    joined.extend(padded(s, size)?);
    Some(joined)
}

/// An unsigned number in exactly `size` bytes.
fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    let mut padded = vec![0; size.checked_sub(digits.len())?];
    padded.extend(digits);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_numbers_of_a_signature_keep_their_places() {
        assert_eq!(
            fixed(&[0x30, 7, 2, 2, 0, 0x81, 2, 1, 5], 3).unwrap(),
            [0, 0, 0x81, 0, 0, 5]
        );
        for broken in [
            &[][..],
            &[0x30, 7, 2, 2, 0],
            &[0x30, 7, 2, 9, 0, 0x81, 2, 1, 5],
            &[0x30, 7, 2, 2, 0, 0x81, 2, 9, 5],
            &[0x30, 7, 2, 2, 0x81, 0x81, 2, 1, 5],
        ] {
            assert_eq!(fixed(broken, 1), None, "{broken:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_without_being_quoted() {
        for text in [
            "",
            "hunter2",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        ] {
            let error = ClientKey::from_pem(&Secret::new(text)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
