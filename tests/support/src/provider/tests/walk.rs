//! Whole sign-ins, begun at a relying party.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;

/// A relying party that sets a cookie at `/start` and answers the callback with its query and that cookie.
async fn relying_party(authority: &Authority, provider: &Provider) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    provider.allow_redirect("ocient", &format!("{origin}/callback"));
    let acceptor = TlsAcceptor::from(Arc::new(authority.server_config(&["127.0.0.1"])));
    let mut target = url::Url::parse(&provider.url("authorize")).unwrap();
    target.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", "ocient"),
        ("redirect_uri", &format!("{origin}/callback")),
        ("scope", "openid"),
        ("state", STATE),
        ("nonce", NONCE),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.to_string());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else {
                    return;
                };
                let service = service_fn(move |request| answer(request, target.clone()));
                let server = hyper::server::conn::http1::Builder::new();
                drop(server.serve_connection(TokioIo::new(tls), service).await);
            });
        }
    });
    format!("{origin}/start")
}

async fn answer(
    request: Request<Incoming>,
    target: String,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = Response::builder();
    if request.uri().path() == "/start" {
        let cookie = "__Host-login=bound; Secure; HttpOnly; Path=/";
        let answer = answer.status(302).header(header::SET_COOKIE, cookie);
        let answer = answer.header(header::LOCATION, target);
        return Ok(answer.body(Full::default()).unwrap());
    }
    let header = |name| {
        let value = request.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    };
    let seen = json!({
        "query": request.uri().query(),
        "cookie": header(header::COOKIE),
        "accept": header(header::ACCEPT),
        "user": header("x-testkit-user".parse().unwrap()),
    });
    Ok(answer.body(seen.to_string().into()).unwrap())
}

async fn signed_in_user(site: &Site, code: &str, callback: &str) -> Value {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", callback),
        ("code_verifier", VERIFIER),
    ];
    let tokens = site.token_request(&fields).await.json();
    let id_token = tokens["id_token"].as_str().unwrap();
    site.verify(id_token, "ocient").await.unwrap()["preferred_username"].clone()
}

#[tokio::test]
async fn several_people_sign_in_at_a_time_with_and_without_the_form() {
    for interactive in [false, true] {
        let authority = Authority::new();
        let mut options = ProviderOptions::new(&authority);
        options.interactive = interactive;
        let site = Site {
            provider: Provider::start(options),
            client: Client::new(&authority.ca_pem()),
        };
        let start = relying_party(&authority, &site.provider).await;
        let callback = start.replace("/start", "/callback");
        let site = Arc::new(site);
        let mut sign_ins = tokio::task::JoinSet::new();
        for user in ["alice", "bob", "carol"] {
            let (site, start, callback) = (site.clone(), start.clone(), callback.clone());
            sign_ins.spawn(async move {
                let browser = site.client.fresh_jar();
                let request = browser.get(&start).accept("text/html");
                let answer = site.provider.walk(request, &browser, user).await.json();
                assert_eq!(answer["cookie"], "__Host-login=bound");
                assert_eq!(answer["accept"], "text/html");
                assert_eq!(answer["user"], "", "the wish is for the provider only");
                let query = format!("{callback}?{}", answer["query"].as_str().unwrap());
                let url = url::Url::parse(&query).unwrap();
                let pairs: Vec<_> = url.query_pairs().into_owned().collect();
                assert_eq!(value(&pairs, "iss"), site.provider.issuer());
                let who = signed_in_user(&site, value(&pairs, "code"), &callback).await;
                assert_eq!(who, user, "interactive: {interactive}");
            });
        }
        let signed_in = sign_ins.join_all().await;
        assert_eq!(signed_in.len(), 3);
    }
}

#[tokio::test]
async fn a_person_can_refuse_with_and_without_the_form() {
    for interactive in [false, true] {
        let authority = Authority::new();
        let mut options = ProviderOptions::new(&authority);
        options.interactive = interactive;
        let provider = Provider::start(options);
        let client = Client::new(&authority.ca_pem());
        let start = relying_party(&authority, &provider).await;
        let answer = provider.refuse(client.get(&start), &client).await.json();
        let query = answer["query"].as_str().unwrap();
        assert!(
            query.contains("error=access_denied"),
            "{interactive}: {query}"
        );
    }
}
