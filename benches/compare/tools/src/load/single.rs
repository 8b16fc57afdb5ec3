//! Modes that use one connection for small requests.
use super::SMALL;
use crate::client::Target;
use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};
use std::{fmt::Write, io};

pub(super) fn once(target: &Target, bearer: &str) -> io::Result<Value> {
    let mut hash = Context::new(&SHA256);
    let mut connection = target.connect(SMALL)?;
    connection.send(&target.get(bearer))?;
    let answer = connection.answer(|bytes| hash.update(bytes))?;
    let mut digest = String::new();
    for byte in hash.finish().as_ref() {
        write!(digest, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(json!({ "status": answer.status, "bytes": answer.bytes, "sha256": digest }))
}

pub(super) fn count(target: &Target, bearer: &str, requests: u64) -> io::Result<Value> {
    let request = target.get(bearer);
    let mut connection = target.connect(SMALL)?;
    let (mut first, mut errors) = (None, 0);
    for _ in 0..requests {
        let status = connection.exchange(&request)?.status;
        errors += u64::from(*first.get_or_insert(status) != status);
    }
    Ok(json!({ "status": first, "requests": requests - errors, "errors": errors }))
}
