//! Limits of requests and of logins: whom they concern, and what is answered. The counting is in `limits/`.

use super::client;
use super::error::ApiError;
use crate::config::{Config, Proxies};
use crate::limits::attempts::{Attempt, Attempts};
use crate::limits::rate::{Rate, per_minute, per_second};
use crate::plugins::registry::Registry;
use actix_web::HttpRequest;
use pagoda_plugin_sdk::model::User;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The rate of one plugin's routes, all users together.
pub(super) type PluginRate = Rate<()>;

/// The rates of a server's API routes.
#[derive(Debug)]
pub struct Rates {
    user: Option<Rate<i64>>,
    /// Tokens are counted by their digests: nobody can make it keep long ones.
    token: Option<Rate<u64>>,
    anonymous: Option<Rate<IpAddr>>,
    plugins: HashMap<&'static str, Arc<PluginRate>>,
    /// Whether there is any that concerns all requests.
    any: bool,
    proxies: Proxies,
    digest: RandomState,
}

impl Rates {
    /// What the operator has set.
    #[must_use]
    pub fn new(config: &Config, registry: &Registry) -> Self {
        let limits = &config.limits;
        let of = |id: &'static str| {
            let own = config.plugins.policies.get(id).and_then(|policy| policy.requests_per_minute);
            let quota = own.and_then(NonZeroU32::new).map(per_minute).or(limits.rate_plugin.map(per_second));
            Some((id, Arc::new(PluginRate::new(quota?))))
        };
        Self {
            user: limits.rate_user.map(|count| Rate::new(per_second(count))),
            token: limits.rate_token.map(|count| Rate::new(per_second(count))),
            anonymous: limits.rate_anonymous.map(|count| Rate::new(per_second(count))),
            plugins: registry.plugins().iter().filter_map(|plugin| of(plugin.decl.id)).collect(),
            any: limits.rate_user.or(limits.rate_token).or(limits.rate_anonymous).is_some(),
            proxies: limits.trusted_proxies.clone(),
            digest: RandomState::new(),
        }
    }

    /// Counts a request of this user with this token, or of nobody.
    ///
    /// # Errors
    /// It is one too many.
    pub(super) fn admit(
        &self,
        request: &HttpRequest,
        user: Option<&User>,
        token: impl FnOnce() -> Option<String>,
    ) -> Result<(), ApiError> {
        if !self.any {
            return Ok(());
        }
        let Some(user) = user else { return self.stranger(request) };
        if let Some(rate) = &self.user {
            rate.check(&user.id).map_err(|wait| too_many("requests of this user", wait))?;
        }
        if let Some(rate) = &self.token
            && let Some(token) = token()
        {
            let token = self.digest.hash_one(token);
            rate.check(&token).map_err(|wait| too_many("requests with this token", wait))?;
        }
        Ok(())
    }

    /// Counts a request whose credentials are none, or are not known to hold.
    ///
    /// # Errors
    /// It is one too many from its address.
    pub(super) fn stranger(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let Some(rate) = &self.anonymous else { return Ok(()) };
        // Those without an address share one.
        let address = self.address(request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        rate.check(&address)
            .map_err(|wait| too_many("requests without known credentials from your address", wait))
    }

    /// Where a request comes from.
    pub(super) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        client::address(request, &self.proxies)
    }

    /// The rate of a plugin's routes, if it has one.
    pub(super) fn of_plugin(&self, id: &str) -> Option<Arc<PluginRate>> {
        self.plugins.get(id).cloned()
    }

    /// How many requests were refused, by kind of limit.
    #[must_use]
    pub fn refused(&self) -> [(&'static str, u64); 4] {
        [
            ("user", self.user.as_ref().map_or(0, Rate::refused)),
            ("token", self.token.as_ref().map_or(0, Rate::refused)),
            ("anonymous", self.anonymous.as_ref().map_or(0, Rate::refused)),
            ("plugin", self.plugins.values().map(|rate| rate.refused()).sum()),
        ]
    }
}

/// Counts a request to a plugin's routes.
pub(super) fn admit_to_plugin(id: &str, rate: &PluginRate) -> Result<(), ApiError> {
    rate.check(&()).map_err(|wait| too_many(&format!("requests to plugin {id}"), wait))
}

fn too_many(what: &str, wait: Duration) -> ApiError {
    let seconds = whole_seconds(wait);
    ApiError::too_many(&format!("too many {what}; try again in {seconds} s"), seconds)
}

/// Never too short: who comes back when told to is let in.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Attempts to log in, and what became of them.
#[derive(Debug)]
pub struct Logins {
    attempts: Attempts,
    succeeded: AtomicU64,
    failed: AtomicU64,
    delayed: AtomicU64,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginOutcome {
    /// The password was right.
    Succeeded,
    /// It was not.
    Failed,
    /// Nobody knows.
    Unknown,
}

impl Logins {
    /// With delays up to `longest`; zero means none.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        Self {
            attempts: Attempts::new(longest),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
        }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// It is too early; says for how many seconds.
    pub(super) fn begin(&self, name: &str, address: Option<IpAddr>) -> Result<Attempt, u64> {
        self.attempts.begin(name, address, Instant::now()).map_err(|wait| {
            self.delayed.fetch_add(1, Ordering::Relaxed);
            whole_seconds(wait)
        })
    }

    /// Ends an attempt.
    pub(super) fn end(&self, attempt: Attempt, outcome: LoginOutcome) {
        match outcome {
            LoginOutcome::Succeeded => {
                self.attempts.succeeded(attempt, Instant::now());
                self.succeeded.fetch_add(1, Ordering::Relaxed);
            }
            // It was one from its beginning.
            LoginOutcome::Failed => drop(self.failed.fetch_add(1, Ordering::Relaxed)),
            LoginOutcome::Unknown => self.attempts.void(attempt, Instant::now()),
        }
    }

    /// How many attempts ended in which way.
    #[must_use]
    pub fn outcomes(&self) -> [(&'static str, u64); 3] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("succeeded", read(&self.succeeded)),
            ("failed", read(&self.failed)),
            ("delayed", read(&self.delayed)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::whole_seconds;
    use std::time::Duration;

    #[test]
    fn waits_are_rounded_up() {
        let of = |millis| whole_seconds(Duration::from_millis(millis));
        assert_eq!([0, 1, 999, 1_000, 1_001].map(of), [1, 1, 1, 1, 2]);
    }
}
