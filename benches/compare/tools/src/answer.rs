//! Reads one HTTP/1.1 answer from a blocking connection.
use std::io::{self, BufRead, Read};

/// What came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Bytes of the body, without its coding.
    pub bytes: u64,
}

/// Longest head or chunk size line: no peer of the benchmark comes near.
const MAX_LINE: u64 = 64 * 1024;

/// Reads an answer to its end; `sink` gets the body.
///
/// # Errors
/// The connection broke, or this is not HTTP/1.1.
pub fn read(reader: &mut impl BufRead, mut sink: impl FnMut(&[u8])) -> io::Result<Answer> {
    let status = line(reader)?;
    let status = status.get(9..12).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| invalid("no status line"))?;
    let mut length = None;
    let mut is_chunked = false;
    loop {
        let field = line(reader)?.to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse::<u64>().ok();
        }
        is_chunked |= field.starts_with("transfer-encoding:") && field.ends_with("chunked");
    }
    let bytes = match (is_chunked, length) {
        (true, _) => chunks(reader, &mut sink)?,
        (false, Some(length)) => exactly(reader, length, &mut sink)?,
        (false, None) => return Err(invalid("neither a length nor chunks")),
    };
    Ok(Answer { status, bytes })
}

fn chunks(reader: &mut impl BufRead, sink: &mut impl FnMut(&[u8])) -> io::Result<u64> {
    let mut total = 0;
    loop {
        let size = line(reader)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| invalid("no chunk size"))?;
        if size == 0 {
            while !line(reader)?.is_empty() {} // trailers
            return Ok(total);
        }
        total += exactly(reader, size, sink)?;
        line(reader)?;
    }
}

fn exactly(
    reader: &mut impl BufRead,
    length: u64,
    sink: &mut impl FnMut(&[u8]),
) -> io::Result<u64> {
    let mut left = length;
    while left > 0 {
        let filled = reader.fill_buf()?;
        if filled.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = filled
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        sink(&filled[..size]);
        reader.consume(size);
        left -= size as u64;
    }
    Ok(length)
}

/// One line without its end.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid("a line is not text"))?;
    Ok(text.trim_end_matches('\r').to_owned())
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
