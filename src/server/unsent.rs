//! `Unsent`: bytes of an answer on their way to its client.
use super::activity::Activity;
use bytes::{Buf, Bytes};

/// Bytes that hyper has been given, until they are written. The body that they came from may be
/// over long before: over HTTP/2 its last piece waits for a window that the client opens when it
/// likes.
// Not to be printed: the bytes are people's answers.
pub struct Unsent {
    bytes: Bytes,
    activity: Activity,
}

impl Unsent {
    pub(super) fn new(bytes: Bytes, activity: Activity) -> Self {
        activity.owe();
        Self { bytes, activity }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.activity.pay();
    }
}

impl Buf for Unsent {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.activity.taken();
    }
}
