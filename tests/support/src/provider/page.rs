//! The provider's few web pages: plain HTML, no script.

use http::{HeaderValue, StatusCode, header};

use super::exchange::{Reply, reply};

/// The sign-in form. It posts to its own address, whose query carries the request.
pub(crate) fn sign_in(client: &str, remark: &str) -> Reply {
    let client = escape(client);
    form(&format!(
        "<h1>Sign in</h1><p><b>{client}</b> wants to know who you are.</p>{}{CREDENTIALS}",
        alert(remark)
    ))
}

/// The form for a device's code.
pub(crate) fn device(user_code: &str, remark: &str) -> Reply {
    let user_code = escape(user_code);
    form(&format!(
        "<h1>Connect a device</h1>{}<label>Code shown by the device<input name=user_code required \
         autocomplete=off value=\"{user_code}\"></label>{CREDENTIALS}",
        alert(remark)
    ))
}

/// A page that only says something.
pub(crate) fn message(title: &str, text: &str) -> String {
    let (title, text) = (escape(title), escape(text));
    format!("{HEAD}<title>{title}</title><main><h1>{title}</h1><p>{text}</p></main>")
}

/// A request that cannot go back to its client.
pub(crate) fn refusal(why: &str) -> String {
    message("This request cannot be answered", why)
}

fn form(content: &str) -> Reply {
    let page =
        format!("{HEAD}<title>Sign in</title><main><form method=post>{content}</form></main>");
    let mut reply = reply(StatusCode::OK, "text/html; charset=utf-8", page);
    // No `form-action`: browsers apply it to the redirect after the form, which leaves this site.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    reply.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    reply
}

fn alert(remark: &str) -> String {
    match remark {
        "" => String::new(),
        remark => format!("<p role=alert>{}</p>", escape(remark)),
    }
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = "<!DOCTYPE html><html lang=en><meta charset=utf-8>\
    <meta name=viewport content=\"width=device-width, initial-scale=1\"><style>\
    :root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0}\
    main{max-width:22rem;margin:12vh auto;padding:0 1rem}label{display:block;margin:1rem 0}\
    input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem}\
    button{font:inherit;padding:.5rem 1.25rem;margin:.5rem .5rem 0 0}</style>";

const CREDENTIALS: &str = "<label>Name<input name=username autocomplete=username required \
    autofocus></label><label>Password<input name=password type=password \
    autocomplete=current-password required></label>\
    <button name=choice value=allow>Sign in</button>\
    <button name=choice value=refuse formnovalidate>Refuse</button>";
