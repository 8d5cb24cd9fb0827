//! Webhooks that are to be asked whether somebody is there, when the operation that wrote them is committed.
//!
//! The request waits for that, because what it wrote is finished when it is answered; but no longer than
//! `webhook_timeout_ms`, and nothing that a webhook does makes it fail. *Source: spec, trigger-webhook-category B2.*

use crate::outbound::{OutboundError, OutboundRequest};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::run::{Mode, Runner};
use crate::store::queries::webhook;

/// One webhook to be asked, as it was written.
pub(super) struct Probe {
    pub(super) id: i64,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    /// The headers as they are stored.
    pub(super) headers_text: String,
}

/// What an operation has to ask; undone with what it wrote.
#[derive(Default)]
pub(crate) struct Probes(Vec<Probe>);

impl Probes {
    pub(super) fn push(&mut self, probe: Probe) {
        self.0.push(probe);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what came after the first `len`.
    pub(crate) fn undo(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Asks them all at once, and notes what they said in a transaction of its own.
    pub(crate) fn run(self, runner: &Runner) {
        if self.0.is_empty() {
            return;
        }
        let requests = self.0.iter().map(request).collect();
        let outcomes = runner.host.outbound.ask_webhooks(requests, runner.host.webhooks.timeout);
        let problems: Vec<Option<String>> = outcomes.into_iter().map(problem).collect();
        let noted = runner.run_blocking(Mode::Write, |op| note(op, &self.0, &problems));
        if let Err(error) = noted {
            tracing::warn!(
                trace_id = %runner.request.trace_id,
                webhooks = self.0.len(),
                "what webhooks answered is not noted, they count as not verified: {error}"
            );
        }
    }
}

fn note(op: &mut OpCtx, probes: &[Probe], problems: &[Option<String>]) -> Result<(), OpError> {
    for (probe, problem) in probes.iter().zip(problems) {
        let asked = (probe.url.as_str(), probe.headers_text.as_str());
        webhook::settle(&mut op.db, probe.id, asked, problem.as_deref())?;
    }
    Ok(())
}

/// An empty object as JSON, with nothing but the configured headers. *Source: spec, trigger-webhook-category B2.*
fn request(probe: &Probe) -> OutboundRequest {
    let request = OutboundRequest::post(probe.url.as_str()).untyped("{}");
    probe.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// Why a webhook is not verified; none if it is. Says nothing about the inside of the network but that it is none of
/// the webhook's business.
fn problem(outcome: Result<u16, OutboundError>) -> Option<String> {
    match outcome {
        Ok(status) if status < 400 => None,
        Ok(status) => Some(crate::outbound::reason(status)),
        Err(OutboundError::HostNotAllowed { host, .. }) => {
            Some(format!("webhooks of this server do not reach {host}"))
        }
        Err(OutboundError::AddressNotAllowed { host, .. }) => {
            Some(format!("{host} has an address that webhooks of this server do not reach"))
        }
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{OutboundError, problem};

    #[test]
    fn what_is_said_of_webhooks() {
        assert_eq!((problem(Ok(200)), problem(Ok(399))), (None, None));
        assert_eq!(problem(Ok(404)).as_deref(), Some("Not Found"));
        assert_eq!(problem(Ok(599)).as_deref(), Some("status 599"));
        let refused = OutboundError::AddressNotAllowed {
            host: "a:80".into(),
            address: "10.1.2.3".into(),
            kind: "a private address",
        };
        let said = problem(Err(refused)).unwrap_or_default();
        assert!(said.starts_with("a:80 has an address") && !said.contains("10.1.2.3"), "{said}");
    }
}
