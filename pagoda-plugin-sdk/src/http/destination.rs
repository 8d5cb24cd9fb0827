//! Where a request goes, as host and client agree to read it.

use super::{OutboundError, OutboundResult};
use url::Url;

/// The address of a request, read once: what is checked is what is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination(Url);

impl Destination {
    /// Reads an absolute address.
    ///
    /// # Errors
    /// [`OutboundError::BadUrl`]: it is no address, not `http` or `https`, or carries credentials.
    pub fn parse(url: &str) -> OutboundResult<Self> {
        Self::of(Url::parse(url).map_err(|error| OutboundError::BadUrl(error.to_string()))?)
    }

    /// Where a redirect leads from here; `location` may be relative.
    ///
    /// # Errors
    /// As [`Destination::parse`].
    pub fn follow(&self, location: &str) -> OutboundResult<Self> {
        let joined = self.0.join(location);
        Self::of(joined.map_err(|error| OutboundError::BadUrl(format!("a redirect: {error}")))?)
    }

    fn of(mut url: Url) -> OutboundResult<Self> {
        let bad = |text: &str| Err(OutboundError::BadUrl(text.to_owned()));
        if !matches!(url.scheme(), "http" | "https") {
            return bad("only `http` and `https` are spoken");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return bad("credentials do not stand in an address; use a header");
        }
        if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            return bad("it names no host that can be reached");
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The host: a name in small letters, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port; 80 or 443 where the address says none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Host and port, for messages and logs. The rest of an address may hold secrets.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host(), self.port())
    }

    /// The whole address, without a fragment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether what was meant for one may be sent to the other: same scheme, host and port.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }
}

/// Headers that describe the connection. With one of them a request could be about another host than the one
/// it was checked for, or two requests.
const OF_THE_CONNECTION: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// Whether a plugin may set a header.
#[must_use]
pub fn may_set_header(name: &str) -> bool {
    !OF_THE_CONNECTION.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::{Destination, may_set_header};

    fn read(url: &str) -> String {
        match Destination::parse(url) {
            Ok(destination) => format!("{} {}", destination.authority(), destination.as_str()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_address_is_read_in_one_way() {
        for (url, expected) in [
            ("https://Api.Example.com/a?b#c", "api.example.com:443 https://api.example.com/a?b"),
            ("http://a.example:8080", "a.example:8080 http://a.example:8080/"),
            // Other ways to write loopback.
            ("http://127.1/", "127.0.0.1:80 http://127.0.0.1/"),
            ("http://0x7f000001/", "127.0.0.1:80 http://127.0.0.1/"),
            ("http://2130706433/", "127.0.0.1:80 http://127.0.0.1/"),
            ("http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]:80 http://[::ffff:7f00:1]/"),
            // A backslash is a slash to some and part of the host to others.
            ("http://a.example\\@b.example/", "a.example:80 http://a.example/@b.example/"),
            ("http://b\u{fc}cher.example/", "xn--bcher-kva.example:80 http://xn--bcher-kva.example/"),
        ] {
            assert_eq!(read(url), expected, "{url}");
        }
        for (url, part) in [
            ("", "relative URL without a base"),
            ("/path", "relative URL without a base"),
            ("ftp://a.example/", "only `http` and `https`"),
            ("file:///etc/passwd", "only `http` and `https`"),
            ("http://user@a.example/", "credentials"),
            ("http://a.example:0/", "names no host"),
            ("http://", "empty host"),
        ] {
            let text = read(url);
            assert!(text.starts_with("the address of the request cannot be used: "), "{url}: {text}");
            assert!(text.contains(part), "{url}: {text}");
        }
    }

    #[test]
    fn redirects_may_be_relative() {
        let from = Destination::parse("https://a.example/x/y?z").unwrap();
        let to = |location: &str| from.follow(location).map(|to| to.as_str().to_owned()).ok();
        assert_eq!(to("../w").as_deref(), Some("https://a.example/w"));
        assert_eq!(to("//b.example/").as_deref(), Some("https://b.example/"));
        assert_eq!(to("?q").as_deref(), Some("https://a.example/x/y?q"));
        assert_eq!(to("javascript:alert(1)"), None);
        assert_eq!(to("http://user:password@a.example/"), None);
    }

    #[test]
    fn another_scheme_or_port_is_another_origin() {
        let origin = |url: &str| Destination::parse(url).unwrap();
        let here = origin("https://a.example/x");
        assert!(here.is_same_origin(&origin("https://a.example:443/y")));
        for other in ["http://a.example/x", "https://a.example:8443/x", "https://b.example/x"] {
            assert!(!here.is_same_origin(&origin(other)), "{other}");
        }
    }

    #[test]
    fn headers_of_the_connection_are_the_hosts() {
        assert!(may_set_header("Authorization") && may_set_header("X-Api-Key"));
        assert!(!may_set_header("Host") && !may_set_header("transfer-Encoding"));
    }
}
