//! URLs, socket addresses and networks, as the file may name them.
use super::fault::Fault;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

/// An IP address and a port to listen on.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| {
        let cure = match text.trim_start_matches(':').parse::<u16>() {
            Ok(port) => format!("for every interface write \"0.0.0.0:{port}\""),
            Err(_) => {
                "an IP address and a port, as in \"0.0.0.0:8443\" or \"[::]:8443\"".to_owned()
            }
        };
        Fault::new("not an address to listen on").cure(cure)
    })
}

/// A network such as `10.0.0.0/8`, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, Fault> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let network: IpNet = text.parse().map_err(|_| {
        Fault::new("not a network")
            .cure("as in \"10.0.0.0/8\", or one address such as \"10.0.0.7\"")
    })?;
    if network != network.trunc() {
        let cure = format!("did you mean \"{}\"?", network.trunc());
        return Err(Fault::new("has bits behind its prefix").cure(cure));
    }
    Ok(network)
}

/// The https origin under which clients and the provider see this program.
pub(super) fn public_url(text: &str) -> Result<Url, Fault> {
    let url = origin(text)?;
    match url.scheme() {
        "https" => Ok(url),
        _ => Err(Fault::new("only https is served").cure("write https://")),
    }
}

/// The origin of the SQL node. Clear text stays on this host, as it carries credentials.
pub(super) fn upstream(text: &str) -> Result<Url, Fault> {
    let url = origin(text)?;
    encrypted_or_local(&url)?;
    Ok(url)
}

/// An OpenID issuer, kept byte for byte: it is compared with what tokens say
/// (OpenID Connect Discovery 1.0 section 3).
pub(super) fn issuer(text: &str) -> Result<String, Fault> {
    let url = web_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        let fault = Fault::new("an issuer has no query and no fragment");
        return Err(fault.cure("copy `issuer` from the provider's metadata"));
    }
    encrypted_or_local(&url)?;
    Ok(text.to_owned())
}

/// Where a provider's metadata lies. Some have a query.
pub(super) fn metadata_address(text: &str) -> Result<Url, Fault> {
    let url = web_url(text)?;
    if url.fragment().is_some() {
        return Err(Fault::new("an address to fetch has no fragment").cure("remove it"));
    }
    encrypted_or_local(&url)?;
    Ok(url)
}

fn encrypted_or_local(url: &Url) -> Result<(), Fault> {
    if url.scheme() == "https" || is_loopback(url) {
        return Ok(());
    }
    Err(
        Fault::new("credentials would cross the network in clear text")
            .cure("use https://; http:// only leads to this host, such as 127.0.0.1"),
    )
}

/// Whether `url` can only lead to this host.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Never resolved elsewhere (RFC 6761 section 6.3).
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Scheme, host and port alone.
fn origin(text: &str) -> Result<Url, Fault> {
    let url = web_url(text)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    bare.then_some(url.clone()).ok_or_else(|| {
        Fault::new("only scheme, host and port belong here")
            .cure(format!("write \"{}\"", url.origin().ascii_serialization()))
    })
}

/// An absolute http or https URL without credentials.
fn web_url(text: &str) -> Result<Url, Fault> {
    let example = "as in \"https://sql0.example.com:8443\"";
    let not_url = || match text.contains('@') {
        true => Fault::new("not a URL").cure(example).hiding_value(),
        false => Fault::new("not a URL").cure(example),
    };
    // `Url` repairs what it can; a repaired issuer would never match a token.
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(not_url());
    }
    let url = Url::parse(text).map_err(|_| not_url())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::new("a URL with credentials is refused")
            .cure("leave out the part before `@`")
            .hiding_value());
    }
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(not_url());
    }
    Ok(url)
}
