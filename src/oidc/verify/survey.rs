//! All that is wrong with a token, for its operator: rules behind the first broken one.
use super::{
    Expect, Kind, Rule, Trace, check_audience, check_issued_at, check_issuer, check_no_event,
    check_no_key_binding, check_nonce, check_times, kind, names, ways,
};
use crate::{
    config,
    oidc::{TokenFault, claims::Claims},
    token_kind::TokenKind,
};
use std::time::SystemTime;

/// Holds `claims`, whose signature is good and of which some rule is broken, against the rules that
/// were not reached. What compares the token with others that came along is left out, and so is
/// what userinfo may still add.
pub(super) fn survey(
    rules: &config::Provider,
    claims: Claims<'_>,
    (header, expect): (Kind, Expect<'_>),
    now: SystemTime,
    trace: &mut Trace,
) {
    let mut note = |rule: Rule, check: &dyn Fn() -> Result<(), TokenFault>| {
        if trace.outcome(rule).is_none() {
            drop(trace.check(rule, check()));
        }
    };
    note(Rule::Issuer, &|| check_issuer(rules, claims, expect));
    note(Rule::NoEvent, &|| check_no_event(claims));
    note(Rule::NoKeyBinding, &|| check_no_key_binding(claims));
    let token_kind = kind::token_kind(rules, claims, header, expect);
    note(Rule::Kind, &|| token_kind.clone().map(drop));
    if let Ok(token_kind) = token_kind {
        let kind = (header, token_kind);
        note(Rule::Audience, &|| check_audience(rules, claims, kind));
        if token_kind == TokenKind::Id {
            note(Rule::IssuedAt, &|| check_issued_at(claims));
        }
    }
    note(Rule::Lifetime, &|| {
        check_times(rules, claims, now).map(drop)
    });
    if let Expect::SignIn { nonce, .. } = expect {
        note(Rule::Nonce, &|| check_nonce(claims, nonce));
    }
    if let Some(begun_at) = ways::demanded_from(expect, now) {
        note(Rule::SignedInAt, &|| {
            ways::check_auth_time(rules, claims, begun_at)
        });
        note(Rule::WayOfSignIn, &|| ways::check_acr(rules, claims));
    }
    note(Rule::Subject, &|| names::subject(claims).map(drop));
    note(Rule::ProviderSession, &|| {
        names::provider_session(claims).map(drop)
    });
    if !rules.userinfo {
        note(Rule::UserName, &|| names::username(rules, claims).map(drop));
        note(Rule::Groups, &|| names::groups(rules, claims).map(drop));
    }
}
