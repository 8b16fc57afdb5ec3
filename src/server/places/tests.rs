//! Who gets a place, and who goes for it.
use super::*;
use std::time::Duration;

/// A connection as its worker has it.
struct Open {
    activity: Activity,
    closing: CancellationToken,
    place: Place,
}

impl Open {
    fn is_served(&self) -> bool {
        matches!(self.place, Place::Served { .. })
    }

    fn must_leave(&self) -> bool {
        self.closing.is_cancelled()
    }
}

fn client(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

fn places(limit: usize, fixed: usize) -> Arc<Places> {
    let proxy = "10.0.0.0/8".parse().unwrap();
    Places::new(limit, fixed, Networks::new(&[proxy]))
}

/// Opens a connection, a second after the one before.
async fn open(places: &Arc<Places>, client: IpAddr) -> Open {
    tokio::time::advance(Duration::from_secs(1)).await;
    let (activity, closing) = (Activity::default(), CancellationToken::new());
    let place = places.take(client, &activity, &closing, Instant::now());
    Open {
        activity,
        closing,
        place: place.expect("few are refused here"),
    }
}

async fn open_many(places: &Arc<Places>, from: IpAddr, count: usize) -> Vec<Open> {
    let mut opened = Vec::new();
    for _ in 0..count {
        opened.push(open(places, from).await);
    }
    opened
}

fn leaving(connections: &[Open]) -> Vec<usize> {
    let numbered = connections.iter().enumerate();
    let leaving = numbered.filter(|(_, connection)| connection.must_leave());
    leaving.map(|(number, _)| number).collect()
}

#[tokio::test(start_paused = true)]
async fn the_one_that_is_idle_for_longest_goes_for_a_new_one() {
    let places = places(50, 50);
    let old = open_many(&places, client(1), 50).await;
    let running = old[0].activity.begin(); // a long query
    drop(old[1].activity.begin()); // the last one used
    let mut new = Vec::new();
    for expected in [vec![2], vec![2, 3]] {
        new.push(open(&places, client(2)).await);
        assert_eq!(leaving(&old), expected);
    }
    assert!(new.iter().all(Open::is_served));
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_left_is_free_and_nobody_has_to_go() {
    let places = places(3, 3);
    let mut old = open_many(&places, client(1), 3).await;
    let new = open(&places, client(2)).await;
    assert_eq!(leaving(&old), [0]);
    old.remove(0);
    old.remove(0);
    assert!(open(&places, client(3)).await.is_served() && new.is_served());
    assert!(leaving(&old).is_empty());
}

#[tokio::test(start_paused = true)]
async fn at_its_share_a_clients_own_connection_goes_and_nobody_elses() {
    let places = places(16, 0);
    let others = open_many(&places, client(9), 2).await;
    let own = open_many(&places, client(1), 6).await;
    assert!(leaving(&own).is_empty(), "half of them are free");
    let new = open(&places, client(1)).await;
    assert!(new.is_served() && leaving(&others).is_empty());
    assert_eq!(leaving(&own), [0], "more than half would be taken");
    assert!(open(&places, client(2)).await.is_served());
    assert_eq!(leaving(&own), [0], "another one has a place left");
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_connections_are_all_used_gets_no_more_than_its_share() {
    let places = places(16, 3);
    let own = open_many(&places, client(1), 3).await;
    let running: Vec<_> = own.iter().map(|it| it.activity.begin()).collect();
    assert!(!open(&places, client(1)).await.is_served());
    assert!(open(&places, client(2)).await.is_served());
    drop(running);
    assert!(open(&places, client(1)).await.is_served());
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxy_may_have_all_of_them() {
    let places = places(16, 3);
    let proxy = open_many(&places, IpAddr::from([10, 0, 0, 1]), 16).await;
    assert!(proxy.iter().all(Open::is_served) && leaving(&proxy).is_empty());
}

#[tokio::test(start_paused = true)]
async fn when_all_are_used_a_new_one_is_told_so() {
    let places = places(2, 2);
    let old = open_many(&places, client(1), 2).await;
    let running: Vec<_> = old.iter().map(|it| it.activity.begin()).collect();
    assert!(!open(&places, client(2)).await.is_served());
    assert!(leaving(&old).is_empty());
    drop(running);
    assert!(open(&places, client(2)).await.is_served());
}

/// Over HTTP/2 a request may cross the farewell.
#[tokio::test(start_paused = true)]
async fn one_that_begins_a_request_on_its_way_out_has_its_place_again() {
    let places = places(2, 2);
    let old = open_many(&places, client(1), 2).await;
    let new = open(&places, client(2)).await;
    assert_eq!(leaving(&old), [0]);
    let running: Vec<_> = [&old[0], &old[1], &new]
        .map(|it| it.activity.begin())
        .into();
    assert!(
        !open(&places, client(3)).await.is_served(),
        "two are wanted"
    );
    drop(running);
    assert!(open(&places, client(3)).await.is_served());
    assert_eq!(leaving(&old), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn no_more_are_on_their_way_out_than_the_most() {
    let places = places(100, 100);
    let old = open_many(&places, client(1), 100).await;
    let new = open_many(&places, client(2), 17).await;
    assert_eq!(leaving(&old).len(), 16);
    assert_eq!(new.iter().filter(|new| new.is_served()).count(), 16);
}

#[tokio::test(start_paused = true)]
async fn what_has_gone_is_forgotten() {
    let places = places(10, 0);
    drop(open_many(&places, client(1), 10).await);
    let present = places.present();
    assert!(present.connections.is_empty() && present.clients.is_empty());
    assert!(present.leaving.is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_of_ten_thousand_goes_in_its_turn() {
    let places = places(10_000, 10_000);
    let old = open_many(&places, client(1), 10_000).await;
    let mut new = Vec::new();
    for number in 0..3000 {
        new.push(open(&places, client(2)).await);
        assert!(old[number].must_leave(), "{number}");
        assert!(!old[number + 1].must_leave(), "{number}");
        places.present().remove(number as u64);
    }
    assert!(new.iter().all(Open::is_served));
}
