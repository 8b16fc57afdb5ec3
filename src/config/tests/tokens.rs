//! What a provider's tokens look like.
use super::{
    LEAST, load,
    sign_in::{PROVIDER, assert_refused},
};
use crate::config::AccessTokens;

#[test]
fn a_separator_of_groups_is_a_character_or_more() {
    let text = format!("{LEAST}{PROVIDER}");
    let provider = load(&text).unwrap().providers.remove(0);
    assert_eq!(provider.groups_separator, None);
    for separator in [",", " ", "; "] {
        let text = format!("{text}groups_separator = '{separator}'\n");
        let provider = load(&text).unwrap().providers.remove(0);
        assert_eq!(provider.groups_separator.as_deref(), Some(separator));
    }
    for (line, what) in [
        ("groups_separator = ''", "not a separator"),
        ("groups_separator = \"\\n\"", "not a separator"),
        ("groups_separator = true", "a string is wanted"),
        ("groups_separator = [',']", "a string is wanted"),
    ] {
        assert_refused(&format!("{text}{line}\n"), line, what, "help");
    }
}

#[test]
fn tokens_are_those_of_the_standards_unless_it_is_said_otherwise() {
    let text = format!("{LEAST}{PROVIDER}");
    let provider = load(&text).unwrap().providers.remove(0);
    assert_eq!(provider.tokens.access_tokens, AccessTokens::Rfc9068);
    assert!(provider.tokens.authorized_parties.is_empty());
    assert!(provider.takes_issuer("https://idp.example.com"));
    assert!(!provider.takes_issuer("https://idp.example.com/"));
    assert_eq!(provider.metadata_url, None);
    let lines = "access_tokens = 'jwt'\nauthorized_parties = ['etl']\n\
                 token_issuers = ['http://sts', 'accounts.example.com']\n\
                 metadata_url = 'https://login.example.com/x?p=policy'\n";
    let provider = load(&format!("{text}{lines}")).unwrap().providers.remove(0);
    assert_eq!(provider.tokens.access_tokens, AccessTokens::Jwt);
    assert!(provider.takes_issuer("http://sts") && provider.takes_issuer("accounts.example.com"));
    let url = provider.metadata_url.unwrap();
    assert_eq!(url.as_str(), "https://login.example.com/x?p=policy");
}

#[test]
fn what_would_match_no_token_or_any_is_refused() {
    for (line, what, cure) in [
        (
            "access_tokens = 'JWT'",
            "not one of the possible values",
            "did you mean",
        ),
        ("access_tokens = true", "a string is wanted", "quotes"),
        ("authorized_parties = ['']", "empty", "write a value"),
        ("authorized_parties = 'etl'", "a list is wanted", "brackets"),
        (
            "token_issuers = ['https://login.microsoftonline.com/{tenantid}/v2.0']",
            "a placeholder",
            "copy `iss`",
        ),
        (
            "token_issuers = ['https://sts/*/']",
            "a placeholder",
            "copy `iss`",
        ),
        (
            "token_issuers = ['https://sts/<tenant>/']",
            "a placeholder",
            "copy `iss`",
        ),
        ("token_issuers = ['']", "empty", "write a value"),
        (
            "token_issuers = ['https://idp.example.com']",
            "the provider's own `issuer`",
            "remove",
        ),
        (
            "metadata_url = 'http://idp.example.com/x'",
            "in clear text",
            "https://",
        ),
        (
            "metadata_url = 'http://localhost/x'",
            "not of the issuer's scheme",
            "https://",
        ),
        (
            "metadata_url = 'https://idp.example.com/#x'",
            "no fragment",
            "remove",
        ),
        ("metadata_url = 'idp.example.com'", "not a URL", "as in"),
    ] {
        assert_refused(&format!("{LEAST}{PROVIDER}{line}\n"), line, what, cure);
    }
}

/// A second provider behind the first, whose lines end in `first`.
fn two(first: &str, issuer: &str, client_id: &str, second: &str) -> String {
    format!(
        "{LEAST}{PROVIDER}{first}\n[[provider]]\nname = 'second'\nissuer = '{issuer}'\n\
         client_id = '{client_id}'\n{second}\n"
    )
}

#[test]
fn no_token_belongs_to_two_providers() {
    let (ours, other) = ("https://idp.example.com", "https://other.example.com");
    let ours_listed = "token_issuers = ['https://idp.example.com']";
    let other_listed = "token_issuers = ['https://other.example.com']";
    let sts = "token_issuers = ['http://sts']";
    let etl = "authorized_parties = ['etl']";
    let api = "audiences = ['api']";
    for (first, issuer, client_id, second, line, what) in [
        (
            "",
            other,
            "b",
            ours_listed,
            ours_listed,
            "issuer of another provider",
        ),
        (
            other_listed,
            other,
            "b",
            "",
            "issuer = 'https://other.example.com'",
            "`token_issuers` has",
        ),
        (sts, other, "b", sts, sts, "one of these issuers"),
        (sts, ours, "b", sts, sts, "one of these issuers"),
        (etl, ours, "b", etl, etl, "one of these parties"),
        (
            "",
            ours,
            "b",
            "authorized_parties = ['ocient']",
            "authorized_parties",
            "`client_id` of another",
        ),
        (
            etl,
            ours,
            "etl",
            "",
            "client_id = 'etl'",
            "as authorized party",
        ),
        (api, ours, "b", api, api, "one of these audiences"),
    ] {
        assert_refused(&two(first, issuer, client_id, second), line, what, "help");
    }
    for (first, issuer, second) in [
        (etl, other, etl),
        (api, other, api),
        (api, ours, "audiences = ['api']\nflows = ['code']"),
        (sts, ours, "token_issuers = ['http://sts/']"),
    ] {
        let text = two(first, issuer, "b", second);
        assert!(load(&text).is_ok(), "{text}");
    }
}
