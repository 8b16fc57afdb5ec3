//! Lies in how an answer is written, whatever it says.

use bytes::Bytes;
use http::{HeaderValue, header};

use super::endpoint::Endpoint;
use super::exchange::Reply;
use super::lie::Lie;

/// Applies the lies about the text of `endpoint`'s answers.
pub(crate) fn apply(lies: &[Lie], endpoint: Endpoint, honest: Reply) -> Reply {
    let mut reply = honest;
    for lie in lies {
        match lie {
            Lie::DuplicateMember(at) if *at == endpoint => reply = reply.map(|body| twice(&body)),
            Lie::DeepNesting(at) if *at == endpoint => reply = reply.map(|body| deep(&body)),
            Lie::ByteOrderMark(at) if *at == endpoint => {
                reply = reply.map(|body| [b"\xef\xbb\xbf", &body[..]].concat().into());
            }
            Lie::Utf16(at) if *at == endpoint => {
                let label = HeaderValue::from_static("application/json; charset=utf-16");
                reply.headers_mut().insert(header::CONTENT_TYPE, label);
                reply = reply.map(|body| utf16(&body));
            }
            _ => {}
        }
    }
    reply
}

/// `{"a":1}` becomes `{"a":1,"a":"https://evil.example"}`.
fn twice(body: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let name = text.split('"').nth(1).unwrap_or_default();
    let open = text.trim_end().strip_suffix('}').unwrap_or_default();
    format!("{open},\"{name}\":\"https://evil.example\"}}").into()
}

/// `{"a":1}` becomes `{"deep":[[[…]]],"a":1}`.
fn deep(body: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let members = text.strip_prefix('{').unwrap_or_default();
    let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
    format!("{{\"deep\":{open}{close},{members}").into()
}

fn utf16(body: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(body);
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Deep enough for the stack of a reader that calls itself.
const DEPTH: usize = 100_000;
