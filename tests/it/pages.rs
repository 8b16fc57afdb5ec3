//! What a person at a browser sees of the sidecar.
use crate::{
    pages_readers::{assert_page, navigating},
    site::{LOGIN_COOKIE, SESSION_COOKIE, Site, parameter},
};
use sidecar_testkit::{
    client::Client,
    provider::{Lie, User},
    sql_node::RETAIL,
};
use url::Url;

/// The address of the page's only link.
fn link(page: &str) -> String {
    let (_, rest) = page.split_once("<a class=\"deed\" href=\"").expect(page);
    let (address, rest) = rest.split_once('"').unwrap();
    assert!(!rest.contains("<a "), "more than one link: {page}");
    address.replace("&amp;", "&")
}

/// Signs in at the provider and opens the page that a browser is then sent to.
async fn sign_in(site: &Site, client: &Client, query: &str) -> String {
    let begun = site.begin(client, query).await;
    let back = site.at_provider(client, &begun).await;
    let answer = navigating(client.get(back.as_str())).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_page(&answer, query);
    answer.text().to_owned()
}

#[tokio::test]
async fn the_signed_in_page_says_who_is_signed_in_to_what_until_when() {
    let site = Site::with(|settings| {
        settings.set("sessions", "lifetime", "'2h'");
        settings.set("sessions", "idle", "'30m'");
    })
    .await;
    let page = sign_in(&site, &site.client(), "database=retail_analytics").await;
    for fact in ["alice", RETAIL, "corp"] {
        assert!(
            page.contains(&format!("<bdi>{fact}</bdi>")),
            "{fact}: {page}"
        );
    }
    let (_, end) = page.split_once("<dt>Session ends</dt><dd><bdi>").unwrap();
    let (end, _) = end.split_once("</bdi>").unwrap();
    assert!(end.ends_with(" UTC") && end.len() == 20, "{end}");
    assert!(page.contains("<bdi>ends after 30m</bdi>"), "{page}");
    assert!(
        page.contains("<form method=\"post\" action=\"/v1/logout\">"),
        "{page}"
    );
    assert!(
        page.contains("<button class=\"deed\">Sign out</button>"),
        "{page}"
    );
}

#[tokio::test]
async fn a_person_signs_out_with_the_button() {
    let site = Site::start().await;
    let client = site.client();
    sign_in(&site, &client, "database=retail_analytics").await;
    let session = site.session_cookie(&client);
    let form = client.post(&site.url("/v1/logout")).form(&[]);
    // The page is no referrer, so its form has no origin: Sec-Fetch-Site says whose it is.
    let answer = navigating(form)
        .header("origin", "null")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_page(&answer, "signed out");
    let page = answer.text();
    assert!(page.contains("<h1>Signed out</h1>"), "{page}");
    assert!(client.cookies().find(SESSION_COOKIE).is_none());
    assert_eq!(site.query_as(&session).await.status, 401);
    // The page outlives its reader's presence: what it links to proves nothing.
    let elsewhere = Url::parse(&link(page)).unwrap();
    assert!(
        elsewhere
            .as_str()
            .starts_with(&site.provider.url("end_session")),
        "{elsewhere}"
    );
    assert_eq!(elsewhere.query(), Some("client_id=ocient"));
    assert!(!page.contains("eyJ") && !page.contains("ocs_"), "{page}");
}

#[tokio::test]
async fn another_sites_form_cannot_sign_a_person_out() {
    let site = Site::start().await;
    let client = site.client();
    sign_in(&site, &client, "database=retail_analytics").await;
    for fields in [
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[],
    ] {
        let form = client.post(&site.url("/v1/logout")).form(&[]);
        let form = form.accept("text/html");
        let form = fields
            .iter()
            .fold(form, |form, (name, value)| form.header(name, *value));
        let answer = form.send().await.unwrap();
        assert_eq!(answer.status, 403, "{fields:?}");
        assert_page(&answer, &format!("{fields:?}"));
        assert!(!answer.headers.contains_key("set-cookie"), "{fields:?}");
    }
    let query = site.query(&client).header("sec-fetch-site", "same-origin");
    assert_eq!(query.send().await.unwrap().status, 200, "the session lives");
}

#[tokio::test]
async fn a_refused_sign_in_can_be_begun_again_with_the_same_wish() {
    let site = Site::start().await;
    let client = site.client();
    let wish = "/v1/info?a=1&b=\"<c>\"";
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("database", RETAIL)
        .append_pair(
            "return_to",
            &wish.replace('"', "%22").replace(['<', '>'], ""),
        )
        .finish();
    let start = navigating(client.get(&site.url(&format!("/v1/sso_authentication?{query}"))));
    let answer = site.provider.refuse(start, &client).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_page(&answer, "refused");
    assert!(
        answer
            .text()
            .contains("The sign-in was refused at the provider.")
    );
    let again = site.url(&link(answer.text()));
    assert_eq!(parameter(&again, "database").as_deref(), Some(RETAIL));
    let begun = client.get(&again).send().await.unwrap();
    let back = site.at_provider(&client, &begun).await;
    let answer = navigating(client.get(back.as_str())).send().await.unwrap();
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/v1/info?a=1&b=%22c%22"));
}

#[tokio::test]
async fn a_sign_in_that_fails_for_any_reason_can_be_begun_again() {
    let site = Site::patient().await;
    for (lie, status) in [
        (Lie::TokenError(400, "invalid_grant"), 400),
        (Lie::WrongNonce, 401),
        (Lie::NoIdToken, 502),
        (Lie::AuthorizationError("temporarily_unavailable"), 503),
    ] {
        let case = format!("{lie:?}");
        site.provider.lie(lie);
        let client = site.client();
        let back = site.nearly_signed_in(&client).await;
        let answer = navigating(client.get(back.as_str())).send().await.unwrap();
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        assert_page(&answer, &case);
        assert!(
            link(answer.text()).starts_with("/v1/sso_authentication?database=retail_analytics&")
        );
        assert!(!answer.text().contains("state="), "{case}");
        // The same state in another browser proves nothing, so nothing of it is shown.
        let other = navigating(site.client().get(back.as_str()))
            .send()
            .await
            .unwrap();
        assert_eq!(link(other.text()), "/v1/sso_authentication", "{case}");
        site.provider.be_honest();
    }
}

#[tokio::test]
async fn a_person_without_a_session_is_shown_the_way_to_one() {
    let site = Site::with(|settings| settings.set("pass_through", "anonymous", "false")).await;
    let client = site.client();
    let url = site.url("/v1/execute?statement=select+'s3cret'");
    let answer = navigating(client.get(&url)).send().await.unwrap();
    assert_eq!(answer.status, 401);
    assert_page(&answer, "no session");
    assert!(
        !answer.text().contains("s3cret"),
        "no statement on a page: {}",
        answer.text()
    );
    assert_eq!(link(answer.text()), "/v1/sso_authentication");
    assert_eq!(site.node.requests().len(), 0);
}

#[tokio::test]
async fn hostile_users_and_databases_cannot_become_markup() {
    let hostile = "<script>alert('1')</script>\"&\u{202e}";
    let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;\u{202e}";
    let site = Site::with(|settings| {
        settings.provider("username_claim", "'nickname'");
        // A SQL node that checked the identity itself would refuse such a database.
        settings.login_mode();
        settings.grant("provider = 'corp'\naccount = 'analyst'");
    })
    .await;
    let mut user = User::new("mallory", &[]);
    user.claims.insert("nickname".to_owned(), hostile.into());
    site.provider.add_user(user);
    site.provider.preset("mallory");
    let client = site.client();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("database", hostile)
        .finish();
    let page = sign_in(&site, &client, &query).await;
    assert_eq!(
        page.matches(&format!("<bdi>{escaped}</bdi>")).count(),
        2,
        "{page}"
    );
    let back = site
        .at_provider(&client, &site.begin(&client, &query).await)
        .await;
    site.provider.lie(Lie::WrongNonce);
    let answer = navigating(client.get(back.as_str())).send().await.unwrap();
    assert_page(&answer, "failed");
    let again = site.url(&link(answer.text()));
    assert_eq!(parameter(&again, "database").as_deref(), Some(hostile));
}

#[tokio::test]
async fn nothing_of_a_request_is_repeated_on_an_error_page() {
    let site = Site::with(|settings| settings.set("pass_through", "anonymous", "false")).await;
    for path in [
        "/v1/callback?code=s3cret&state=s3cret&error=s3cret&error_description=s3cret",
        "/v1/sso_authentication?database=%00s3cret&provider=s3cret",
        "/v1/sso_authentication?provider=s3cret",
        "/v1/sso_authentication?return_to=//s3cret",
        "/s3cret/%3Cscript%3E?s3cret",
        "/v1%2fsso_token?s3cret",
    ] {
        let request = navigating(site.client().get(&site.url(path)));
        let request = request
            .header("x-request-id", "<s3cret>")
            .header("cookie", format!("{LOGIN_COOKIE}x=s3cret; s3cret=s3cret"))
            .header("referer", "https://s3cret.example");
        let answer = request.send().await.unwrap();
        assert!(answer.status.is_client_error(), "{path}");
        assert_page(&answer, path);
        assert!(
            !answer.text().contains("s3cret"),
            "{path}: {}",
            answer.text()
        );
    }
    assert!(site.node.requests().is_empty());
}
