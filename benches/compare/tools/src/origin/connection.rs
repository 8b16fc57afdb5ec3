//! One connection to the origin.
use super::answers::{Answers, CHUNK, ok};
use std::{io, rc::Rc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest head; a peer that sends more gets no answer.
const MAX_HEAD: usize = 64 * 1024;

/// What is read of a body at once.
const BLOCK: usize = 256 * 1024;

/// Longest body that is kept to be looked at; others are counted and forgotten.
const MAX_KEPT: usize = 64 * 1024;

pub(super) async fn serve(mut tcp: TcpStream, answers: Rc<Answers>) -> io::Result<()> {
    let mut buffer = vec![0; MAX_HEAD];
    let mut filled = 0;
    loop {
        let end = loop {
            if let Some(end) = end_of_head(&buffer[..filled]) {
                break end;
            }
            match tcp.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                size => filled += size,
            }
        };
        let head = Head::parse(&buffer[..end], &answers);
        let already = head.length.min(filled - end);
        let mut body = buffer[end..end + already].to_vec();
        buffer.copy_within(end + already..filled, 0);
        filled -= end + already;
        let arrived = rest_of_body(&mut tcp, &head, &mut body).await?;
        head.answer(&mut tcp, &answers, &body, arrived).await?;
        if head.is_last {
            return Ok(());
        }
    }
}

/// Reads the body to its end; how long it was.
async fn rest_of_body(tcp: &mut TcpStream, head: &Head, body: &mut Vec<u8>) -> io::Result<usize> {
    let mut arrived = body.len();
    if arrived == head.length {
        return Ok(arrived);
    }
    let mut block = vec![0; BLOCK.min(head.length - arrived)];
    while arrived < head.length {
        let wanted = block.len().min(head.length - arrived);
        let size = tcp.read(&mut block[..wanted]).await?;
        if size == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        arrived += size;
        if body.len() + size <= MAX_KEPT {
            body.extend_from_slice(&block[..size]);
        }
    }
    Ok(arrived)
}

struct Head {
    path: String,
    length: usize,
    is_injected: bool,
    is_client: bool,
    is_last: bool,
}

impl Head {
    fn parse(head: &[u8], answers: &Answers) -> Self {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let (count, authorization) = field(head, b"authorization");
        let (_, length) = field(head, b"content-length");
        let (_, connection) = field(head, b"connection");
        Self {
            path: String::from_utf8_lossy(path).into_owned(),
            length: String::from_utf8_lossy(length).parse().unwrap_or(0),
            is_injected: count == 1 && authorization == answers.inject,
            is_client: count == 1 && authorization == answers.client,
            is_last: connection.eq_ignore_ascii_case(b"close"),
        }
    }

    async fn answer(
        &self,
        tcp: &mut TcpStream,
        answers: &Answers,
        body: &[u8],
        arrived: usize,
    ) -> io::Result<()> {
        match self.path.as_str() {
            "/json" if self.is_injected => tcp.write_all(&answers.json).await,
            "/upload" if self.is_injected => tcp.write_all(&ok(&arrived.to_string())).await,
            "/auth" if self.is_client => tcp.write_all(ALLOWED).await,
            "/introspect" => tcp.write_all(&answers.introspection(body)).await,
            "/.well-known/openid-configuration" => tcp.write_all(&answers.metadata).await,
            "/jwks" => tcp.write_all(&answers.jwks).await,
            "/v1/sso_token" => tcp.write_all(&answers.exchange).await,
            path => match path.strip_prefix("/stream/").map(str::parse::<usize>) {
                Some(Ok(mib)) if self.is_injected => stream(tcp, mib, &answers.chunk).await,
                _ => tcp.write_all(REFUSED).await,
            },
        }
    }
}

const ALLOWED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: max-age=300\r\n\r\n";
const REFUSED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

async fn stream(tcp: &mut TcpStream, mib: usize, chunk: &[u8]) -> io::Result<()> {
    tcp.write_all(STREAM).await?;
    for _ in 0..mib * 1024 * 1024 / CHUNK {
        tcp.write_all(chunk).await?;
    }
    tcp.write_all(b"0\r\n\r\n").await
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(at + 4)
}

/// How often a field stands in the head, and its last value.
fn field<'a>(head: &'a [u8], name: &[u8]) -> (usize, &'a [u8]) {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let values = lines.filter_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    });
    values.fold((0, b"".as_slice()), |(count, _), value| (count + 1, value))
}
