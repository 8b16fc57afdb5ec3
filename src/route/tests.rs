use super::*;

fn routes() -> Routes {
    Routes::new(["/v1/callback", "/auth/Return"])
}

#[test]
fn our_endpoints_are_ours_in_every_equivalent_spelling() {
    let spellings = [
        ("/v1/sso_token", Endpoint::SsoToken),
        ("/v1/sso-token", Endpoint::SsoToken),
        ("/v1/sso_token/", Endpoint::SsoToken),
        ("//v1//sso_token", Endpoint::SsoToken),
        ("/v1/./sso_token", Endpoint::SsoToken),
        ("/v1/x/../sso_token", Endpoint::SsoToken),
        ("/v1/x/%2e%2E/sso_token", Endpoint::SsoToken),
        ("/../v1/sso_token", Endpoint::SsoToken),
        ("/%76%31/sso%5Ftoken", Endpoint::SsoToken),
        ("/v1/%73so-token/", Endpoint::SsoToken),
        ("/v1/sso_authentication", Endpoint::SsoAuthentication),
        ("/v1/sso-device-grant", Endpoint::SsoDeviceGrant),
        (
            "/v1/sso-device-grant-verify",
            Endpoint::SsoDeviceGrantVerify,
        ),
        (
            "/v1/sso_device-grant_verify/.",
            Endpoint::SsoDeviceGrantVerify,
        ),
        ("/v1/token_refresh", Endpoint::TokenRefresh),
        ("/v1/token-refresh", Endpoint::TokenRefresh),
        ("/v1/logout", Endpoint::Logout),
        ("/v1/backchannel-logout", Endpoint::BackchannelLogout),
        ("/v1/callback", Endpoint::Callback),
        ("/auth/Return", Endpoint::Callback),
    ];
    for (path, endpoint) in spellings {
        assert_eq!(routes().classify(path), Route::Ours(endpoint), "{path}");
    }
}

#[test]
fn spellings_that_only_a_laxer_reader_follows_are_ambiguous() {
    let spellings = [
        "/v1%2fsso_token",
        "/v1%2Fsso_token",
        "/v1/sso_token%2f",
        "/v1/x%2F..%2Fsso_token",
        "/v1%5csso_token",
        "/v1\\sso_token",
        "\\v1\\sso_token",
        "/v1/sso_token;",
        "/v1/sso_token;jsessionid=1",
        "/v1;x/sso_token",
        "/v1/sso_token;x/",
        "/v1/sso_token%3bx",
        "/v1/sso_token%00",
        "/v1/sso_token%00.html",
        "/v1/sso%00_token",
        "/v1/sso_token#x",
        "/v1/sso_token%23x",
        "/v1/sso_token%3fx=1",
        "/v1/sso_token%0a",
        "/v1/sso_token%20",
        "/v1/sso_token%09",
        "/v1/%20sso_token",
        "/v1/%2573so_token",
        "/v1/%252573so_token",
        "/v1/%25%37%33so_token",
        "/v1/x/%252e%252e/sso_token",
        "/V1/sso_token",
        "/v1/SSO_TOKEN",
        "/v1/Sso-Token",
        "/v1/sso%5FTOKEN",
        "/v1/sso_token.",
        "/v1/sso_token%2e%20",
        "/v1/%c0%afsso_token",
        "/v1%c0%afsso_token",
        "/v1/callback;x",
        "/v1/to%E2%84%AAen_refresh",
        "/v1/callbac\u{212a}",
        "/v1/%C5%BFso_token",
        "/v1/%EF%BD%93so_token",
        "/v1/callback%+9",
        "/v1/%+9callback",
        "/v1/callback%+0x",
        "/v1/callback%-0x",
        "/v1%00:/logout",
        "/%00info/v1%0b/logout",
        "/v1/%u0073so_token",
        "/v1%u002fsso_token",
        "/v1%e0%80%afsso_token",
        "/v1/callback%EF%BB%BF",
        "/v1/sso%E2%80%8B_token",
        "/v1%3b//logou%74/%+0%25252fx",
        "/V1/CALLBACK",
        "/auth/return",
        "/AUTH/Return",
        "/auth%2fReturn",
        "/v1/logout%00",
        "/v1/token_refresh;a=b",
        "/v1/Backchannel_Logout",
        "/v1/SSO_DEVICE_GRANT",
        "/v1/sso_device_grant_verify%2f",
        "/v1/sso_token.json",
        "/v1/sso_token/x",
        "/v1/sso-token/x/y",
        "/v1/sso_token~",
        "/v1/callback/x",
        "/v1/CALLBACK/x",
        "/v1/callback.json",
        "/v1/token_refresh/x",
        "/v1/token-refresh.json",
        "/v1/logout/x",
        "/v1/sso_token;v=1",
        "/v1/sso_token%2ejson%3bv=1",
        "/v1/sso_token%2fx",
        "/v1/./sso_token/x",
        "/v1./sso_token",
        "/v1/%c1%b3so_token",
        "/v1/%e0%81%b3so_token",
        "/v1/%f0%80%81%b3so_token",
        "/v1/%f8%80%80%81%b3so_token",
        "/v1/%fc%80%80%80%81%b3so_token",
        "/v1%f0%80%80%afsso_token",
        "/v1/\\u0073so_token",
        "/v1/%5cu0073so_token",
        "/v1/\\x73so_token",
        "/v1/\\U00000073so_token",
        "/v1/%%37%33so_token",
        "/v1/sso_token+",
        "/v1/+sso_token",
        "/v1/\u{df}o_token",
        "/v1/callback;/../info",
        "/v1/callback%00/x/../../info",
        "/v1/x%2fy/../callback;z",
        "/%2e;/v1/callback",
        "/v1//../sso_token",
        "/v1/x//../../sso_token",
        "/v1/sso_token//..",
        "/v1/token_refresh//../",
        "/v1//%2e%2e/sso_token",
        "/v1/./../logout",
        "/v1/x/.//../../logout",
        "/v1/sso_token/..",
        "/v1/sso_token/../info",
        "/v1/callback/../info",
        "/v1/sso_token/%2e%2e",
        "/v1/sso_token/x/../..",
        "/v1/%c1%33so_token",
        "/v1%c1%1csso_token",
        "/v1/s%so_token",
        "/v1/\\U0073so_token",
        "/v1/sso_%CD%8Ftoken",
        "/v1/sso_%E1%A0%8Etoken",
        "/v1/sso_%E2%81%A6token",
        "/v1/sso_token%EF%B8%8F",
        "/v1/%E2%93%A2so_token",
        "/v1/sso%E2%80%90token",
    ];
    for path in spellings {
        assert_eq!(routes().classify(path), Route::Ambiguous, "{path}");
    }
}

#[test]
fn a_callback_in_capitals_is_nobodys_in_small_letters() {
    let routes = Routes::new(["/Sign/In"]).with_connections(["/Link"]);
    for path in ["/sign/in", "/sign/in/", "/SIGN/IN", "/link", "/LINK"] {
        assert_eq!(routes.classify(path), Route::Ambiguous, "{path}");
    }
    for path in ["/sign", "/sign/in/x", "/links"] {
        let elsewhere = Route::SqlNode(Target::Elsewhere);
        assert_eq!(routes.classify(path), elsewhere, "{path}");
    }
}

#[test]
fn every_other_path_is_the_sql_nodes() {
    for path in [
        "/",
        "",
        "*",
        "/v1",
        "/v1/info",
        "/v1/logins",
        "/openapi.json",
        "/v1/sso_tokens",
        "/v1/sso_token_x",
        "/v1/sso_token-x",
        "/v1/sso_token%c3%a9",
        "/v1/sso_token1",
        "/v2/sso_token",
        "/v2/sso_token.json",
        "/v1/execute_x",
        "/x/v1/sso_token/x",
        "/v1/x%20/sso_token",
        "/v1/info/sso_token;x",
        "/V1/INFO",
        "/v1/%2e%2e/x",
        "/a%2fb;c%00",
        "/v1/executed",
        "/%",
        "/%zz",
        "/v1/status",
    ] {
        assert_eq!(
            routes().classify(path),
            Route::SqlNode(Target::Elsewhere),
            "{path}"
        );
    }
}

#[test]
fn the_database_is_named_only_by_a_plain_segment() {
    let named = |name: &str| Target::Database(name.to_owned());
    for (path, target) in [
        ("/v1/execute", Target::Unnamed),
        ("/v1/execute/", Target::Unnamed),
        ("/v1/execute/retail_analytics", named("retail_analytics")),
        ("/v1/execute/Retail", named("Retail")),
        ("/v1/execute/re%74ail", named("retail")),
        ("/v1/execute/a%C3%A9", named("a\u{e9}")),
        ("/v1/execute/a/b", Target::Unclear),
        ("/v1/execute/a/", Target::Unclear),
        ("/v1/execute//a", Target::Unclear),
        ("/v1/execute/a%2fb", Target::Unclear),
        ("/v1/execute/a%2561", Target::Unclear),
        ("/v1/execute/a;b", Target::Unclear),
        ("/v1/execute/..", Target::Unclear),
        ("/v1/execute/%ff", Target::Unclear),
        ("/v1/execute/a+b", Target::Unclear),
        ("//v1/execute/a", Target::Unclear),
        ("/v1/x/../execute/a", Target::Unclear),
        ("/V1/Execute/a", Target::Unclear),
        ("/v1%2fexecute", Target::Unclear),
        ("/v1/execute;x/a", Target::Unclear),
        ("/v1/execute%+9/system", Target::Unclear),
        ("/v1%00x/execute/system", Target::Unclear),
        ("/v1/%EF%BD%85xecute/system", Target::Unclear),
        ("/v1/execute/a%E2%80%8B", Target::Unclear),
        ("/v1//../execute/secret", Target::Unclear),
        ("/v1/x//../../execute/secret", Target::Unclear),
        ("/v1/info/../execute/a", Target::Unclear),
        ("/v1/execute.json", Target::Unclear),
        ("/v1/execute~/a", Target::Unclear),
        ("/v1/\\u0065xecute/a", Target::Unclear),
        ("/v1/execute/my%20callback", Target::Unclear),
        ("/v1/execute/callback", named("callback")),
        ("/v1/execute/callback%20db", Target::Unclear),
        ("/v1/execute/sso_token.x", named("sso_token.x")),
        ("/v1/execute/%E6%97%A5%E6%9C%AC", named("\u{65e5}\u{672c}")),
    ] {
        assert_eq!(routes().classify(path), Route::SqlNode(target), "{path}");
    }
}

#[test]
fn a_login_is_one_to_whom_it_may_be() {
    for path in [
        "/v1/login",
        "/v1/login/",
        "/v1/login/x",
        "/v1/login.json",
        "//v1/login",
        "/v1/%6cogin",
        "/v1/login;x",
        "/V1/Login",
        "/v1%2flogin",
        "/v1/x/../login",
        "/v1//../login",
        "/v1/login/../info",
    ] {
        assert_eq!(
            routes().classify(path),
            Route::SqlNode(Target::Login),
            "{path}"
        );
    }
}

#[test]
fn an_odd_path_too_long_to_be_read_in_every_way_is_ambiguous_and_a_plain_one_is_not() {
    let odd = |length: usize| format!("/{}", "%".repeat(length - 1));
    let segments = |text: &str, count: usize| format!("/a%20b{}", text.repeat(count));
    for text in ["/b", "%2fb", "/b;"] {
        let many = routes().classify(&segments(text, 40));
        assert_eq!(many, Route::Ambiguous, "{text}");
        assert_ne!(
            routes().classify(&segments(text, 20)),
            Route::Ambiguous,
            "{text}"
        );
    }
    let bound = MAX_ODD_LENGTH;
    let elsewhere = Route::SqlNode(Target::Elsewhere);
    assert_eq!(routes().classify(&odd(bound)), elsewhere);
    assert_eq!(routes().classify(&odd(bound + 1)), Route::Ambiguous);
    for plain in ["a", "A"] {
        let long = format!("/{}", plain.repeat(bound));
        assert_eq!(routes().classify(&long), elsewhere);
    }
}

proptest::proptest! {
    #[test]
    fn no_path_makes_the_router_panic(path in "\\PC*") {
        routes().classify(&path);
    }

    /// However a reader resolves dot segments, before it merges slashes, after it, or never.
    #[test]
    fn no_order_of_resolving_makes_a_forwarded_path_one_of_ours(
        pieces in proptest::collection::vec(0usize..9, 1..8),
    ) {
        const PIECES: [&str; 9] = ["v1", "sso_token", "x", "..", ".", "", "%2e%2e", "info", "%2E."];
        let path: String = pieces.iter().map(|piece| format!("/{}", PIECES[*piece])).collect();
        let plain = path.to_lowercase().replace("%2e", ".");
        let segments: Vec<&str> = plain.split('/').skip(1).collect();
        let resolve = |segments: &[&str]| {
            let mut left: Vec<String> = Vec::new();
            for segment in segments {
                match *segment {
                    "." => {}
                    ".." => drop(left.pop()),
                    other => left.push(other.to_owned()),
                }
            }
            left
        };
        let merged = |segments: &[String]| -> Vec<String> {
            segments.iter().filter(|one| !one.is_empty()).cloned().collect()
        };
        let owned: Vec<String> = segments.iter().map(|one| (*one).to_owned()).collect();
        let first_merged = merged(&owned);
        let first_merged: Vec<&str> = first_merged.iter().map(String::as_str).collect();
        for reading in [resolve(&first_merged), merged(&resolve(&segments)), merged(&owned)] {
            if reading.len() >= 2 && reading[0] == "v1" && reading[1] == "sso_token" {
                let route = routes().classify(&path);
                proptest::prop_assert!(!matches!(route, Route::SqlNode(_)), "{}", path);
            }
        }
    }

    /// Whatever mixture of escapes spells an endpoint, it is answered here or refused.
    #[test]
    fn an_escaped_endpoint_never_reaches_the_sql_node(
        escapes in proptest::collection::vec(0u8..3, 13),
    ) {
        let path: String = "/v1/sso_token".bytes().zip(escapes).map(|(byte, escape)| match escape {
            0 => char::from(byte).to_string(),
            1 => format!("%{byte:02X}"),
            _ => format!("%25{byte:02x}"),
        }).collect();
        proptest::prop_assert!(!matches!(routes().classify(&path), Route::SqlNode(_)), "{}", path);
    }
}
