//! What a person is told of a failure.
use crate::{
    failure::{Failure, Row},
    page::Page,
};
use http::StatusCode;

/// What went wrong, what to do, and by what the administrator finds it in the log. Of the request
/// itself nothing is repeated: it may hold a code, a token or a statement.
pub(super) fn of(
    failure: &Failure,
    row: &Row,
    request_id: &str,
    begin_again: Option<&str>,
) -> Page {
    let mut page = Page::new(title(failure, row.status)).text(&sentence(&row.reason));
    if let Some(wait) = failure.retry_after() {
        let seconds = wait.as_secs();
        page = page.text(&format!("You can try again in {seconds} seconds."));
    }
    page = page.facts(&[
        ("Status", &row.status.to_string()),
        ("Code", &row.vendor_code.to_string()),
        ("Request ID", request_id),
    ]);
    match deed(failure, begin_again) {
        Some((name, path)) => page.link(name, path),
        None => page,
    }
}

fn title(failure: &Failure, status: StatusCode) -> &'static str {
    match (failure, status.as_u16()) {
        (Failure::State, _) => "This sign-in cannot be completed",
        (Failure::Provider(_), 400..=499) => "Not signed in",
        (_, 401) => "Please sign in",
        (_, 403) => "Not allowed",
        (_, 404) => "Not available here",
        (_, 429) => "Too many attempts",
        (_, 400..=499) => "This request cannot be answered",
        (_, 500) => "Something went wrong",
        _ => "Not available at the moment",
    }
}

/// What the person can do here and now: its name, and the path that does it.
fn deed<'a>(failure: &Failure, begin_again: Option<&'a str>) -> Option<(&'static str, &'a str)> {
    let begin = begin_again.unwrap_or("/v1/sso_authentication");
    match failure {
        Failure::NoCredential
        | Failure::SessionUnknown
        | Failure::SessionExpired
        | Failure::SessionOutdated => Some(("Sign in", begin)),
        Failure::Token(_) | Failure::State | Failure::Provider(_) => Some(("Begin again", begin)),
        _ => begin_again.map(|path| ("Begin again", path)),
    }
}

/// A reason of the table as a sentence.
fn sentence(reason: &str) -> String {
    let mut rest = reason.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest.as_str().chars()).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::{OAuthError, TokenFault};

    fn html(failure: &Failure, begin_again: Option<&str>) -> String {
        of(failure, &failure.row(), "r-1", begin_again).html()
    }

    #[test]
    fn the_page_says_what_went_wrong_and_how_the_log_knows_it() {
        let html = html(&Failure::NotGranted, None);
        assert!(
            html.contains(
                "<p>No grant lets this identity use this database; ask the administrator.</p>"
            ),
            "{html}"
        );
        for fact in ["403 Forbidden", "-719", "r-1"] {
            assert!(
                html.contains(&format!("<bdi>{fact}</bdi>")),
                "{fact}: {html}"
            );
        }
    }

    #[test]
    fn a_sign_in_that_failed_can_be_begun_again_as_it_was() {
        let path = "/v1/sso_authentication?database=a&return_to=%2Fb";
        let link = "href=\"/v1/sso_authentication?database=a&amp;return_to=%2Fb\"";
        for failure in [
            Failure::State,
            Failure::Provider(OAuthError::AccessDenied),
            Failure::Token(TokenFault::Nonce),
            Failure::ProviderUnreachable,
            Failure::NotGranted,
            Failure::SessionExpired,
        ] {
            assert!(html(&failure, Some(path)).contains(link), "{failure:?}");
        }
    }

    #[test]
    fn only_who_lacks_a_session_is_led_to_a_sign_in() {
        let link = "href=\"/v1/sso_authentication\"";
        for (failure, is_led) in [
            (Failure::NoCredential, true),
            (Failure::SessionUnknown, true),
            (Failure::SessionExpired, true),
            (Failure::SessionOutdated, true),
            (Failure::State, true),
            (Failure::NotGranted, false),
            (Failure::CrossSite("x"), false),
            (Failure::NoProvider, false),
            (Failure::NodeBroke, false),
            (Failure::Internal, false),
        ] {
            assert_eq!(html(&failure, None).contains(link), is_led, "{failure:?}");
        }
    }

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        assert!(html(&Failure::StoreUnavailable, None).contains("in 5 seconds."));
    }

    #[test]
    fn nothing_that_a_client_wrote_becomes_markup() {
        let failure = Failure::malformed("<script>");
        let html = of(&failure, &failure.row(), "<b>", Some("\"><i>")).html();
        for markup in ["<script", "<b>", "<i>"] {
            assert!(!html.contains(markup), "{html}");
        }
    }
}
