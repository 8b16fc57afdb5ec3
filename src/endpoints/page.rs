//! The one page: who is signed in to what.
use crate::auth::SignedIn;

/// For a browser that wanted to go nowhere in particular. No script, no style, nothing from
/// elsewhere.
pub(super) fn signed_in(session: &SignedIn) -> String {
    let user = escape(session.identity.username());
    let database = escape(&session.database);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Signed in</title>\n\
         <h1>Signed in</h1>\n<p>You are signed in as <b>{user}</b> to the database \
         <b>{database}</b>. You can close this page.</p>\n</html>\n"
    )
}

/// Text as HTML text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_markup() {
        assert_eq!(escape("<b>&\"'"), "&lt;b&gt;&amp;&quot;&#39;");
    }
}
