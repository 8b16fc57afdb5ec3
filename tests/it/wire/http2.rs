//! An HTTP/2 connection on which a test writes and reads the very frames.
use super::{Ended, Wire};
use crate::site::Site;

/// One connection, opened with the preface and empty SETTINGS.
pub(crate) struct Http2Wire {
    wire: Wire,
}

/// Kinds of frames (RFC 9113 section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;

/// The last frame of a stream.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

impl Http2Wire {
    pub(crate) async fn open(site: &Site) -> Self {
        let mut wire = Wire::with_alpn(site, &["h2"]).await;
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut this = Self { wire };
        this.send(SETTINGS, 0, 0, b"").await;
        this
    }

    /// Writes one frame (RFC 9113 section 4.1).
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![0, length[0], length[1], kind, flags, 0, 0, 0, stream];
        frame.extend_from_slice(payload);
        self.wire.send(frame).await;
    }

    /// The head of a request whose body follows.
    pub(crate) async fn head(
        &mut self,
        stream: u8,
        (method, path): (&str, &str),
        fields: &[(&str, &str)],
    ) {
        let block = block(method, path, fields);
        self.send(HEADERS, END_HEADERS, stream, &block).await;
    }

    /// A request without a body.
    pub(crate) async fn request(
        &mut self,
        stream: u8,
        (method, path): (&str, &str),
        fields: &[(&str, &str)],
    ) {
        let block = block(method, path, fields);
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &block)
            .await;
    }

    /// The payload of the next frame of this kind; those of other kinds are passed over.
    pub(crate) async fn next(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let head = self.wire.take(9).await;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let payload = self.wire.take(usize::try_from(length).unwrap()).await;
            if head[3] == kind {
                return payload;
            }
        }
    }

    /// How the other side ends the connection.
    pub(crate) async fn end(&mut self) -> Ended {
        self.wire.rest().await.1
    }

    /// The status of the next answer: the first field of its head, which for these is but a number
    /// (RFC 7541 appendix A).
    pub(crate) async fn status(&mut self) -> u16 {
        let head = self.next(HEADERS).await;
        match head.first() {
            Some(0x88) => 200,
            Some(0x8c) => 400,
            other => panic!("another status: {other:02x?}"),
        }
    }
}

/// A head whose fields are literals without indexing (RFC 7541 section 6.2.2).
fn block(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x87]; // :scheme https
    let text = |block: &mut Vec<u8>, text: &str| {
        block.push(u8::try_from(text.len()).unwrap());
        block.extend_from_slice(text.as_bytes());
    };
    for (name, value) in [(2, method), (4, path), (1, "localhost")] {
        block.push(name); // :method, :path, :authority
        text(&mut block, value);
    }
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}
