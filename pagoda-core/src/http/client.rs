//! From which address a request comes: that of the connection, or what a proxy says that the operator trusts.

use crate::config::Proxies;
use actix_web::HttpRequest;
use std::net::{IpAddr, Ipv6Addr};

/// The client's address, as limits tell clients apart. None where the connection has none.
pub(super) fn address(request: &HttpRequest, trusted: &Proxies) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let said = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    Some(network(behind(peer, &said.collect::<Vec<_>>(), trusted)))
}

/// The last address in the chain that no trusted proxy has. Everything before it is the client's to invent.
fn behind(peer: IpAddr, said: &[&str], trusted: &Proxies) -> IpAddr {
    let mut address = peer;
    let hops = said.iter().rev().flat_map(|value| value.rsplit(','));
    for hop in hops {
        if !trusted.contain(address) {
            break;
        }
        let hop = hop.trim();
        // Some proxies add the port.
        let parsed = hop
            .parse()
            .ok()
            .or_else(|| hop.parse().ok().map(|with_port: std::net::SocketAddr| with_port.ip()));
        let Some(next) = parsed else { break };
        address = next;
    }
    address
}

/// Of IPv6 the network: a client has a whole one, and could be another with each request.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{behind, network};
    use crate::config::Proxies;
    use std::net::IpAddr;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = Proxies::parse("127.0.0.1, 10.0.0.0/8").unwrap();
        let of = |peer: &str, said: &[&str]| behind(ip(peer), said, &trusted).to_string();
        assert_eq!(of("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(of("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("127.0.0.1", &["8.8.8.8, 198.51.100.1, 10.0.0.3"]), "198.51.100.1");
        assert_eq!(of("127.0.0.1", &["8.8.8.8", "198.51.100.1", "10.0.0.3"]), "198.51.100.1");
        assert_eq!(of("127.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(of("127.0.0.1", &["unknown"]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["10.0.0.1"]), "10.0.0.1");
    }

    #[test]
    fn a_client_is_an_ipv6_network() {
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }
}
