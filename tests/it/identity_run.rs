//! Many identities on few connections, some of whom are signed out meanwhile: whose each request is, and how it
//! is answered.
use crate::{
    identities::{crowded, name},
    site::{Site, note},
};
use futures_util::future::join_all;
use sidecar_testkit::{
    client::{Answer, Connection},
    sql_node::{Endpoint, RETAIL, Who},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

const IDENTITIES: usize = 100;
const REQUESTS: usize = 50;
/// Half of them speak HTTP/2.
const CONNECTIONS: usize = 8;

/// Somebody, and how far the end of what they show has come.
struct Person {
    name: String,
    /// A session token or an ID token.
    token: String,
    end: End,
    /// Somebody has begun to sign them out.
    is_ending: AtomicBool,
    /// That has been answered.
    is_ended: AtomicBool,
}

/// How somebody is signed out, if at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Never,
    Logout,
    AtProvider,
}

/// What is done in the run, each by one of the connections.
#[derive(Clone, Copy)]
enum Step {
    Ask(usize),
    SignOut(usize),
}

impl Person {
    async fn new(site: &Site, number: usize) -> Self {
        let name = name(number);
        let id_token = || site.token(|it| it.algorithm("ES256").user(&name).issued_in(-5));
        let (token, end) = match number % 4 {
            0 => (session(site, &id_token()).await, End::Logout),
            1 => (id_token(), End::AtProvider),
            2 => (session(site, &id_token()).await, End::Never),
            _ => (id_token(), End::Never),
        };
        Self {
            token,
            end,
            name,
            is_ending: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
        }
    }

    async fn ask(&self, connection: &Connection) {
        let was_ended = self.is_ended.load(Ordering::SeqCst);
        let query = "/v1/execute?statement=select+current_user()+as+who&format=collection";
        let query = connection.get(query).header("x-user", &self.name);
        let answer = query.bearer(&self.token).send().await.unwrap();
        match answer.status.as_u16() {
            200 => {
                assert!(!was_ended, "{} is answered after the end", self.name);
                assert_eq!(answer.json()["data"][0]["who"], self.name);
            }
            401 => assert!(self.is_ending.load(Ordering::SeqCst), "{}", self.name),
            _ => panic!("{}: {} {}", self.name, answer.status, answer.text()),
        }
    }

    async fn sign_out(&self, site: &Site, connection: &Connection) {
        self.is_ending.store(true, Ordering::SeqCst);
        let answer: Answer = match self.end {
            End::Logout => {
                let logout = connection.post("/v1/logout").bearer(&self.token);
                logout.send().await.unwrap()
            }
            _ => {
                site.report(&site.logout_token(|it| it.user(&self.name)))
                    .await
            }
        };
        assert_eq!(answer.status, 200, "{}: {}", self.name, answer.text());
        self.is_ended.store(true, Ordering::SeqCst);
    }
}

async fn session(site: &Site, id_token: &str) -> String {
    let body = serde_json::json!({"database": RETAIL, "id_token": id_token});
    let answer = site.sso_token(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    note(&token);
    token
}

/// Every step of the run, in an order that `seed` determines.
fn steps(people: &[Person], mut seed: u64) -> Vec<Step> {
    let asked = (0..people.len()).flat_map(|number| [Step::Ask(number); REQUESTS]);
    let ends = people.iter().enumerate();
    let ends = ends.filter(|(_, person)| person.end != End::Never);
    let ends = ends.map(|(number, _)| Step::SignOut(number));
    let mut steps: Vec<Step> = asked.chain(ends).collect();
    for at in (1..steps.len()).rev() {
        // Knuth's linear congruential generator.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        steps.swap(at, (seed >> 33) as usize % (at + 1));
    }
    steps
}

async fn connections(site: &Site) -> Vec<Connection> {
    let clients = [site.client(), site.client().http2()];
    let mut connections = Vec::new();
    for number in 0..CONNECTIONS {
        let client = clients[number % 2].clone().without_cookies();
        connections.push(client.connect(&site.origin()).await.unwrap());
    }
    connections
}

#[tokio::test]
async fn a_hundred_identities_with_logouts_in_between_are_each_themselves_to_their_end() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = seed.as_nanos() as u64;
    eprintln!("seed {seed}");
    let site = crowded(IDENTITIES).await;
    let mut people = Vec::new();
    for number in 0..IDENTITIES {
        people.push(Person::new(&site, number).await);
    }
    site.node.clear_requests();
    let (steps, connections) = (steps(&people, seed), connections(&site).await);
    let lanes = connections.iter().enumerate().map(|(lane, connection)| {
        let (site, people) = (&site, &people);
        let steps = steps.iter().skip(lane).step_by(CONNECTIONS).copied();
        async move {
            for step in steps {
                match step {
                    Step::Ask(number) => people[number].ask(connection).await,
                    Step::SignOut(number) => people[number].sign_out(site, connection).await,
                }
            }
        }
    });
    join_all(lanes).await;
    for person in &people {
        let is_ended = person.is_ended.load(Ordering::SeqCst);
        assert_eq!(is_ended, person.end != End::Never, "{}", person.name);
        person.ask(&connections[0]).await; // once more, behind everything
    }
    let mut arrived = 0;
    for request in site.node.requests() {
        if request.endpoint == Endpoint::Execute {
            arrived += 1;
            let user = request.header("x-user").unwrap().to_owned();
            assert_eq!(request.credential, Who::Token(user));
        }
    }
    // Those who are never signed out ask fifty times, and once more.
    assert!(arrived >= IDENTITIES / 2 * (REQUESTS + 1), "{arrived}");
}
