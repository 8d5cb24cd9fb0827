//! What an operator decides about webhooks of entities: whether there are any, and where they lead.

use super::{Config, Setter, flag, number};
use pagoda_plugin_sdk::http::HostPattern;
use std::time::Duration;

/// Webhooks of entities.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Whether there are any.
    pub enabled: bool,
    /// The only hosts that they reach; absent means all.
    pub hosts: Option<Vec<HostPattern>>,
    /// The ports of hosts that are not named; absent means all.
    pub ports: Option<Vec<u16>>,
    /// Which addresses the hosts may have.
    pub addresses: WebhookAddresses,
    /// How long a request waits for all of its webhooks.
    pub timeout: Duration,
    /// Whether certificates must be good.
    pub verify_tls: bool,
}

/// Which addresses webhooks reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAddresses {
    /// Those of the internet.
    Internet,
    /// Those of private networks too.
    Network,
    /// All, those of the machine itself included.
    All,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            hosts: None,
            ports: Some(vec![80, 443]),
            addresses: WebhookAddresses::Network,
            timeout: Duration::from_secs(3),
            verify_tls: true,
        }
    }
}

pub(super) fn setter(key: &str) -> Option<Setter> {
    Some(match key {
        "webhooks" => |config, value| flag(value).map(|on| config.webhooks.enabled = on),
        "webhook_hosts" => set_hosts,
        "webhook_ports" => set_ports,
        "webhook_addresses" => set_addresses,
        "webhook_timeout_ms" => |config, value| {
            number(value, 10, 60_000).map(|time| config.webhooks.timeout = Duration::from_millis(time))
        },
        "webhook_verify_tls" => |config, value| flag(value).map(|on| config.webhooks.verify_tls = on),
        _ => return None,
    })
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn set_hosts(config: &mut Config, value: &str) -> Result<(), String> {
    let hosts: Vec<HostPattern> = words(value).map(HostPattern::parse).collect::<Result<_, _>>()?;
    config.webhooks.hosts = (!hosts.is_empty()).then_some(hosts);
    Ok(())
}

fn set_ports(config: &mut Config, value: &str) -> Result<(), String> {
    if value.trim() == "any" {
        config.webhooks.ports = None;
        return Ok(());
    }
    let expected = || "expected ports separated by commas, such as 80,443,8080, or any".to_owned();
    let ports: Vec<u16> =
        words(value).map(|port| number(port, 1, 65_535)).collect::<Result<_, _>>().map_err(|_| expected())?;
    if ports.is_empty() {
        return Err(expected());
    }
    config.webhooks.ports = Some(ports);
    Ok(())
}

fn set_addresses(config: &mut Config, value: &str) -> Result<(), String> {
    config.webhooks.addresses = match value {
        "internet" => WebhookAddresses::Internet,
        "network" => WebhookAddresses::Network,
        "all" => WebhookAddresses::All,
        _ => return Err("expected internet, network or all".to_owned()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::WebhookAddresses;

    #[test]
    fn settings_and_mistakes() {
        let config = load(&[
            ("PAGODA_WEBHOOKS", "off"),
            ("PAGODA_WEBHOOK_HOSTS", "hooks.example.com, *.ci.internal:8080"),
            ("PAGODA_WEBHOOK_PORTS", "80, 8080"),
            ("PAGODA_WEBHOOK_ADDRESSES", "all"),
            ("PAGODA_WEBHOOK_TIMEOUT_MS", "500"),
            ("PAGODA_WEBHOOK_VERIFY_TLS", "false"),
        ]);
        let webhooks = config.unwrap().webhooks;
        let hosts: Vec<String> = webhooks.hosts.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["hooks.example.com", "*.ci.internal:8080"]);
        assert_eq!((webhooks.enabled, webhooks.verify_tls), (false, false));
        assert_eq!((webhooks.ports, webhooks.addresses), (Some(vec![80, 8080]), WebhookAddresses::All));
        assert_eq!(webhooks.timeout.as_millis(), 500);
        let config = load(&[("PAGODA_WEBHOOK_PORTS", "any"), ("PAGODA_WEBHOOK_HOSTS", "")]).unwrap();
        assert!(config.webhooks.ports.is_none() && config.webhooks.hosts.is_none());
        for (name, bad, part) in [
            ("PAGODA_WEBHOOK_HOSTS", "https://a", "leave out the scheme"),
            ("PAGODA_WEBHOOK_PORTS", "", "expected ports"),
            ("PAGODA_WEBHOOK_PORTS", "0", "expected ports"),
            ("PAGODA_WEBHOOK_ADDRESSES", "some", "expected internet"),
            ("PAGODA_WEBHOOK_TIMEOUT_MS", "0", "expected an integer"),
            ("PAGODA_WEBHOOKS", "perhaps", "expected true or false"),
        ] {
            let problems = load(&[(name, bad)]).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains(part), "{problems:?}");
        }
    }
}
