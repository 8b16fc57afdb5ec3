use super::*;
use TokenFault as T;

/// The table of the product's contract, written out a second time on purpose.
#[test]
fn every_failure_has_its_row() {
    let table = [
        (Failure::malformed("x"), 400, "42502", -1254),
        (Failure::State, 400, "42502", -1203),
        (Failure::LogoutState, 400, "42502", -1203),
        (Failure::NoCredential, 401, "42502", -1204),
        (Failure::SessionUnknown, 401, "42502", -1204),
        (Failure::SessionExpired, 401, "42502", -733),
        (Failure::SignInAtNode, 401, "42502", -1204),
        (Failure::SessionOutdated, 401, "42502", -733),
        (Failure::NoApiKey, 401, "42502", -1204),
        (Failure::MisplacedApiKey, 401, "42502", -1204),
        (Failure::ApiKey, 401, "42502", -1204),
        (Failure::NoConnection, 404, "42502", -1201),
        (Failure::TooManyConnections, 400, "57011", -1100),
        (Failure::Token(T::Expired), 401, "42502", -1228),
        (Failure::Token(T::Signature), 401, "42502", -1234),
        (Failure::Token(T::UnknownKey), 401, "42502", -1229),
        (Failure::Token(T::Issuer), 401, "42502", -1232),
        (Failure::Token(T::Audience), 401, "42502", -1233),
        (Failure::Token(T::AuthorizedParty), 401, "42502", -1233),
        (Failure::Token(T::Claim("sub")), 401, "42502", -1231),
        (Failure::Token(T::Nonce), 401, "42502", -1231),
        (Failure::Token(T::NotYetValid), 401, "42502", -1231),
        (Failure::Token(T::Malformed), 401, "42502", -1235),
        (Failure::Token(T::Algorithm), 401, "42502", -1235),
        (Failure::Token(T::Critical), 401, "42502", -1235),
        (Failure::Token(T::Type), 401, "42502", -1236),
        (Failure::Token(T::SignedOut), 401, "42502", -1228),
        (Failure::Token(T::Inactive), 401, "42502", -1228),
        (Failure::Token(T::Lineage("sub")), 401, "42502", -1231),
        (Failure::LogoutToken(T::Algorithm), 400, "42502", -1235),
        (
            Failure::Provider(OAuthError::AccessDenied),
            403,
            "42502",
            -1251,
        ),
        (
            Failure::Provider(OAuthError::UnauthorizedClient),
            502,
            "42502",
            -1250,
        ),
        (
            Failure::Provider(OAuthError::TemporarilyUnavailable),
            503,
            "42502",
            -1256,
        ),
        (
            Failure::Provider(OAuthError::AuthorizationPending),
            408,
            "42502",
            -1238,
        ),
        (Failure::Provider(OAuthError::SlowDown), 408, "42502", -1238),
        (
            Failure::Provider(OAuthError::ExpiredToken),
            400,
            "42502",
            -1228,
        ),
        (Failure::DeviceCodeUsed, 400, "42502", -1203),
        (Failure::NotGranted, 403, "42502", -719),
        (Failure::RefusedByNode(-1205), 403, "42502", -719),
        (Failure::UnclearDatabase, 403, "42502", -719),
        (Failure::CrossSite("x"), 403, "42502", -719),
        (Failure::Method(&[]), 405, "42502", -1254),
        (Failure::BodyBroken, 400, "42502", -1254),
        (Failure::BodyLate, 408, "42502", -1254),
        (Failure::BodyTooLarge, 413, "42502", -1254),
        (Failure::MediaType, 415, "42502", -1254),
        (
            Failure::TooManyFailures(Duration::from_secs(60)),
            429,
            "57011",
            -1100,
        ),
        (
            Failure::TooManyDeviceGrants(Duration::from_secs(60)),
            429,
            "57011",
            -1100,
        ),
        (
            Failure::TooManySignIns(Duration::from_secs(60)),
            429,
            "57011",
            -1100,
        ),
        (
            Failure::TooManySessions(Duration::from_secs(60)),
            429,
            "57011",
            -1100,
        ),
        (
            Failure::TooManyWaiters(Duration::from_secs(5)),
            429,
            "57011",
            -1100,
        ),
        (Failure::NoProvider, 404, "42502", -1201),
        (Failure::NotAvailable("x"), 404, "42502", -1201),
        (Failure::ProviderNonsense, 502, "08001", -1222),
        (Failure::ProviderUnreachable, 503, "08001", -1220),
        (Failure::NodeUnreachable, 502, "08001", -201),
        (Failure::NodeBroke, 502, "08001", -203),
        (Failure::NodeLate, 504, "08001", -204),
        (Failure::StoreUnavailable, 503, "08001", -206),
        (Failure::NodeConnections, 503, "08001", -206),
        (Failure::NodeConnectionsOfClient, 503, "08001", -206),
        (Failure::BodiesFull, 503, "08001", -206),
        (Failure::ConnectionLimit, 503, "08001", -206),
        (Failure::DeviceGrantsFull, 503, "08001", -206),
        (Failure::Draining, 503, "08001", -206),
        (Failure::Internal, 500, "58005", -103),
    ];
    for (failure, status, sql_state, vendor_code) in table {
        let row = failure.row();
        let found = (row.status.as_u16(), row.sql_state, row.vendor_code);
        assert_eq!(found, (status, sql_state, vendor_code), "{failure:?}");
    }
}

#[test]
fn every_limit_and_outage_says_when_to_come_back() {
    for failure in [
        Failure::TooManyFailures(Duration::from_secs(60)),
        Failure::TooManyDeviceGrants(Duration::from_secs(60)),
        Failure::TooManyWaiters(Duration::from_secs(5)),
        Failure::StoreUnavailable,
        Failure::ConnectionLimit,
        Failure::DeviceGrantsFull,
        Failure::Draining,
    ] {
        assert!(failure.retry_after().is_some(), "{failure:?}");
    }
}

#[test]
fn the_reason_ends_in_the_request_id() {
    let status = Failure::NoCredential.row().envelope("r-1");
    assert!(
        status.reason.ends_with("(request r-1)"),
        "{}",
        status.reason
    );
}

#[test]
fn refusals_of_connections_have_the_statuses_that_their_document_knows() {
    for (failure, status) in [
        (Failure::Provider(OAuthError::AccessDenied), 400),
        (Failure::Provider(OAuthError::InvalidGrant), 400),
        (Failure::State, 400),
        (Failure::ApiKey, 401),
        (Failure::Token(T::Nonce), 401),
        (Failure::NoConnection, 404),
        (Failure::StoreUnavailable, 503),
    ] {
        let row = failure.row().in_form(Form::Error);
        assert_eq!(row.status, status, "{failure:?}");
    }
}
