//! What ties the ID token of a refresh to the one of its sign-in.
use super::{Identity, TokenFault};
use crate::oidc::claims::Claims;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// The claims that a refresh may not change (OpenID Connect Core section 12.2). Empty for tokens
/// that nobody can refresh.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lineage {
    audiences: Vec<String>,
    authorized_party: Option<String>,
    /// In whole seconds: some providers write fractions, and not always.
    auth_time: Option<u64>,
    nonce: Option<String>,
}

impl Lineage {
    pub(super) fn of(claims: Claims<'_>) -> Result<Self, TokenFault> {
        let audiences = claims.one_or_many("aud")?;
        Ok(Self {
            audiences: audiences.into_iter().map(str::to_owned).collect(),
            authorized_party: claims.text("azp")?.map(str::to_owned),
            auth_time: claims.instant("auth_time")?.map(whole_seconds),
            nonce: claims.text("nonce")?.map(str::to_owned),
        })
    }

    /// The lineage of a refreshed token, which is that of the sign-in, if it is the same person's
    /// at the same provider.
    ///
    /// # Errors
    /// The first claim that is not the same.
    pub(super) fn inherit(claims: Claims<'_>, before: &Identity) -> Result<Self, TokenFault> {
        let first = before.lineage().cloned().unwrap_or_default();
        let later = Self::of(claims)?;
        let has_all = |audience| later.audiences.contains(audience);
        for (claim, is_same) in [
            ("iss", claims.text("iss")? == Some(before.issuer())),
            ("sub", claims.text("sub")? == Some(&*before.subject)),
            ("aud", first.audiences.iter().all(has_all)),
            ("azp", later.authorized_party == first.authorized_party),
            ("auth_time", is_kept(&first.auth_time, &later.auth_time)),
            ("nonce", is_kept(&first.nonce, &later.nonce)),
        ] {
            if !is_same {
                return Err(TokenFault::Lineage(claim));
            }
        }
        Ok(first)
    }
}

fn whole_seconds(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.unwrap_or_default().as_secs()
}

/// A claim may be left out, but not be another one, nor one that the sign-in lacked.
fn is_kept<T: PartialEq>(first: &Option<T>, later: &Option<T>) -> bool {
    later.is_none() || later == first
}
