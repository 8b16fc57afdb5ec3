//! Pages for people: what they look like, and that nothing in them can act.
mod reader;

pub use reader::Reader;

use crate::body::Body;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Response, StatusCode, header};
use std::sync::LazyLock;

/// A small page without a script, put together from texts; each is made harmless on its way in.
#[derive(Clone, Debug)]
pub struct Page {
    title: &'static str,
    content: String,
}

impl Page {
    /// A page with this title and heading.
    pub fn new(title: &'static str) -> Self {
        Self {
            title,
            content: String::new(),
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.with(&["<p>", &escape(text), "</p>\n"])
    }

    /// Adds a list of what is the case. Each value stands by itself: one that is written from
    /// right to left cannot reorder the words around it.
    #[must_use]
    pub fn facts(self, facts: &[(&str, &str)]) -> Self {
        let mut page = self.with(&["<dl>\n"]);
        for (name, value) in facts {
            let (name, value) = (escape(name), escape(value));
            page = page.with(&["<dt>", &name, "</dt><dd><bdi>", &value, "</bdi></dd>\n"]);
        }
        page.with(&["</dl>\n"])
    }

    /// Adds a link to `address`: a path of this site, an `https` URL, or, if it is empty, this very page
    /// once more.
    #[must_use]
    pub fn link(self, text: &str, address: &str) -> Self {
        let (text, address) = (escape(text), escape(address));
        self.with(&[
            "<a class=\"deed\" href=\"",
            &address,
            "\">",
            &text,
            "</a>\n",
        ])
    }

    /// Adds a button that sends an empty form to `path` of this site.
    #[must_use]
    pub fn button(self, text: &str, path: &str) -> Self {
        let (text, path) = (escape(text), escape(path));
        let form = ["<form method=\"post\" action=\"", &path, "\">"];
        self.with(&form)
            .with(&["<button class=\"deed\">", &text, "</button></form>\n"])
    }

    /// The whole answer. Nothing may be loaded into it, run in it or framed around it; nobody
    /// keeps it, and its address, which may hold a code, is no referrer.
    pub fn answer(&self, status: StatusCode) -> Response<Body> {
        let mut response = Response::new(Body::from(self.html()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
        response
    }

    /// The HTML alone.
    pub fn html(&self) -> String {
        let (title, content) = (escape(self.title), &self.content);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} \u{2013} Ocient</title>\n<link rel=\"icon\" href=\"data:,\">\n\
             <style>{STYLE}</style>\n</head>\n\
             <body>\n<main>\n<h1>{title}</h1>\n{content}</main>\n</body>\n</html>\n"
        )
    }

    fn with(mut self, pieces: &[&str]) -> Self {
        self.content.extend(pieces.iter().copied());
        self
    }
}

/// The one style; a page names no other, and the policy allows no other.
const STYLE: &str = include_str!("page/style.css");

/// The icon is empty and part of the page: without it, browsers would ask the SQL node for one.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 is visible ASCII")
});

/// Text as HTML text, or as the value of an attribute in quotation marks. Control characters,
/// which HTML does not know, become visible.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char if char.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "</p><script>alert('1')</script>\" onclick=\"x&\0\n";
    const HARMLESS: &str = "&lt;/p&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; \
                            onclick=&quot;x&amp;\u{fffd}\u{fffd}";

    #[test]
    fn no_text_can_become_markup_wherever_it_stands() {
        let page = Page::new("Title");
        for (place, page) in [
            ("text", page.clone().text(HOSTILE)),
            ("name", page.clone().facts(&[(HOSTILE, "")])),
            ("value", page.clone().facts(&[("", HOSTILE)])),
            ("link", page.clone().link(HOSTILE, "/")),
            ("address", page.clone().link("", HOSTILE)),
            ("button", page.clone().button(HOSTILE, "/")),
            ("path", page.button("", HOSTILE)),
        ] {
            let html = page.html();
            assert!(html.contains(HARMLESS), "{place}: {html}");
            assert!(!html.contains("<script"), "{place}: {html}");
        }
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
        let answer = Page::new("Title").answer(StatusCode::NOT_FOUND);
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let policy = answer.headers()["content-security-policy"].to_str();
        let policy = policy.unwrap().to_owned();
        for rule in [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = Page::new("Title").html();
        let (_, style) = html.split_once("<style>").unwrap();
        let (style, _) = style.split_once("</style>").unwrap();
        let hash = BASE64_STANDARD.encode(digest(&SHA256, style.as_bytes()));
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
        assert_eq!(html.matches("<style").count(), 1);
        assert!(!html.contains("style=") && !html.contains("<script"));
    }

    #[test]
    fn nothing_comes_from_outside() {
        let html = Page::new("Title").text("text").html();
        for sign in ["http:", "https:", "src=", "url(", "@import"] {
            assert!(!html.contains(sign), "{sign}: {html}");
        }
    }
}
