//! Which idle connection is used next, and when one is closed.
use super::*;
use crate::body::Body;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::sleep,
};

const SECOND: Duration = Duration::from_secs(1);

fn pool() -> Arc<Pool> {
    Arc::default()
}

/// An idle connection that answers its first request with `name`, and its other end.
async fn connection() -> (Connection, DuplexStream) {
    let (near, far) = duplex(4096);
    let permit = Permit::of(&Arc::default(), 1).unwrap();
    let connection = Connection::new(near, permit).await.unwrap();
    let mut turns = 0;
    while !connection.sender.is_ready() && turns < 100 {
        tokio::task::yield_now().await;
        turns += 1;
    }
    assert!(connection.sender.is_ready());
    (connection, far)
}

/// Puts a new connection into the pool; its other end.
async fn put(pool: &Arc<Pool>) -> DuplexStream {
    let (connection, far) = connection().await;
    pool.lease(connection).release();
    far
}

/// Whether `far` is the other end of the connection.
async fn is_it(mut connection: Connection, far: &mut DuplexStream) -> bool {
    let request = Request::new(Outgoing::new(Body::empty(), |_| {}));
    let sending = tokio::spawn(connection.send(request));
    let mut byte = [0];
    let heard = tokio::time::timeout(SECOND, far.read_exact(&mut byte)).await;
    sending.abort();
    drop(connection);
    matches!(heard, Ok(Ok(1)))
}

/// Whether the pool has let the connection go.
async fn is_closed(far: &mut DuplexStream) -> bool {
    let mut byte = [0];
    let end = tokio::time::timeout(Duration::from_millis(1), far.read(&mut byte)).await;
    matches!(end, Ok(Ok(0)))
}

fn count(pool: &Pool) -> usize {
    pool.shelf().idle.len()
}

#[tokio::test(start_paused = true)]
async fn the_connection_used_last_is_used_next_and_only_once() {
    let pool = pool();
    let (_first, mut last) = (put(&pool).await, put(&pool).await);
    let next = pool.take().unwrap();
    assert_eq!(count(&pool), 1);
    assert!(is_it(next, &mut last).await);
    assert!(pool.take().is_some());
    assert!(pool.take().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_sql_node_has_closed_is_not_used_again() {
    let pool = pool();
    let mut good = put(&pool).await;
    drop(put(&pool).await);
    sleep(SECOND).await; // its driver has seen the end
    let next = pool.take().unwrap();
    assert!(is_it(next, &mut good).await);
    assert!(pool.take().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_ready_at_its_release_is_closed() {
    let pool = pool();
    let (mut connection, mut far) = connection().await;
    let request = Request::new(Outgoing::new(Body::empty(), |_| {}));
    let answer = tokio::spawn(connection.send(request));
    far.read_u8().await.unwrap();
    pool.lease(connection).release();
    assert_eq!(count(&pool), 0);
    assert!(answer.await.unwrap().is_err(), "nobody drives it any more");
    assert!(far.write_all(b"HTTP/1.1 200 OK").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_idle_for_too_long_is_not_used() {
    let pool = pool();
    let _old = put(&pool).await;
    sleep(MAX_IDLE - SECOND).await;
    let _young = put(&pool).await;
    tokio::time::advance(SECOND).await;
    assert!(pool.take().is_some());
    assert!(pool.take().is_none());
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_though_no_further_request_comes() {
    let pool = pool();
    let (mut old, mut young) = (put(&pool).await, put(&pool).await);
    sleep(MAX_IDLE / 2).await;
    assert!(pool.take().is_some(), "the younger one is used");
    assert!(is_closed(&mut young).await);
    let mut third = put(&pool).await;
    sleep(MAX_IDLE / 2 + SECOND).await;
    assert!(is_closed(&mut old).await && !is_closed(&mut third).await);
    assert_eq!(count(&pool), 1);
    sleep(MAX_IDLE / 2 + SECOND).await;
    assert!(is_closed(&mut third).await);
    assert!(!pool.shelf().is_tended, "there is nothing left to do");
    let mut again = put(&pool).await;
    sleep(MAX_IDLE + SECOND).await;
    assert!(is_closed(&mut again).await);
}

#[tokio::test(start_paused = true)]
async fn a_burst_leaves_no_more_idle_connections_than_the_most() {
    let pool = pool();
    let mut ends = Vec::new();
    for _ in 0..MOST_IDLE + 10 {
        ends.push(put(&pool).await);
    }
    assert_eq!(count(&pool), MOST_IDLE);
    assert!(is_closed(&mut ends[9]).await && !is_closed(&mut ends[10]).await);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_idle_connection_gives_its_place_to_a_new_one_elsewhere() {
    let bound = super::super::bound::Bound::new(2, 2, 0);
    let (idle, busy) = (bound.pool(0).clone(), bound.pool(1).clone());
    let mut ends = Vec::new();
    for _ in 0..2 {
        let (near, far) = duplex(4096);
        let permit = bound.permit(0).unwrap();
        let connection = Connection::new(near, permit).await.unwrap();
        tokio::task::yield_now().await;
        idle.lease(connection).release();
        ends.push(far);
    }
    assert_eq!((idle.idle(), busy.idle()), (2, 0));
    let first = bound.permit(1).unwrap();
    assert!(is_closed(&mut ends[0]).await && !is_closed(&mut ends[1]).await);
    let second = bound.permit(1).unwrap();
    assert!(bound.permit(1).is_none(), "there are two of them");
    drop((first, second));
    assert!(bound.permit(0).is_some());
}
