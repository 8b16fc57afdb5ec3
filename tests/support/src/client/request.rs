//! A request being put together, its way out, and the redirects after it.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde::Serialize;
use url::Url;

use super::body::{self, BodyStream, RequestBody};
use super::line::{Line, within};
use super::{Answer, Client, ClientError, Streaming};

/// A request that is not sent yet.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    line: Option<Arc<Line>>,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: RequestBody,
    trailers: HeaderMap,
    mistake: Option<ClientError>,
}

impl RequestBuilder {
    pub(crate) fn new(
        client: Client,
        line: Option<Arc<Line>>,
        method: Method,
        url: String,
    ) -> Self {
        Self {
            client,
            line,
            method,
            url,
            headers: HeaderMap::new(),
            body: body::whole(Bytes::new()),
            trailers: HeaderMap::new(),
            mistake: None,
        }
    }

    /// Adds a header line; a second one of the same name stays a second line.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        match pair(name, value.as_ref()) {
            Some((name, value)) => drop(self.headers.append(name, value)),
            None => self.mistake = Some(ClientError::Header(name.to_owned())),
        }
        self
    }

    /// Adds a trailer, and its name to the `Trailer` header, without which HTTP/1.1 would not send it.
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        match pair(name, value.as_ref()) {
            Some((name, value)) => drop(self.trailers.append(name, value)),
            None => self.mistake = Some(ClientError::Header(name.to_owned())),
        }
        self.header("trailer", name)
    }

    /// `Authorization: Basic` with these credentials.
    pub fn basic(self, user: &str, password: &str) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.header("authorization", format!("Basic {pair}"))
    }

    /// `Authorization: Bearer` with this token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds an `Accept` header.
    pub fn accept(self, kinds: &str) -> Self {
        self.header("accept", kinds)
    }

    /// A JSON body with its content type.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    pub fn json(self, value: impl Serialize) -> Self {
        let text = serde_json::to_vec(&value).expect("values of tests can be JSON");
        self.header("content-type", "application/json").body(text)
    }

    /// A form body with its content type.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let text = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(text)
    }

    /// A body that is known now; its length is sent.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = body::whole(bytes.into());
        self
    }

    /// A body that the test sends while the request is under way; chunked in HTTP/1.1 unless a
    /// `Content-Length` header is given.
    pub fn body_stream(mut self, stream: BodyStream) -> Self {
        self.body = body::streamed(stream);
        self
    }

    /// Sends the request and reads the whole answer.
    pub async fn send(self) -> Result<Answer, ClientError> {
        self.stream().await?.collect().await
    }

    /// Sends the request and returns at the answer's head.
    pub async fn stream(mut self) -> Result<Streaming, ClientError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        let parsed = parse_url(&self.url)?;
        let settings = self.client.settings.clone();
        let line = match self.line.take() {
            Some(line) => line,
            None => Arc::new(Line::open(&settings, &parsed).await?),
        };
        let (jar, url) = (self.client.jar.clone(), self.url.clone());
        let mut request = self.into_http(&parsed)?;
        let interim = Arc::new(Mutex::new(Vec::new()));
        let seen = interim.clone();
        hyper::ext::on_informational(&mut request, move |answer| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(answer.status());
        });
        let exchange = async {
            let broken = |error| ClientError::Http(url.clone(), error);
            line.send(request).await.map_err(broken)
        };
        let response = within(settings.timeout, "an answer", exchange).await?;
        if let Some(jar) = jar {
            jar.keep(&parsed, response.headers());
        }
        let timeout = settings.timeout;
        Ok(Streaming::new(url, response, interim, line, timeout))
    }

    /// Sends the request and follows up to ten redirects, keeping cookies and `Accept`.
    pub async fn follow(self) -> Result<Answer, ClientError> {
        self.follow_with(|request| request).await
    }

    /// Like [`RequestBuilder::follow`], changing each further request on its way out.
    pub(crate) async fn follow_with(
        self,
        change: impl Fn(Self) -> Self,
    ) -> Result<Answer, ClientError> {
        let client = self.client.clone();
        let mut kept = HeaderMap::new();
        if let Some(accept) = self.headers.get(header::ACCEPT) {
            kept.insert(header::ACCEPT, accept.clone());
        }
        let first = self.send().await?;
        follow(&client, first, kept, change).await
    }

    /// The first value of a header as text.
    pub(crate) fn header_value(&self, name: HeaderName) -> Option<String> {
        let value = self.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn into_http(mut self, parsed: &Uri) -> Result<Request<RequestBody>, ClientError> {
        let cookies = self.client.jar.as_ref().and_then(|jar| jar.header(parsed));
        // A test that writes its own cookies means them instead of the jar's.
        if let (Some(cookies), false) = (cookies, self.headers.contains_key(header::COOKIE)) {
            self.headers.insert(header::COOKIE, cookies);
        }
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = parsed.clone();
        if !self.client.settings.http2 {
            let target = parsed
                .path_and_query()
                .map_or("/", |target| target.as_str());
            *request.uri_mut() = target
                .parse()
                .map_err(|_| ClientError::Url(self.url.clone()))?;
            let host = parsed
                .authority()
                .map_or("", |authority| authority.as_str());
            let host = HeaderValue::from_str(host).expect("an authority is visible ASCII");
            self.headers.entry(header::HOST).or_insert(host);
        }
        *request.headers_mut() = self.headers;
        if !self.trailers.is_empty() {
            let trailers = self.trailers;
            request = request.map(|body| body::with_trailers(body, trailers));
        }
        Ok(request)
    }
}

/// Follows redirects as a browser's GETs.
pub(crate) async fn follow(
    client: &Client,
    mut answer: Answer,
    headers: HeaderMap,
    change: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Result<Answer, ClientError> {
    for _ in 0..MOST_REDIRECTS {
        if !is_redirect(answer.status) {
            return Ok(answer);
        }
        let lost = || ClientError::Redirect(answer.url.clone());
        let location = answer.header("location").ok_or_else(lost)?;
        let base = Url::parse(&answer.url).map_err(|_| lost())?;
        let next = base.join(location).map_err(|_| lost())?;
        let mut request = client.get(next.as_str());
        request.headers = headers.clone();
        answer = change(request).send().await?;
    }
    Err(ClientError::Redirect(answer.url))
}

pub(crate) fn parse_url(url: &str) -> Result<Uri, ClientError> {
    let parsed: Uri = url.parse().map_err(|_| ClientError::Url(url.to_owned()))?;
    match parsed.scheme_str() {
        Some("http" | "https") => Ok(parsed),
        _ => Err(ClientError::Url(url.to_owned())),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn pair(name: &str, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let name = name.parse().ok()?;
    let value = HeaderValue::from_bytes(value).ok()?;
    Some((name, value))
}

/// A sign-in takes four.
const MOST_REDIRECTS: usize = 10;
