//! Runs one statement on a thread of its own, rows going out as they come.

use std::sync::Arc;

use rusqlite::{
    Connection, Error, ErrorCode,
    functions::FunctionFlags,
    hooks::{AuthAction, AuthContext, Authorization},
};

use super::{
    answer::Fault,
    database::{Database, Databases},
    gates::Cancel,
    result::{Column, Gone, Output},
    statement::Order,
    tokens::Holder,
};

/// Everything a statement needs to run.
pub(super) struct Query {
    pub(super) order: Order,
    pub(super) database: Database,
    pub(super) caller: Holder,
    pub(super) databases: Arc<Databases>,
    pub(super) cancel: Arc<Cancel>,
}

/// How a statement ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its whole result, or its error, has gone out.
    Answered,
    /// The client left first.
    Interrupted,
}

/// Why the rows stopped.
enum Stop {
    Sql(Error),
    Fault(Fault),
    Gone,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl Query {
    /// Runs to the end, blocking. `output` also takes the error.
    pub(super) fn run(self, mut output: Output) -> Ended {
        let fault = match self.rows(&mut output) {
            Ok(()) => match output.finish(None) {
                Ok(()) => return Ended::Answered,
                Err(Gone) => return Ended::Interrupted,
            },
            Err(Stop::Gone) => return Ended::Interrupted,
            Err(Stop::Fault(fault)) => fault,
            Err(Stop::Sql(error)) => {
                if self.cancel.is_cancelled() {
                    return Ended::Interrupted;
                }
                fault(&error)
            }
        };
        match output.finish(Some(fault)) {
            Ok(()) => Ended::Answered,
            Err(Gone) => Ended::Interrupted,
        }
    }

    fn rows(&self, output: &mut Output) -> Result<(), Stop> {
        let sql = self.order.sql.trim_end().trim_end_matches(';');
        let may_write = self.caller.is_admin && self.database == Database::System;
        if may_write && !reads_only(sql) {
            let (mut connection, writing) = self.databases.open_system_to_write()?;
            self.prepare_connection(&mut connection, sql, true)?;
            self.step(&connection, sql, output)?;
            connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
            writing.commit(&mut connection)?;
            return Ok(());
        }
        let mut connection = self.databases.open(self.database)?;
        self.prepare_connection(&mut connection, sql, false)?;
        self.step(&connection, sql, output)
    }

    fn step(&self, connection: &Connection, sql: &str, output: &mut Output) -> Result<(), Stop> {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.columns();
        let columns = columns.map(|column| Column {
            name: column.name().to_owned(),
            declared: column.decl_type().map(str::to_uppercase),
        });
        let columns: Vec<Column> = columns.collect();
        let width = columns.len();
        output.columns(columns);
        let mut rows = statement.query([])?;
        let mut left = self.order.max_rows;
        while left > 0 {
            let Some(row) = rows.next()? else { break };
            if self.cancel.is_cancelled() {
                return Err(Stop::Gone);
            }
            if width > 0 {
                output.row(|index| {
                    row.get_ref(index)
                        .unwrap_or(rusqlite::types::ValueRef::Null)
                })?;
            }
            if output.is_too_large() {
                let reason = "the compressed result is larger than this node can hold";
                return Err(Stop::Fault(Fault::bad_request(reason)));
            }
            left -= 1;
        }
        Ok(())
    }

    /// Adds the `sys` schema and the functions, then shuts out everything else.
    fn prepare_connection(
        &self,
        connection: &mut Connection,
        sql: &str,
        may_write: bool,
    ) -> rusqlite::Result<()> {
        if sql.to_ascii_lowercase().contains("sys.") {
            add_sys(connection, sql)?;
        }
        self.add_functions(connection)?;
        let cancel = self.cancel.clone();
        let interrupted = move || cancel.is_cancelled();
        connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(interrupted))?;
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            allowed(&context, may_write)
        }))
    }

    fn add_functions(&self, connection: &Connection) -> rusqlite::Result<()> {
        // Without `SQLITE_DETERMINISTIC`, so that SQLite calls them for each row.
        let flags = FunctionFlags::SQLITE_UTF8;
        let cancel = self.cancel.clone();
        connection.create_scalar_function("pause", 1, flags, move |context| {
            let gate: String = context.get(0)?;
            if cancel.pass_gate(&gate) {
                return Ok(gate);
            }
            Err(Error::UserFunctionError("interrupted at a gate".into()))
        })?;
        let user = self.caller.user.clone();
        connection.create_scalar_function("current_user", 0, flags, move |_| Ok(user.clone()))?;
        let database = self.database.name();
        connection.create_scalar_function("current_database", 0, flags, move |_| Ok(database))
    }
}

/// The system catalogue, only for statements that name it: it takes longer than a small query.
fn add_sys(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.execute_batch("ATTACH ':memory:' AS sys")?;
    connection.execute_batch(SYS)?;
    for count in dummy_tables(sql) {
        connection.execute_batch(&format!(
            "CREATE VIEW IF NOT EXISTS sys.dummy{count} AS WITH RECURSIVE n(c1) AS \
             (SELECT 1 UNION ALL SELECT c1 + 1 FROM n WHERE c1 < {count}) SELECT c1 FROM n"
        ))?;
    }
    Ok(())
}

/// A first guess by the first word; the authorizer decides.
fn reads_only(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    ["select", "with", "values", "explain"]
        .iter()
        .any(|reading| word.eq_ignore_ascii_case(reading))
}

fn allowed(context: &AuthContext<'_>, may_write: bool) -> Authorization {
    match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Pragma { .. }
        | AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. } => Authorization::Deny,
        _ if may_write && context.database_name == Some("main") => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

/// The row counts N of all `sys.dummyN` in a statement; at most [`MOST_DUMMIES`].
fn dummy_tables(sql: &str) -> Vec<u64> {
    let lower = sql.to_ascii_lowercase();
    let pieces = lower.split("sys.dummy").skip(1);
    let numbers = pieces.filter_map(|piece| {
        let end = piece
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(piece.len());
        piece[..end].parse().ok()
    });
    numbers.take(MOST_DUMMIES).collect()
}

/// SQLite's words in Ocient's codes.
fn fault(error: &Error) -> Fault {
    use http::StatusCode;
    let reason = error.to_string();
    let bad = |code, state| Fault::new(StatusCode::BAD_REQUEST, code, state, reason.clone());
    match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly) => {
            return Fault::forbidden(-700, reason);
        }
        Some(ErrorCode::ConstraintViolation) => return bad(-330, "23505"),
        Some(ErrorCode::OperationInterrupted) => return bad(-910, "57014"),
        _ => {}
    }
    if reason.contains("no such table") {
        return bad(-600, "42704");
    }
    if reason.contains("no such column") {
        return bad(-400, "42703");
    }
    if reason.contains("no such function") {
        return bad(-516, "42883");
    }
    if reason.contains("already exists") {
        return bad(-602, "42710");
    }
    if matches!(error, Error::InvalidParameterCount(..)) {
        return bad(-313, "07001");
    }
    bad(-500, "42601")
}

/// Some 10 µs of work: soon enough to stop, too seldom to cost.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// SQLite's parser is the next bound; this one keeps the set-up short.
const MOST_DUMMIES: usize = 16;

/// The parts of Ocient's system catalogue that people try first.
const SYS: &str = "CREATE TABLE sys.databases (name VARCHAR(64)); \
    INSERT INTO sys.databases VALUES ('system'), ('retail_analytics');";
