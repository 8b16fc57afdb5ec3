//! `/v1/execute`: checks, starts the statement and streams its result.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header, request::Parts};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::{
    answer::{Answer, Fault, full},
    database::Database,
    gates::{Cancel, CancelOnDrop},
    node::Node,
    query::{Ended, Query},
    result::{Delivery, Output, Piece, hex},
    statement::Order,
    tokens::Holder,
};

/// Answers one execute request, whose body has been read.
pub(super) async fn execute(
    node: &Arc<Node>,
    number: u64,
    caller: Holder,
    path_database: Option<String>,
    head: &Parts,
    body: &Bytes,
) -> Result<Answer, Fault> {
    let order = Order::read(head, body)?;
    let database = choose_database(path_database, &order, &caller)?;
    let streamed = wants_stream(&head.headers);
    let rows_per_object = match order.fetch_size {
        0 => streamed.then_some(DEFAULT_FETCH_SIZE),
        rows => Some(rows),
    };
    let delivery = Delivery {
        format: order.format,
        rows_per_object,
        large_result: node.large_result,
        gzip: gzip_level(&head.headers),
    };
    let cancel = Cancel::new(node.gates.clone());
    // Dropped with this future or with the body: either way the client is gone or has it all.
    let guard = CancelOnDrop(cancel.clone());
    let query = Query {
        order,
        database,
        caller,
        databases: node.databases.clone(),
        cancel,
    };
    let pieces = start(node, number, query, delivery);
    let kind = if streamed {
        "application/stream+json"
    } else {
        "application/json"
    };
    let mut answer = first_piece(pieces, guard).await?;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if delivery.gzip.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    Ok(answer)
}

/// Path before body or query before the credential's own database.
fn choose_database(
    path: Option<String>,
    order: &Order,
    caller: &Holder,
) -> Result<Database, Fault> {
    let name = path
        .or_else(|| order.database.clone())
        .unwrap_or_else(|| caller.database.clone());
    let database = Database::named(&name).ok_or_else(|| Fault::no_such_database(&name))?;
    if !caller.reach.covers(&name) {
        let reason = format!("{} may not use the database {name:?}", caller.user);
        return Err(Fault::forbidden(-719, reason));
    }
    Ok(database)
}

fn start(node: &Arc<Node>, number: u64, query: Query, delivery: Delivery) -> mpsc::Receiver<Piece> {
    let (out, pieces) = mpsc::channel(OBJECTS_AHEAD);
    let output = Output::new(delivery, query_id(), out);
    let node = node.clone();
    // Not awaited: it ends by itself when the receiver or the guard is dropped.
    tokio::task::spawn_blocking(move || {
        if query.run(output) == Ended::Interrupted {
            node.records.set_interrupted(number);
        }
    });
    pieces
}

async fn first_piece(
    mut pieces: mpsc::Receiver<Piece>,
    guard: CancelOnDrop,
) -> Result<Answer, Fault> {
    match pieces.recv().await {
        Some(Piece::Whole(bytes)) => Ok(Answer::new(full(bytes))),
        Some(Piece::Fault(fault)) => Err(fault),
        Some(first) => {
            let objects = Objects {
                first: Some(first),
                pieces,
                _guard: guard,
                is_over: false,
            };
            Ok(Answer::new(objects.boxed_unsync()))
        }
        None => Err(Fault::bad_request("the statement ended without a result")),
    }
}

/// The chunked body: each frame, hence each HTTP chunk, is one JSON object.
struct Objects {
    first: Option<Piece>,
    pieces: mpsc::Receiver<Piece>,
    _guard: CancelOnDrop,
    is_over: bool,
}

impl HttpBody for Objects {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let piece = match self.first.take() {
            Some(first) => Some(first),
            None => std::task::ready!(self.pieces.poll_recv(context)),
        };
        let Some(Piece::Object(object)) = piece else {
            self.is_over = true;
            // Anything but a proper end must not look like one.
            let end = matches!(piece, Some(Piece::End));
            let broken = io::Error::other("the statement's thread has died");
            return Poll::Ready((!end).then_some(Err(broken)));
        };
        Poll::Ready(Some(Ok(Frame::data(object))))
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    listed(headers, "accept").any(|item| item.starts_with("application/stream+json"))
}

/// The level to compress with, when the client takes gzip.
fn gzip_level(headers: &HeaderMap) -> Option<u32> {
    let takes = listed(headers, "accept-encoding").any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((&item, ""));
        let refused = weight.trim() == "q=0" || weight.trim() == "q=0.0";
        name.trim() == "gzip" && !refused
    });
    let level = headers
        .get("preferred-compression-level")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .filter(|level| (1..=9).contains(level));
    takes.then(|| level.unwrap_or(DEFAULT_LEVEL))
}

/// The lower-cased items of a comma list over all lines of a header.
fn listed(headers: &HeaderMap, name: &str) -> impl Iterator<Item = String> {
    let lines = headers.get_all(name).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|item| item.trim().to_ascii_lowercase())
}

/// A random UUID (version 4).
fn query_id() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &text[range]);
    parts.join("-")
}

/// Backpressure: the statement runs at most so many objects ahead of the connection.
const OBJECTS_AHEAD: usize = 4;

/// The middle of Ocient's advice for interactive use.
const DEFAULT_FETCH_SIZE: usize = 500;

/// What zlib takes for the best trade.
const DEFAULT_LEVEL: u32 = 6;
