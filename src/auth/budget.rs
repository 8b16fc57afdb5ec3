//! `Budget`: bytes of bodies that are held at once to see which database they name.
use crate::{failure::Failure, network::Networks, share::Share};
use bytes::Bytes;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Memory for the bodies of all requests that wait for their decision, or are on their way after
/// it. One client network has a quarter of it while more than half is taken, so that one that sends
/// slowly on purpose does not keep everybody from being inspected.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    share: Share,
    networks: Networks,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_network: HashMap<IpAddr, usize>,
}

impl Budget {
    /// `limit`: bytes in all; `one`: bytes of one body, which a client that is alone may always
    /// hold.
    pub(super) fn new(limit: usize, one: usize, networks: Networks) -> Arc<Self> {
        Arc::new(Self {
            limit,
            share: Share::of(limit, 0).at_least(one),
            networks,
            taken: Mutex::default(),
        })
    }

    /// What a body of `client` holds: nothing yet.
    pub(super) fn holding(self: &Arc<Self>, client: IpAddr) -> Held {
        Held {
            network: self.networks.of(client),
            budget: self.clone(),
            bytes: Holding::Nothing,
            charged: 0,
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body as far as it has come, and its part of the budget, given back when it is dropped.
pub(super) struct Held {
    budget: Arc<Budget>,
    network: Option<IpAddr>,
    bytes: Holding,
    charged: usize,
}

// Not to be printed: the bytes are people's statements.
enum Holding {
    Nothing,
    /// One piece as it came, which nearly all bodies are.
    Piece(Bytes),
    /// Several, copied together: as pieces of their own, small ones would take a multiple of
    /// their length.
    Joined(Vec<u8>),
}

/// Smallest amount that room is made for.
const LEAST: usize = 4 * 1024;

impl Held {
    /// Adds `piece` to a body that will have `most` bytes at most.
    ///
    /// # Errors
    /// [`Failure::BodiesFull`].
    pub(super) fn add(&mut self, piece: Bytes, most: usize) -> Result<(), Failure> {
        let length = self.len() + piece.len();
        if matches!(self.bytes, Holding::Nothing) {
            self.charge(length)?;
            self.bytes = Holding::Piece(piece);
            return Ok(());
        }
        if length > self.room() {
            // Twice as much, so that each byte is copied twice at most; never more than there can be.
            let room = (2 * length).max(LEAST).min(most.max(length));
            self.charge(room)?;
            let mut joined = Vec::with_capacity(room);
            joined.extend_from_slice(self.as_ref());
            self.bytes = Holding::Joined(joined);
        }
        if let Holding::Joined(joined) = &mut self.bytes {
            joined.extend_from_slice(&piece);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// The whole body, which gives its part of the budget back when the last of it has gone.
    pub(super) fn into_bytes(self) -> Bytes {
        match self.bytes {
            Holding::Nothing => Bytes::new(),
            _ => Bytes::from_owner(self),
        }
    }

    fn room(&self) -> usize {
        match &self.bytes {
            Holding::Joined(joined) => joined.capacity(),
            _ => 0,
        }
    }

    /// Takes as much of the budget as `bytes` are, or leaves it as it is.
    fn charge(&mut self, bytes: usize) -> Result<(), Failure> {
        let more = bytes.saturating_sub(self.charged);
        let budget = &self.budget;
        let mut taken = budget.taken();
        let all = taken.all + more;
        if all > budget.limit {
            return Err(Failure::BodiesFull);
        }
        if let Some(network) = self.network {
            let own = taken.by_network.get(&network).copied().unwrap_or(0) + more;
            if !budget.share.allows(own, all) {
                return Err(Failure::BodiesFull);
            }
            taken.by_network.insert(network, own);
        }
        taken.all = all;
        self.charged += more;
        Ok(())
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        match &self.bytes {
            Holding::Nothing => &[],
            Holding::Piece(piece) => piece,
            Holding::Joined(joined) => joined,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.charged == 0 {
            return;
        }
        let mut taken = self.budget.taken();
        taken.all -= self.charged;
        let Some(network) = self.network else { return };
        if let Some(own) = taken.by_network.get_mut(&network) {
            *own -= self.charged;
            if *own == 0 {
                taken.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn client(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    /// A body of so many pieces of 1 KiB each.
    fn body(budget: &Arc<Budget>, number: u8, pieces: usize) -> Result<Held, Failure> {
        let mut held = budget.holding(client(number));
        for _ in 0..pieces {
            held.add(Bytes::from(vec![b'x'; KIB]), pieces * KIB)?;
        }
        Ok(held)
    }

    #[test]
    fn a_body_takes_what_it_holds_until_the_last_of_it_has_gone() {
        let budget = Budget::new(16 * KIB, 8 * KIB, Networks::default());
        let held = body(&budget, 1, 8).unwrap();
        assert_eq!(budget.taken().all, 8 * KIB);
        let bytes = held.into_bytes();
        let copy = bytes.slice(..KIB);
        assert_eq!(bytes, vec![b'x'; 8 * KIB]);
        drop(bytes);
        assert_eq!(budget.taken().all, 8 * KIB, "some of it is still held");
        drop(copy);
        assert_eq!(budget.taken().all, 0);
        assert!(budget.taken().by_network.is_empty());
    }

    #[test]
    fn a_body_that_finds_no_room_gives_back_what_it_had() {
        let budget = Budget::new(16 * KIB, 16 * KIB, Networks::default());
        let first = body(&budget, 1, 10).unwrap();
        assert_eq!(body(&budget, 2, 10).err(), Some(Failure::BodiesFull));
        assert_eq!(budget.taken().all, 10 * KIB);
        drop(first);
        assert!(body(&budget, 2, 10).is_ok());
    }

    #[test]
    fn a_client_has_a_quarter_while_more_than_half_is_taken() {
        let budget = Budget::new(16 * KIB, KIB, Networks::default());
        let bodies = |number, most| -> Vec<Held> {
            let one = |_| body(&budget, number, 1).ok();
            (0..most).map_while(one).collect()
        };
        let (first, second, third) = (bodies(1, 99), bodies(2, 99), bodies(3, 99));
        assert_eq!([first.len(), second.len(), third.len()], [8, 4, 4]);
        assert!(body(&budget, 4, 1).is_err());
        drop(second);
        assert!(body(&budget, 4, 1).is_ok() && body(&budget, 1, 1).is_err());
    }

    #[test]
    fn a_client_that_is_alone_may_hold_the_longest_body() {
        let budget = Budget::new(16 * KIB, 16 * KIB, Networks::default());
        assert!(body(&budget, 1, 16).is_ok());
    }

    #[test]
    fn small_pieces_take_no_more_than_twice_their_length() {
        let budget = Budget::new(1024 * KIB, 256 * KIB, Networks::default());
        let mut held = budget.holding(client(1));
        for _ in 0..10_000 {
            held.add(Bytes::from_static(b"x"), 256 * KIB).unwrap();
        }
        assert_eq!(held.len(), 10_000);
        assert!(
            budget.taken().all <= 2 * 10_000 + LEAST,
            "{}",
            budget.taken().all
        );
    }
}
