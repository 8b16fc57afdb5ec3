//! Turns rows into the JSON objects of an answer: one whole object, or one for each chunk.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    answer::{Fault, success},
    statement::Format,
};

/// What the statement's thread hands to the answer.
#[derive(Debug)]
pub(super) enum Piece {
    /// The whole body; nothing follows.
    Whole(Bytes),
    /// One object of a chunked body.
    Object(Bytes),
    /// The chunked body is complete.
    End,
    /// The statement failed before anything went out.
    Fault(Fault),
}

/// The client has left.
#[derive(Debug)]
pub(super) struct Gone;

/// A column as the statement declares it.
pub(super) struct Column {
    pub(super) name: String,
    /// `None` for expressions, whose type the first row tells.
    pub(super) declared: Option<String>,
}

/// How a result leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    pub(super) format: Format,
    /// Rows in each object; `None`: one object, unless the result is large.
    pub(super) rows_per_object: Option<usize>,
    /// More rows than this go out in several objects even if one was asked for.
    pub(super) large_result: usize,
    /// The gzip level; a compressed result is complete before its first byte leaves.
    pub(super) gzip: Option<u32>,
}

/// The result of one statement on its way out.
pub(super) struct Output {
    delivery: Delivery,
    out: mpsc::Sender<Piece>,
    id: String,
    columns: Vec<Column>,
    names: Vec<String>,
    schema: Option<Value>,
    rows: Vec<u8>,
    count: usize,
    has_sent: bool,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl Output {
    pub(super) fn new(delivery: Delivery, id: String, out: mpsc::Sender<Piece>) -> Self {
        let encoder = delivery
            .gzip
            .map(|level| GzEncoder::new(Vec::new(), Compression::new(level)));
        Self {
            delivery,
            out,
            id,
            columns: Vec::new(),
            names: Vec::new(),
            schema: None,
            rows: Vec::new(),
            count: 0,
            has_sent: false,
            encoder,
        }
    }

    /// Says what the rows will look like.
    pub(super) fn columns(&mut self, columns: Vec<Column>) {
        self.names = columns
            .iter()
            .map(|column| Value::from(column.name.as_str()).to_string())
            .collect();
        self.columns = columns;
    }

    /// Takes a row, sending an object when enough of them are there. Blocks while the client is slow.
    pub(super) fn row<'a>(&mut self, value: impl Fn(usize) -> ValueRef<'a>) -> Result<(), Gone> {
        if self.schema.is_none() {
            self.schema = Some(schema(&self.columns, &value));
        }
        self.append(&value);
        self.count += 1;
        match self.delivery.rows_per_object {
            None if self.count > self.delivery.large_result => {
                self.delivery.rows_per_object = Some(LARGE_OBJECT_ROWS);
            }
            None => return Ok(()),
            Some(_) => {}
        }
        let is_full = self
            .delivery
            .rows_per_object
            .is_some_and(|rows| self.count >= rows)
            || self.rows.len() >= LARGE_OBJECT_BYTES;
        if is_full {
            let object = self.object(None);
            self.send(object)?;
        }
        Ok(())
    }

    /// Whether a compressed result has outgrown the node's memory.
    pub(super) fn is_too_large(&self) -> bool {
        let compressed = self
            .encoder
            .as_ref()
            .map_or(0, |encoder| encoder.get_ref().len());
        compressed > MOST_COMPRESSED_BYTES
    }

    /// Sends what is left, with the status.
    pub(super) fn finish(mut self, fault: Option<Fault>) -> Result<(), Gone> {
        if let (Some(fault), false) = (&fault, self.has_sent) {
            return self.hand_over(Piece::Fault(fault.clone()));
        }
        let status = match fault {
            Some(fault) => fault.status(),
            None => success("The operation completed successfully"),
        };
        let object = self.object(Some(&status));
        if let Some(mut encoder) = self.encoder.take() {
            write(&mut encoder, &object);
            let whole = encoder.finish().expect("a Vec takes every byte");
            return self.hand_over(Piece::Whole(whole.into()));
        }
        if self.delivery.rows_per_object.is_none() {
            return self.hand_over(Piece::Whole(object.into()));
        }
        self.send(object)?;
        self.hand_over(Piece::End)
    }

    fn append<'a>(&mut self, value: &impl Fn(usize) -> ValueRef<'a>) {
        let [open, close] = match self.delivery.format {
            Format::Array => [b'[', b']'],
            Format::Collection => [b'{', b'}'],
        };
        if self.count > 0 {
            self.rows.push(b',');
        }
        self.rows.push(open);
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                self.rows.push(b',');
            }
            if self.delivery.format == Format::Collection {
                self.rows.extend_from_slice(name.as_bytes());
                self.rows.push(b':');
            }
            append_value(&mut self.rows, value(index));
        }
        self.rows.push(close);
    }

    /// Empties the gathered rows into one object; the first carries the schema, the last the status.
    fn object(&mut self, status: Option<&Value>) -> Vec<u8> {
        let mut object = Vec::with_capacity(self.rows.len() + 256);
        object.extend_from_slice(format!("{{\"query_id\":\"{}\"", self.id).as_bytes());
        if let Some(status) = status {
            object.extend_from_slice(format!(",\"status\":{status}").as_bytes());
        }
        object.extend_from_slice(b",\"data\":[");
        object.append(&mut self.rows);
        object.push(b']');
        if !self.has_sent {
            let schema = self.schema.take();
            let schema = schema.unwrap_or_else(|| schema_without_rows(&self.columns));
            object.extend_from_slice(format!(",\"schema\":{schema}").as_bytes());
        }
        object.push(b'}');
        if self.delivery.rows_per_object.is_some() {
            // Whitespace between objects: each chunk still parses by itself, and so does a stream.
            object.push(b'\n');
        }
        self.count = 0;
        object
    }

    fn send(&mut self, object: Vec<u8>) -> Result<(), Gone> {
        self.has_sent = true;
        if let Some(encoder) = &mut self.encoder {
            write(encoder, &object);
            return Ok(());
        }
        self.hand_over(Piece::Object(object.into()))
    }

    fn hand_over(&self, piece: Piece) -> Result<(), Gone> {
        self.out.blocking_send(piece).map_err(|_| Gone)
    }
}

fn write(encoder: &mut GzEncoder<Vec<u8>>, bytes: &[u8]) {
    encoder.write_all(bytes).expect("a Vec takes every byte");
}

fn append_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    let json = match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        // NaN and infinity have no JSON form and become null.
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => hex(bytes).into(),
    };
    serde_json::to_writer(out, &json).expect("a Vec takes every byte");
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn schema<'a>(columns: &[Column], value: &impl Fn(usize) -> ValueRef<'a>) -> Value {
    let column = |(index, column): (usize, &Column)| {
        let stored = match value(index) {
            ValueRef::Null => "NULL",
            ValueRef::Integer(_) => "BIGINT",
            ValueRef::Real(_) => "DOUBLE",
            ValueRef::Text(_) => "VARCHAR",
            ValueRef::Blob(_) => "BINARY",
        };
        json!({ "name": column.name, "type": column.declared.as_deref().unwrap_or(stored) })
    };
    columns.iter().enumerate().map(column).collect()
}

fn schema_without_rows(columns: &[Column]) -> Value {
    schema(columns, &|_| ValueRef::Null)
}

/// Ocient's advice for batches is 5,000 to 10,000 rows in a chunk.
const LARGE_OBJECT_ROWS: usize = 5_000;

/// An object is gathered in memory before it leaves; wide rows end it early.
const LARGE_OBJECT_BYTES: usize = 4 * 1024 * 1024;

/// A compressed result is held in memory as a whole.
const MOST_COMPRESSED_BYTES: usize = 256 * 1024 * 1024;
