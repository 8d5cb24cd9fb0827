//! Proxies in front of the server: only what they say about the client's address is believed.

use std::net::IpAddr;

/// Networks of proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<(IpAddr, u32)>);

impl Proxies {
    /// Addresses and networks, separated by commas.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address is that of a proxy.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(network, bits)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        })
    }
}

fn network(text: &str) -> Result<(IpAddr, u32), String> {
    let expected = || format!("expected addresses or networks such as 10.0.0.0/8, not `{text}`");
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| expected())?;
    let address = address.to_canonical();
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), str::parse).map_err(|_| expected())?;
    if bits > most { Err(expected()) } else { Ok((address, bits)) }
}

#[cfg(test)]
mod tests {
    use super::Proxies;

    #[test]
    fn networks_contain_their_addresses() {
        let proxies = Proxies::parse("127.0.0.1, 10.1.0.0/16,2001:db8::/32").unwrap();
        let contain = |address: &str| proxies.contain(address.parse().unwrap());
        for inside in ["127.0.0.1", "::ffff:127.0.0.1", "10.1.255.3", "2001:db8:1::1"] {
            assert!(contain(inside), "{inside}");
        }
        for outside in ["127.0.0.2", "10.2.0.1", "2001:db9::1", "::1"] {
            assert!(!contain(outside), "{outside}");
        }
        assert!(Proxies::parse("0.0.0.0/0").unwrap().contain("8.8.8.8".parse().unwrap()));
        assert!(!Proxies::parse("").unwrap().contain("127.0.0.1".parse().unwrap()));
        for bad in ["localhost", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(Proxies::parse(bad).unwrap_err().contains(bad), "{bad}");
        }
    }
}
