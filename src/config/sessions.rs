//! `[sessions]`: how long a sign-in lasts, and where it is kept.
use super::{
    fault::Fault,
    files::Use,
    section::Section,
    units::duration,
    values::{choice, except, path, string},
};
use std::{path::PathBuf, time::Duration};

/// `[sessions]`
#[derive(Clone, Debug)]
pub struct Sessions {
    /// Where sessions are kept; default embedded.
    pub store: Store,
    /// Longest life of a session; default 8 h.
    pub lifetime: Duration,
    /// Longest life of a session that is extended without asking anybody, from the sign-in on;
    /// default 12 h.
    pub max_lifetime: Duration,
    /// Longest pause between two requests of a session; default 1 h.
    pub idle: Duration,
    /// How long a session is believed without asking the store; default 5 s.
    pub local_ttl: Duration,
    /// Folder of the key ring; default `state/keys`.
    pub keys: PathBuf,
}

/// Where sessions are kept.
#[derive(Clone, Debug)]
pub enum Store {
    /// In this process: a restart ends every session.
    Memory,
    /// In a file of this process.
    Embedded {
        /// The file; default `state/sessions.redb`.
        path: PathBuf,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Embedded,
}

impl Sessions {
    /// Whether what is kept outlives this process.
    pub(super) fn is_durable(&self) -> bool {
        match self.store {
            Store::Memory => false,
            Store::Embedded { .. } => true,
        }
    }

    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let store = store(section);
        // A working day; a month is the longest that a forgotten browser should stay signed in.
        let lifetimes = SECOND..=Duration::from_hours(24 * 30);
        let lifetime = section.defaulted("lifetime", "'8h'", duration(lifetimes.clone()));
        // The longest that NIST SP 800-63B section 4.2.3 lets a person go on without signing in
        // again, however busy.
        let max_lifetime = section.defaulted("max_lifetime", "'12h'", duration(lifetimes.clone()));
        // A meeting or a lunch. The lifetime ends a session all the same.
        let idle = section.defaulted("idle", "'1h'", duration(lifetimes));
        // Another sidecar notices a logout this much later at worst, so seconds, not minutes.
        let local = Duration::from_millis(1)..=Duration::from_mins(1);
        let local_ttl = section.defaulted("local_ttl", "'5s'", duration(local));
        let keys = section.defaulted("keys", "'state/keys'", string(path));
        let (lifetime, max_lifetime) = (lifetime?, max_lifetime?);
        if max_lifetime < lifetime {
            let fault = Fault::new("longer than `max_lifetime`, which is 12h unless it is set");
            return section.fault("lifetime", fault.cure("lower it, or raise `max_lifetime`"));
        }
        let keys = section.resolve(keys?);
        section.uses("keys", Use::Keys(keys.clone()));
        Some(Self {
            store: store?,
            lifetime,
            max_lifetime,
            idle: idle?,
            local_ttl: local_ttl?,
            keys,
        })
    }
}

fn store(section: &mut Section<'_>) -> Option<Store> {
    let kinds = choice(&[("memory", Kind::Memory), ("embedded", Kind::Embedded)]);
    // Sessions outlive a restart without any other service.
    let kind = section.defaulted("store", "'embedded'", except("redis", kinds));
    let path = section.defaulted("path", "'state/sessions.redb'", string(path));
    section.unavailable("redis");
    let path = section.resolve(path?);
    Some(match kind? {
        Kind::Memory => Store::Memory,
        Kind::Embedded => {
            section.uses("path", Use::State(path.clone()));
            Store::Embedded { path }
        }
    })
}

/// Less would end a session before its first request.
const SECOND: Duration = Duration::from_secs(1);
