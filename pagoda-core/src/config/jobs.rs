//! What an operator decides about jobs.

use super::{Config, Setter, number};
use std::time::Duration;

/// Jobs. *Source: spec, job §3 and §4.*
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// What is not over for so long counts as timed out.
    pub timeout: Duration,
    /// Days for which jobs that are over are kept; absent means for ever.
    pub retention_days: Option<u32>,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(86_400), retention_days: None }
    }
}

pub(super) fn setter(key: &str) -> Option<Setter> {
    Some(match key {
        "job_timeout_s" => |config, value| {
            number(value, 1, 31_536_000).map(|time| config.jobs.timeout = Duration::from_secs(time))
        },
        "job_retention_days" => set_retention,
        _ => return None,
    })
}

fn set_retention(config: &mut Config, value: &str) -> Result<(), String> {
    let days: u32 = number(value, 0, 36_500)?;
    config.jobs.retention_days = (days > 0).then_some(days);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::JobSettings;
    use std::time::Duration;

    #[test]
    fn how_long_jobs_last() {
        let parsed = |pairs: &[(&str, &str)]| load(pairs).map(|config| config.jobs);
        assert_eq!(parsed(&[]), Ok(JobSettings::default()));
        let both = [("PAGODA_JOB_TIMEOUT_S", "60"), ("PAGODA_JOB_RETENTION_DAYS", "30")];
        let expected = JobSettings { timeout: Duration::from_secs(60), retention_days: Some(30) };
        assert_eq!(parsed(&both), Ok(expected));
        assert_eq!(parsed(&[("PAGODA_JOB_RETENTION_DAYS", "0")]), Ok(JobSettings::default()));
        for bad in [("PAGODA_JOB_TIMEOUT_S", "0"), ("PAGODA_JOB_RETENTION_DAYS", "-1")] {
            assert!(parsed(&[bad]).unwrap_err()[0].contains("expected an integer"), "{bad:?}");
        }
    }
}
