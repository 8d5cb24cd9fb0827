//! Which addresses are of the internet, and which of the machine, its network, or of nobody.
//!
//! *Source: IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).* What carries an
//! IPv4 address inside is what that address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses are reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Addresses {
    /// Those of the internet.
    #[default]
    Internet,
    /// Those of private networks too, but not the machine's own, nor those of its link, where providers of
    /// machines keep what only the machine may know.
    Network,
    /// All.
    Everything,
}

const PRIVATE: &str = "a private address";

/// What an address is that is not reached; none for the others.
pub(super) fn refused(address: IpAddr, reach: Addresses) -> Option<&'static str> {
    match reach {
        Addresses::Internet => reserved(address),
        Addresses::Network => reserved(address).filter(|kind| *kind != PRIVATE),
        Addresses::Everything => None,
    }
}

/// What an address is that is none of the internet.
fn reserved(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => reserved_v4(address),
        IpAddr::V6(address) => reserved_v6(address),
    }
}

/// Network, length of its prefix, what it is.
const V4: [([u8; 4], u32, &str); 16] = [
    ([0, 0, 0, 0], 8, "an unspecified address"),
    ([10, 0, 0, 0], 8, PRIVATE),
    ([100, 64, 0, 0], 10, "an address shared behind carriers"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, PRIVATE),
    ([192, 0, 0, 0], 24, "an address of protocols"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "an address of relays"),
    ([192, 168, 0, 0], 16, PRIVATE),
    ([198, 18, 0, 0], 15, "an address for benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([255, 255, 255, 255], 32, "the broadcast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

fn reserved_v4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let within = |network: &[u8; 4], prefix: u32| (bits ^ u32::from_be_bytes(*network)) >> (32 - prefix) == 0;
    V4.iter().find(|(network, prefix, _)| within(network, *prefix)).map(|(_, _, kind)| *kind)
}

fn reserved_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let low = Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap_or_default());
    let begins = |network: u128, prefix: u32| bits >> (128 - prefix) == network >> (128 - prefix);
    if address.is_unspecified() {
        return Some("an unspecified address");
    }
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if begins(0xffff_0000_0000, 96) || begins(0x64_ff9b << 96, 96) || begins(0, 96) {
        // Mapped; translated by NAT64; compatible, of old.
        return reserved_v4(low);
    }
    if begins(0x2002 << 112, 16) {
        let inside = Ipv4Addr::from_bits(u32::try_from((bits >> 80) & 0xffff_ffff).unwrap_or_default());
        return reserved_v4(inside);
    }
    for (network, prefix, kind) in [
        (0xff00 << 112, 8, "a multicast address"),
        (0xfe80 << 112, 10, "a link-local address"),
        // Within the private ones, and no more private than link-local addresses are.
        (0xfd00_0ec2 << 96, 32, "an address of a provider's services"),
        (0xfc00 << 112, 7, PRIVATE),
        (0xfec0 << 112, 10, PRIVATE),
        (0x2001_0db8 << 96, 32, "an address for documentation"),
        (0x3fff << 112, 20, "an address for documentation"),
        // Tunnels such as Teredo, benchmarks, overlays.
        (0x2001 << 112, 23, "an address of protocols"),
    ] {
        if begins(network, prefix) {
            return Some(kind);
        }
    }
    // Nothing else is given out; the local form of NAT64 is among it.
    (!begins(0x2000 << 112, 3)).then_some("a reserved address")
}

#[cfg(test)]
mod tests {
    use super::{Addresses, refused, reserved};
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn kind(address: &str) -> Option<&'static str> {
        reserved(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_the_internet_pass() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(kind(address), None, "{address}");
        }
    }

    #[test]
    fn all_others_are_named() {
        for (address, expected) in [
            ("0.0.0.0", "an unspecified address"),
            ("10.255.255.255", "a private address"),
            ("100.64.0.1", "an address shared behind carriers"),
            ("100.127.255.255", "an address shared behind carriers"),
            ("127.0.0.1", "a loopback address"),
            ("127.255.255.255", "a loopback address"),
            ("169.254.169.254", "a link-local address"),
            ("172.16.0.0", "a private address"),
            ("172.31.255.255", "a private address"),
            ("192.168.1.1", "a private address"),
            ("192.0.2.1", "an address for documentation"),
            ("198.19.255.255", "an address for benchmarks"),
            ("203.0.113.9", "an address for documentation"),
            ("224.0.0.1", "a multicast address"),
            ("239.255.255.255", "a multicast address"),
            ("240.0.0.1", "a reserved address"),
            ("255.255.255.255", "the broadcast address"),
            ("::", "an unspecified address"),
            ("::1", "a loopback address"),
            ("::ffff:127.0.0.1", "a loopback address"),
            ("::ffff:169.254.169.254", "a link-local address"),
            ("::127.0.0.1", "a loopback address"),
            ("64:ff9b::10.0.0.1", "a private address"),
            ("64:ff9b:1::1.1.1.1", "a reserved address"),
            ("2002:7f00:1::1", "a loopback address"),
            ("2001:0:1::1", "an address of protocols"),
            ("2001:db8::1", "an address for documentation"),
            ("3fff::1", "an address for documentation"),
            ("fc00::1", "a private address"),
            ("fd00:ec2::254", "an address of a provider's services"),
            ("fdff::1", "a private address"),
            ("fe80::1", "a link-local address"),
            ("fec0::1", "a private address"),
            ("ff02::1", "a multicast address"),
            ("5f00::1", "a reserved address"),
            ("100::1", "a reserved address"),
        ] {
            assert_eq!(kind(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn private_networks_are_more_than_the_internet_and_less_than_everything() {
        for (address, internet, network) in [
            ("1.1.1.1", true, true),
            ("10.0.0.1", false, true),
            ("172.16.0.1", false, true),
            ("192.168.1.1", false, true),
            ("fd00::1", false, true),
            ("::ffff:10.0.0.1", false, true),
            ("127.0.0.1", false, false),
            ("::1", false, false),
            ("::ffff:127.0.0.1", false, false),
            ("0.0.0.0", false, false),
            ("169.254.169.254", false, false),
            ("100.100.100.200", false, false),
            ("fd00:ec2::254", false, false),
            ("fe80::1", false, false),
            ("224.0.0.1", false, false),
        ] {
            let passes = |reach| refused(address.parse().unwrap(), reach).is_none();
            let found = [Addresses::Internet, Addresses::Network, Addresses::Everything].map(passes);
            assert_eq!(found, [internet, network, true], "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_address_within_another_is_what_that_is(bits in any::<u32>()) {
            let inside = Ipv4Addr::from_bits(bits);
            let of = reserved(IpAddr::V4(inside));
            prop_assert_eq!(reserved(IpAddr::V6(inside.to_ipv6_mapped())), of);
            let translated = Ipv6Addr::from_bits((0x64_ff9b << 96) | u128::from(bits));
            prop_assert_eq!(reserved(IpAddr::V6(translated)), of);
            let tunnelled = Ipv6Addr::from_bits((0x2002 << 112) | (u128::from(bits) << 80));
            prop_assert_eq!(reserved(IpAddr::V6(tunnelled)), of);
        }

        /// What the standard library knows to be special is not let through.
        #[test]
        fn nothing_special_passes(bits in any::<u32>(), network in prop::sample::select(vec![0u8, 10, 100, 127, 169, 172, 192, 198, 203, 224, 255])) {
            for address in [Ipv4Addr::from_bits(bits), Ipv4Addr::from_bits((bits & 0x00ff_ffff) | (u32::from(network) << 24))] {
                let special = address.is_private()
                    || address.is_loopback()
                    || address.is_link_local()
                    || address.is_multicast()
                    || address.is_unspecified()
                    || address.is_broadcast()
                    || address.is_documentation();
                prop_assert!(!special || reserved(IpAddr::V4(address)).is_some(), "{}", address);
            }
        }
    }
}
