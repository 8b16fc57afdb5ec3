//! A report for a person.
use super::{
    printable::{quoted, sentence, value},
    report::Report,
};
use serde_json::{Map, Value};
use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

/// Writes the whole report.
///
/// # Errors
/// Those of `out`.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    providers(report, out)?;
    if !report.header.is_empty() {
        writeln!(out, "header")?;
        members(&report.header, out)?;
    }
    match (report.claims.is_empty(), report.claims_are_signed) {
        (true, _) => writeln!(out, "claims: none that can be read")?,
        (false, true) => writeln!(out, "claims, signed by the provider")?,
        (false, false) => writeln!(out, "claims, which nobody has proven")?,
    }
    members(&report.claims, out)?;
    if let Some(userinfo) = report.userinfo {
        writeln!(out, "lacking: {}", report.lacking.join(", "))?;
        writeln!(out, "  userinfo  {userinfo}")?;
    }
    taken(report, out)?;
    checks(report, out)?;
    grants(report, out)?;
    let database = quoted(&report.database, MAX_TEXT);
    match (&report.reason, &report.account) {
        (Some(why), _) => {
            let word = if report.accepted {
                "not granted"
            } else {
                "refused"
            };
            writeln!(out, "result: {word}: {}", sentence(why, MAX_TEXT))
        }
        (None, Some(account)) => writeln!(out, "result: granted {database}, as account {account}"),
        (None, None) => writeln!(out, "result: granted {database}"),
    }
}

fn providers(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "providers")?;
    for provider in &report.providers {
        let word = if provider.chosen { "chosen" } else { "no" };
        let (name, issuer, why) = (&provider.name, &provider.issuer, provider.why);
        writeln!(out, "  {word:<7} {name} ({issuer}): {why}")?;
    }
    if report.providers.is_empty() {
        writeln!(out, "  none is configured")?;
    }
    Ok(())
}

fn members(members: &Map<String, Value>, out: &mut impl Write) -> io::Result<()> {
    for (name, claim) in members {
        let shown = value(claim, MAX_TEXT);
        match date(name, claim) {
            Some(date) => writeln!(out, "  {name:<9} {shown} ({date})")?,
            None => writeln!(out, "  {name:<9} {shown}")?,
        }
    }
    Ok(())
}

/// What a person calls the instant that `exp`, `nbf` or `iat` is.
fn date(name: &str, claim: &Value) -> Option<String> {
    let seconds = claim.as_f64()?;
    let is_date = ["exp", "nbf", "iat"].contains(&name) && (0.0..LAST_SECOND).contains(&seconds);
    let instant =
        SystemTime::UNIX_EPOCH + Duration::from_secs(if is_date { seconds as u64 } else { 0 });
    is_date.then(|| humantime::format_rfc3339_seconds(instant).to_string())
}

fn taken(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let Some(taken) = &report.taken {
        writeln!(out, "taken: {taken}")?;
    }
    let Some(wanted) = &report.wanted else {
        return Ok(());
    };
    writeln!(out, "wanted")?;
    writeln!(out, "  client_id {}", quoted(&wanted.client_id, MAX_TEXT))?;
    for (name, values) in [
        ("audiences", &wanted.audiences),
        ("authorized_parties", &wanted.authorized_parties),
    ] {
        let values: Vec<String> = values.iter().map(|value| quoted(value, MAX_TEXT)).collect();
        writeln!(out, "  {name} {}", values.join(", "))?;
    }
    Ok(())
}

fn checks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "checks")?;
    for check in &report.checks {
        let word = match check.outcome {
            "pass" => "pass",
            "fail" => "FAIL",
            _ => "-",
        };
        let (rule, source) = (check.rule, check.source);
        match (&check.reason, word) {
            (Some(reason), _) => writeln!(out, "  {word} {rule:<17} {reason} ({source})")?,
            (None, "pass") => writeln!(out, "  {word} {rule:<17} {source}")?,
            (None, _) => writeln!(out, "  {word:<4} {rule:<17} {}", check.outcome)?,
        }
    }
    Ok(())
}

fn grants(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(who) = &report.identity else {
        return Ok(());
    };
    let name = |text: &String| quoted(text, MAX_TEXT);
    writeln!(out, "identity")?;
    writeln!(out, "  user      {}", name(&who.username))?;
    let groups: Vec<String> = who.groups.iter().take(MAX_GROUPS).map(name).collect();
    let more = who.groups.len() - groups.len();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    writeln!(out, "  groups    {}{rest}", groups.join(", "))?;
    writeln!(out, "grants for {}", quoted(&report.database, MAX_TEXT))?;
    if report.grants.is_empty() {
        writeln!(
            out,
            "  none is configured: every user of the provider may use its databases"
        )?;
    }
    for grant in &report.grants {
        let word = match (grant.chosen, grant.deny) {
            (true, true) => "denies",
            (true, false) => "chosen",
            (false, _) => "no",
        };
        let name = match grant.name == format!("grant-{}", grant.number) {
            true => String::new(),
            false => format!(" ({})", grant.name),
        };
        writeln!(
            out,
            "  {word:<7} number {}{name}: {}",
            grant.number, grant.why
        )?;
    }
    Ok(())
}

/// Characters of one claim: enough for any name, and a terminal's few lines at most.
const MAX_TEXT: usize = 300;

/// Groups that are listed one by one.
const MAX_GROUPS: usize = 50;

/// End of the year 9999 in seconds since 1970, beyond which there are no dates.
const LAST_SECOND: f64 = 253_402_300_799.0;
