//! Which hosts a caller reaches.

use pagoda_plugin_sdk::http::{Destination, HostPattern, any_allows};

/// Which hosts a caller reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// These.
    Listed(Vec<HostPattern>),
    /// All, on these ports; on all ports where there are none.
    All(Option<Vec<u16>>),
}

impl Default for Hosts {
    /// None at all.
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Hosts {
    /// Whether a destination is among them.
    #[must_use]
    pub fn allow(&self, destination: &Destination) -> bool {
        match self {
            Self::Listed(patterns) => any_allows(patterns, destination),
            Self::All(ports) => ports.as_ref().is_none_or(|ports| ports.contains(&destination.port())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Hosts;
    use pagoda_plugin_sdk::http::{Destination, HostPattern};

    #[test]
    fn hosts_and_ports() {
        let allow = |hosts: &Hosts, url: &str| hosts.allow(&Destination::parse(url).unwrap());
        let web = Hosts::All(Some(vec![80, 443]));
        assert!(allow(&web, "https://a/") && allow(&web, "http://b/") && !allow(&web, "http://a:8080/"));
        assert!(allow(&Hosts::All(None), "http://a:8080/"));
        let listed = Hosts::Listed(vec![HostPattern::parse("*.a.example:8080").unwrap()]);
        assert!(allow(&listed, "http://b.a.example:8080/") && !allow(&listed, "http://b.a.example/"));
        assert!(!allow(&Hosts::default(), "http://a/"));
    }
}
