//! Which hosts a plugin reaches: the patterns of `http_hosts`.

use super::Destination;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// One of `http_hosts`: `api.example.com`, `*.example.org:8443`, `192.0.2.1`, `[2001:db8::1]:8443`.
///
/// Without a port it means 80 and 443. `*.example.org` means every name below `example.org`, however deep, and
/// not that name itself. `plugin!` knows the same grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// Without `*`: `api.example.com`, or `.example.org` where all below are meant.
    host: String,
    port: Option<u16>,
}

const FORM: &str = "a host is a name with an optional port: \"api.example.com\", \"*.example.org:8443\"";

/// Ports of a pattern that names none.
const WEB_PORTS: [u16; 2] = [80, 443];

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err(format!("{FORM}; leave out the scheme"));
        }
        if text.contains('/') {
            return Err(format!("{FORM}; leave out the path"));
        }
        if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let address: Ipv6Addr = address.parse().map_err(|_| format!("`{address}` is no IPv6 address"))?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(read_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(FORM.to_owned()),
            };
            // As addresses of requests write it, which is not in all cases as the standard library does.
            return Ok(Self { host: url::Host::<&str>::Ipv6(address).to_string(), port });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(read_port(port)?)),
            None => (text, None),
        };
        let below = name.strip_prefix("*.");
        check_name(below.unwrap_or(name), text)?;
        if below.is_some_and(ends_in_a_number) {
            return Err(format!("{FORM}; nothing is below an address"));
        }
        if ends_in_a_number(name) && name.parse::<Ipv4Addr>().is_err() {
            return Err(format!("`{name}` is no IPv4 address"));
        }
        let host = below.map_or_else(|| name.to_owned(), |below| format!(".{below}"));
        Ok(Self { host, port })
    }

    /// Whether it allows a destination.
    #[must_use]
    pub fn allows(&self, destination: &Destination) -> bool {
        let port = match self.port {
            Some(port) => port == destination.port(),
            None => WEB_PORTS.contains(&destination.port()),
        };
        let host = destination.host();
        let same = if self.host.starts_with('.') {
            host.len() > self.host.len() && host.ends_with(&self.host)
        } else {
            host == self.host
        };
        port && same
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.starts_with('.') {
            f.write_str("*")?;
        }
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Whether one of the patterns allows a destination.
#[must_use]
pub fn any_allows(patterns: &[HostPattern], destination: &Destination) -> bool {
    patterns.iter().any(|pattern| pattern.allows(destination))
}

fn read_port(text: &str) -> Result<u16, String> {
    let well_formed = !text.starts_with(['0', '+']);
    let port = text.parse::<u16>().ok().filter(|_| well_formed);
    port.ok_or_else(|| format!("`{text}` is no port: it is a number from 1 to 65535"))
}

/// Addresses of requests take a name that ends so for an IPv4 address.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    hexadecimal || (!last.is_empty() && last.chars().all(|c| c.is_ascii_digit()))
}

fn check_name(name: &str, text: &str) -> Result<(), String> {
    if name.contains('*') {
        return Err("`*` stands only in front of a name, as in \"*.example.org\"".to_owned());
    }
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("write the host in small letters: \"{}\"", text.to_ascii_lowercase()));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.split('.').all(label) && name.len() <= 253 { Ok(()) } else { Err(FORM.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::{Destination, HostPattern};
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    fn allows(pattern: &str, url: &str) -> bool {
        HostPattern::parse(pattern).unwrap().allows(&Destination::parse(url).unwrap())
    }

    #[test]
    fn a_name_means_itself_on_the_ports_of_the_web() {
        for url in ["https://api.example.com/x", "http://api.example.com", "http://API.example.com:443/"] {
            assert!(allows("api.example.com", url), "{url}");
        }
        for url in [
            "https://api.example.com:8443/",
            "https://example.com/",
            "https://x.api.example.com/",
            "https://api.example.com.evil.example/",
            "https://evil-api.example.com/",
            "https://api.example.com./",
        ] {
            assert!(!allows("api.example.com", url), "{url}");
        }
    }

    #[test]
    fn a_star_means_all_below_and_a_port_means_only_itself() {
        assert!(allows("*.example.org:8443", "https://a.example.org:8443/"));
        assert!(allows("*.example.org:8443", "https://a.b.example.org:8443/"));
        for url in [
            "https://example.org:8443/",
            "https://a.example.org/",
            "https://aexample.org:8443/",
            "https://a.example.org.evil.example:8443/",
        ] {
            assert!(!allows("*.example.org:8443", url), "{url}");
        }
    }

    #[test]
    fn addresses_mean_themselves_however_they_are_written() {
        assert!(allows("127.0.0.1:9000", "http://127.1:9000/"));
        assert!(allows("[::1]", "http://[0:0:0:0:0:0:0:1]/"));
        assert!(allows("[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443/"));
        assert!(!allows("[::1]", "http://[::2]/"));
        assert!(!allows("*.1.example", "http://127.0.0.1/"));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, part) in [
            ("https://a.example", "leave out the scheme"),
            ("a.example/x", "leave out the path"),
            ("A.example", "write the host in small letters: \"a.example\""),
            ("a.*.example", "stands only in front"),
            ("a.example:0", "`0` is no port"),
            ("[::g]", "`::g` is no IPv6 address"),
            ("*.0.0.1", "nothing is below an address"),
            ("127.1", "`127.1` is no IPv4 address"),
            ("0x7f.0x1", "is no IPv4 address"),
            ("user@a.example", "a host is a name"),
            ("", "a host is a name"),
        ] {
            let problem = HostPattern::parse(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_is_written_as_it_is_read(text in "(\\*\\.)?[a-z][a-z0-9-]{0,5}(\\.[a-z]{1,3}){0,3}(:[1-9][0-9]{0,3})?") {
            if let Ok(pattern) = HostPattern::parse(&text) {
                prop_assert_eq!(pattern.to_string(), text.clone());
                let url = format!("http://{}/", text.replace('*', "any"));
                // Not everything that looks like a name in Punycode is one.
                prop_assert!(Destination::parse(&url).is_ok_and(|to| pattern.allows(&to)) || url.contains("xn--"));
            }
        }

        #[test]
        fn an_address_means_itself(bits in any::<u128>(), few in any::<u64>()) {
            for address in [Ipv6Addr::from_bits(bits), Ipv6Addr::from_bits(u128::from(few & 0xffff_ffff_ffff))] {
                let pattern = HostPattern::parse(&format!("[{address}]")).unwrap();
                let destination = Destination::parse(&format!("http://[{address}]/")).unwrap();
                prop_assert!(pattern.allows(&destination), "{}", address);
            }
        }

        #[test]
        fn only_a_suffix_behind_a_dot_is_below(name in "[a-z]{1,8}", before in "[a-z0-9-]{1,8}") {
            let pattern = HostPattern::parse("*.example.org").unwrap();
            let allows = |url: String| Destination::parse(&url).is_ok_and(|to| pattern.allows(&to));
            let below = allows(format!("https://{name}.example.org/"));
            let beside = allows(format!("https://{before}example.org/"));
            let other = allows(format!("https://example.org.{name}/"));
            prop_assert!(below && !beside && !other);
        }

        #[test]
        fn nothing_makes_it_panic(text in ".{0,24}", near in "[\\[\\]*.:a-f0-9/@]{0,16}") {
            let _ = HostPattern::parse(&text);
            let _ = HostPattern::parse(&near);
            let _ = Destination::parse(&format!("http://{near}/"));
        }
    }
}
