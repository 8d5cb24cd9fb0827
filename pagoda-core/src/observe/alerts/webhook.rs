//! Posts alerts as JSON, signed if there is a secret.

use super::delivery::Channel;
use super::notice::Notice;
use crate::config::{self, Secret};
use anyhow::{Context, bail};
use hmac::{Hmac, KeyInit, Mac};
use pagoda_plugin_sdk::time::Timestamp;
use sha2::Sha256;
use std::time::Duration;

/// For everything: finding the host, connecting, sending, the answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Says which notice it is: the same when it comes twice.
const DELIVERY: &str = "X-Pagoda-Delivery";
/// `sha256=` and the HMAC-SHA-256 of the body under the secret, in hexadecimal digits.
const SIGNATURE: &str = "X-Pagoda-Signature";

pub(super) struct Webhook {
    url: Secret,
    secret: Option<Secret>,
    agent: ureq::Agent,
}

impl Webhook {
    pub(super) fn new(to: &config::Webhook, secret: Option<Secret>) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(LIMIT))
            // Who it goes to is what the operator wrote, and not what that host or the environment say.
            .max_redirects(0)
            .proxy(None)
            .http_status_as_error(false)
            // Alerts are rare: a connection would be stale by the next one.
            .max_idle_connections(0)
            .user_agent(concat!("pagoda/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { url: to.url.clone(), secret, agent }
    }
}

fn signature(secret: &Secret, body: &[u8]) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())?;
    mac.update(body);
    let digits = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(format!("sha256={digits}"))
}

impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn tell(&self, notice: &Notice) -> anyhow::Result<()> {
        let body = serde_json::to_vec(&notice.json(Timestamp::now()))?;
        let mut request = self
            .agent
            .post(self.url.expose())
            .header("Content-Type", "application/json")
            .header(DELIVERY, notice.id());
        if let Some(secret) = &self.secret {
            request = request.header(SIGNATURE, signature(secret, &body)?);
        }
        let status = request.send(&body).context("no answer")?.status();
        if !status.is_success() {
            bail!("answered with {status}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::signature;
    use crate::config::Secret;

    /// *Source: RFC 4231, test case 2.*
    #[test]
    fn signatures_are_those_of_the_standard() {
        let signed = signature(&Secret::new("Jefe"), b"what do ya want for nothing?").unwrap();
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
