//! OAuth connections are kept fresh in the background.
use crate::{
    connections::{ALL, ETL, connect, connecting, listed, path_of},
    site::{Log, Site, flush_diagnostics},
};
use serde_json::Value;
use sidecar_testkit::provider::Lie;
use std::time::Duration;

/// Renewed every one and a half seconds.
const SHORT: Duration = Duration::from_secs(2);

/// Asks for etl's only connection until it `is` what is awaited; each look is an exchange with
/// the sidecar.
async fn until(site: &Site, is: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        loop {
            let mut found = listed(site, ETL).await;
            assert_eq!(found.len(), 1, "{found:?}");
            match found.remove(0) {
                connection if is(&connection) => return connection,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), looking).await;
    found.expect("the connection becomes what is awaited")
}

fn text<'a>(connection: &'a Value, name: &str) -> &'a str {
    connection[name].as_str().unwrap()
}

#[tokio::test]
async fn a_connection_is_renewed_before_its_end_by_a_provider_that_rotates() {
    let mut site = connecting(SHORT).await;
    let first = connect(&site, ETL, "alice").await;
    let mut last = first.clone();
    for _ in 0..2 {
        let sequence = last["sequence"].as_u64().unwrap();
        let next = until(&site, |it| it["sequence"].as_u64() > Some(sequence)).await;
        assert_ne!(text(&next, "access_token"), text(&last, "access_token"));
        assert_ne!(text(&next, "refresh_token"), text(&last, "refresh_token"));
        assert_eq!(next["subject"], first["subject"]);
        last = next;
    }
    // A rotating provider that saw one refresh token twice would have ended them all.
    let renewals = site.provider.fetches("token") - 1;
    site.stop_sidecar().await;
    assert!(renewals >= 2);
    site.start_sidecar().await;
    let sequence = last["sequence"].as_u64().unwrap();
    let after = until(&site, |it| it["sequence"].as_u64() > Some(sequence)).await;
    assert!(
        site.provider
            .is_refresh_token_good(text(&after, "refresh_token"))
    );
}

#[tokio::test]
async fn a_grant_that_the_provider_has_ended_leaves_a_connection_without_refresh_token() {
    let site = connecting(SHORT).await;
    let connection = connect(&site, ETL, "alice").await;
    site.provider.revoke_all();
    let ended = until(&site, |it| it.get("refresh_token").is_none()).await;
    assert_eq!(ended["subject"], connection["subject"]);
    assert!(ended["sequence"].as_u64() > connection["sequence"].as_u64());
    let lines = site
        .log
        .wait_for("audit", 1, |line| line["event"] == "connection_end")
        .await;
    assert_eq!(
        (&lines[0]["identity"], &lines[0]["provider"]),
        (&"etl".into(), &"corp".into())
    );
    let again = connect(&site, ETL, "alice").await;
    assert!(again["refresh_token"].is_string(), "connected anew");
}

#[tokio::test]
async fn an_outage_ends_no_connection() {
    let site = connecting(SHORT).await;
    let connection = connect(&site, ETL, "alice").await;
    site.provider
        .lie(Lie::TokenError(503, "temporarily_unavailable"));
    site.provider.reached("token", 3).await;
    let kept = listed(&site, ETL).await.remove(0);
    assert_eq!(kept["sequence"], connection["sequence"]);
    assert_eq!(kept["refresh_token"], connection["refresh_token"]);
    site.provider.be_honest();
    until(&site, |it| it["sequence"].as_u64() > Some(1)).await;
}

#[tokio::test]
async fn a_renewal_without_rotation_keeps_the_refresh_token() {
    let site = connecting(SHORT).await;
    let connection = connect(&site, ETL, "alice").await;
    site.provider.lie(Lie::RefreshWithoutRotation);
    let renewed = until(&site, |it| it["sequence"].as_u64() > Some(1)).await;
    assert_eq!(renewed["refresh_token"], connection["refresh_token"]);
    assert_ne!(renewed["access_token"], connection["access_token"]);
}

#[tokio::test]
async fn the_tokens_of_another_account_are_never_stored() {
    let site = connecting(SHORT).await;
    site.provider.lie(Lie::RefreshedAnotherSubject); // first: a renewal may follow at once
    let connection = connect(&site, ETL, "alice").await;
    let kept = until(&site, |it| it.get("refresh_token").is_none()).await;
    assert_eq!(kept["access_token"], connection["access_token"]);
    assert_eq!(kept["subject"], connection["subject"]);
    assert_eq!(site.provider.fetches("token"), 2, "it is not tried again");
}

#[tokio::test]
async fn a_connection_that_is_ended_during_its_renewal_stays_ended() {
    let site = connecting(SHORT).await;
    let connection = connect(&site, ETL, "alice").await;
    // Otherwise the old token, taken back first, would have ended the new one's grant, too.
    site.provider.hold("revoke");
    site.provider.hold("token");
    site.provider.reached("token", 2).await;
    let delete = site.client().delete(&site.url(&path_of(&connection)));
    let deleted = delete.header("x-api-key", ETL).send().await.unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    site.provider.release("token");
    site.provider.reached("revoke", 2).await;
    site.provider.release("revoke");
    assert!(listed(&site, ETL).await.is_empty());
}

#[tokio::test]
async fn a_renewal_under_way_is_finished_before_the_sidecar_ends() {
    let mut site = connecting(SHORT).await;
    connect(&site, ETL, "alice").await;
    site.provider.hold("token");
    site.provider.reached("token", 2).await;
    site.begin_stopping();
    site.provider.release("token");
    site.stop_sidecar().await;
    site.start_sidecar().await;
    let kept = until(&site, |it| it["sequence"].as_u64() >= Some(2)).await;
    assert!(
        site.provider
            .is_refresh_token_good(text(&kept, "refresh_token"))
    );
}

#[tokio::test]
async fn another_application_under_the_same_name_never_sees_the_refresh_token() {
    let mut site = connecting(SHORT).await;
    connect(&site, ETL, "alice").await;
    site.stop_sidecar().await;
    let asked = site.provider.fetches("token");
    site.settings.provider("client_id", "'other'");
    site.start_sidecar().await;
    let refused = || {
        flush_diagnostics();
        let text = Log::everything();
        let mut lines = text.lines();
        lines.any(|line| line.contains("which this entry no longer is"))
    };
    let estranged = until(&site, |it| it["error"].is_string() && refused()).await;
    assert!(text(&estranged, "error").contains("connect again"));
    assert_eq!(site.provider.fetches("token"), asked);
    site.stop_sidecar().await;
    site.settings.provider("client_id", "'ocient'");
    site.start_sidecar().await;
    let back = until(&site, |it| it["sequence"].as_u64() > Some(1)).await;
    assert!(back["error"].is_null(), "{back}");
    site.stop_sidecar().await;
    site.settings.provider("client_id", "'other'");
    site.start_sidecar().await;
    let connection = until(&site, |_| true).await;
    let delete = site
        .client()
        .delete(&site.url(&path_of(&connection)))
        .header("x-api-key", ETL);
    assert_eq!(delete.send().await.unwrap().status, 200);
    assert!(
        site.provider
            .is_refresh_token_good(text(&connection, "refresh_token"))
    );
    assert_eq!(site.provider.fetches("revoke"), 0);
}

#[tokio::test]
async fn no_token_of_a_connection_is_in_any_log() {
    let mut site = connecting(SHORT).await;
    let mut secrets = vec![ETL.to_owned()];
    let first = connect(&site, ETL, "alice").await;
    let renewed = until(&site, |it| it["sequence"].as_u64() > Some(1)).await;
    site.provider.lie(Lie::TokenError(500, "server_error"));
    let attempts = site.provider.fetches("token");
    site.provider.reached("token", attempts + 1).await;
    for connection in [&first, &renewed] {
        secrets.extend(["access_token", "refresh_token"].map(|it| text(connection, it).to_owned()));
    }
    secrets.extend(site.secrets());
    site.stop_sidecar().await;
    flush_diagnostics();
    let (own, all) = (site.log.text(), Log::everything());
    assert!(
        own.contains("connections_read") && own.contains(ALL),
        "there are lines"
    );
    for secret in secrets {
        assert!(!own.contains(&secret) && !all.contains(&secret), "{secret}");
    }
}
