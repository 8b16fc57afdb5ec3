//! HTTP/2 connections in which time passes.
use super::{super::deadline::FAREWELL, *};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::service::service_fn;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, sleep},
};

const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(10),
    handshake_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(300),
    header_bytes: 64 * 1024,
    inspected_body: 1024,
    inspected_bodies: 1024,
    connections_per_client: 0,
    failed_signins_per_client: 1,
};

/// A second less than `idle_timeout`.
const NEARLY: Duration = Duration::from_secs(299);

/// Kinds of frames (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1; // with 5: END_STREAM, END_HEADERS
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;

/// Both ends of a connection whose transport holds 64 KiB.
struct Connection {
    far: DuplexStream,
    closing: CancellationToken,
    began: Instant,
    served: JoinHandle<hyper::Result<()>>,
}

/// `/17` is answered with 17 bytes, after 17 minutes if it is a POST.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = request.uri().path()[1..].parse().unwrap();
    if request.method() == http::Method::POST {
        sleep(Duration::from_mins(number)).await;
    }
    let bytes = vec![b'x'; usize::try_from(number).unwrap()];
    Ok(Response::new(Full::new(bytes.into())))
}

fn silent() -> Connection {
    let (near, far) = duplex(64 * 1024);
    let activity = Activity::default();
    let waits = Waits {
        head: LIMITS.header_timeout,
        idle: LIMITS.idle_timeout,
        bytes_begin_a_head: false,
    };
    let near = StallLimit::new(near, LIMITS.idle_timeout);
    let near = DeadlineStream::new(near, activity.clone(), waits);
    let closing = CancellationToken::new();
    let token = closing.clone();
    let served = tokio::spawn(async move {
        let service = tracked(service_fn(answer), activity.clone());
        serve_http2(&http2(&LIMITS), near, service, token, &activity).await
    });
    Connection {
        far,
        closing,
        began: Instant::now(),
        served,
    }
}

/// A connection on which the client has said that each stream may be sent `window` bytes.
async fn open(window: u32) -> Connection {
    let mut this = silent();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    this.far.write_all(preface).await.unwrap();
    let [a, b, c, d] = window.to_be_bytes();
    this.send((SETTINGS, 0), 0, &[0, 4, a, b, c, d]).await;
    this.send((WINDOW_UPDATE, 0), 0, &[a, b, c, d]).await;
    this
}

impl Connection {
    /// Writes a frame of the connection, or of stream 1 if `stream` is 1.
    async fn send(&mut self, (kind, flags): (u8, u8), stream: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).unwrap();
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
        frame.extend_from_slice(payload);
        self.far.write_all(&frame).await.unwrap();
    }

    async fn ask(&mut self, stream: u8, method: u8, path: &str) {
        let length = u8::try_from(path.len()).unwrap();
        let mut block = vec![0x87, method, 0x01, 1, b'a', 0x04, length]; // https, authority a
        block.extend_from_slice(path.as_bytes());
        self.send((HEADERS, 5), stream, &block).await;
    }

    async fn widen(&mut self, bytes: u32) {
        for stream in [0, 1] {
            self.send((WINDOW_UPDATE, 0), stream, &bytes.to_be_bytes())
                .await;
        }
    }

    /// The next frame's kind, flags and payload; `None` at the end.
    async fn next(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.far.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.far.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }

    /// The payload of the next frame of this kind.
    async fn next_of(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let (is, _, payload) = self.next().await.expect("no end yet");
            if is == kind {
                return payload;
            }
        }
    }

    /// Reads so many bytes of answers.
    async fn take(&mut self, bytes: usize) {
        let mut taken = 0;
        while taken < bytes {
            taken += self.next_of(DATA).await.len();
        }
        assert_eq!(taken, bytes);
    }

    /// Asks for an answer of a byte, and takes it.
    async fn be_served(&mut self) {
        self.ask(1, GET, "/1").await;
        self.take(1).await;
    }

    /// Whether the server's end came to its end properly, and after how many seconds.
    async fn ended(self) -> (bool, u64) {
        let ended = self.served.await.unwrap();
        (ended.is_ok(), self.began.elapsed().as_secs())
    }
}

/// Of `:method` (RFC 7541 appendix A).
const GET: u8 = 0x82;
const POST: u8 = 0x83;

const WIDE: u32 = 1 << 30;

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_something_now_and_then_gets_everything() {
    let mut connection = open(WIDE).await;
    connection.ask(1, GET, "/1048576").await;
    for _ in 0..64 {
        sleep(NEARLY).await;
        connection.take(16 * 1024).await; // a frame
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut_after_the_idle_time() {
    let mut connection = open(WIDE).await;
    connection.ask(1, GET, "/1048576").await;
    let (_, seconds) = connection.ended().await;
    assert_eq!(seconds, 300);
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_an_answer_waits_for_its_window_as_long_as_that_opens_in_the_idle_time() {
    let mut connection = open(65_535).await;
    connection.ask(1, GET, "/100000").await;
    connection.take(65_535).await;
    // Also when the connection is to end: this answer is not over yet.
    connection.closing.cancel();
    for _ in 0..3 {
        sleep(NEARLY).await;
        connection.widen(10_000).await;
        connection.take(10_000).await;
    }
    sleep(Duration::from_secs(1)).await;
    connection.send((PING, 0), 0, &[0; 8]).await; // takes nothing
    let (_, seconds) = connection.ended().await;
    assert_eq!(seconds, 3 * 299 + 300);
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_told_which_of_its_requests_was_the_last() {
    let mut connection = open(WIDE).await;
    connection.be_served().await;
    connection.next_of(GOAWAY).await; // a warning (RFC 9113 section 6.8)
    assert_eq!(connection.began.elapsed().as_secs(), 300);
    let ping = connection.next_of(PING).await;
    connection.send((PING, ACK), 0, &ping).await;
    let goaway = connection.next_of(GOAWAY).await;
    assert_eq!(goaway, [0, 0, 0, 1, 0, 0, 0, 0], "stream 1, NO_ERROR");
    assert!(connection.next().await.is_none());
    assert_eq!(connection.ended().await, (true, 300));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_crosses_the_farewell_is_answered() {
    let mut connection = open(WIDE).await;
    connection.be_served().await;
    let ping = loop {
        let (kind, _, payload) = connection.next().await.unwrap();
        if kind == PING {
            break payload;
        }
    };
    connection.ask(3, POST, "/17").await;
    connection.send((PING, ACK), 0, &ping).await;
    connection.take(17).await;
    assert_eq!(connection.ended().await, (true, 300 + 17 * 60));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_leave_is_cut() {
    let mut connection = open(WIDE).await;
    connection.be_served().await;
    let (_, seconds) = connection.ended().await;
    assert_eq!(seconds, 300 + FAREWELL.as_secs(), "idle");
    // As one whose first request does not come.
    for connection in [silent(), open(WIDE).await] {
        let (_, seconds) = connection.ended().await;
        assert_eq!(seconds, 10 + FAREWELL.as_secs(), "no request");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_request_holds_up_no_end() {
    let mut served = open(WIDE).await;
    served.be_served().await;
    let cases = [
        ("idle", served),
        ("no preface", silent()),
        ("no request", open(WIDE).await),
    ];
    for (_, connection) in &cases {
        connection.closing.cancel();
    }
    for (case, connection) in cases {
        let (_, seconds) = connection.ended().await;
        assert_eq!(seconds, FAREWELL.as_secs(), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_request_outlives_closing() {
    let mut connection = open(WIDE).await;
    connection.ask(1, POST, "/17").await;
    sleep(Duration::from_secs(1)).await;
    connection.closing.cancel();
    connection.take(17).await;
    let (_, seconds) = connection.ended().await;
    // Found idle at the next look, and given its time from the answer's end.
    assert_eq!(seconds, 17 * 60 + FAREWELL.as_secs());
}

#[tokio::test]
async fn a_vanished_client_is_looked_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap());
    let tcp = tcp.await.unwrap();
    prepare(&tcp).unwrap();
    assert!(SockRef::from(&tcp).keepalive().unwrap());
}
