//! `[sso]`: the sign-in itself.
use super::{
    section::Section,
    values::{choice, string, text},
};
use std::sync::Arc;

/// `[sso]`
#[derive(Clone, Debug)]
pub struct Sso {
    /// The database of a sign-in or query that names none; default `system`.
    pub default_database: Arc<str>,
    /// Who may pick up the session of a device code; default [`DevicePickup::Network`].
    pub device_pickup: DevicePickup,
}

/// From where the session of a sign-in on another device is picked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevicePickup {
    /// The network of the client that began it: its /24 in IPv4, its /48 in IPv6.
    Network,
    /// Anywhere.
    Anywhere,
}

impl Sso {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        // The database that every SQL node has.
        let default_database = section.defaulted("default_database", "'system'", string(text));
        // One program begins and picks up. A person who is made to approve a code that somebody
        // else began (RFC 8628 section 5.4) signs in a program of another network.
        let device_pickup = section.defaulted("device_pickup", "'network'", choice(&PICKUPS));
        Some(Self {
            default_database: default_database?.into(),
            device_pickup: device_pickup?,
        })
    }
}

const PICKUPS: [(&str, DevicePickup); 2] = [
    ("network", DevicePickup::Network),
    ("anywhere", DevicePickup::Anywhere),
];
