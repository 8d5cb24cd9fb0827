//! Where traces go, for OpenTelemetry.

use super::alerts::Place;
use super::{Config, Secret, Setter};
use std::fmt;
use ureq::http::Uri;
use ureq::http::header::{HeaderName, HeaderValue};

/// Everything about traces.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpSettings {
    /// Where they are sent; without it there are none.
    pub endpoint: Option<Collector>,
    /// Headers of the requests that send them: names, and values that may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// How many of the requests that come without a trace of their own begin one, in percent.
    pub sample_percent: f64,
    /// What this server is called in them.
    pub service_name: String,
}

impl Default for OtlpSettings {
    fn default() -> Self {
        Self { endpoint: None, headers: Vec::new(), sample_percent: 100.0, service_name: "pagoda".to_owned() }
    }
}

/// Who takes traces over HTTP. Some have a secret in their address, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Collector {
    /// The address.
    pub url: Secret,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where collectors take traces. *Source: OTLP, "Endpoint URLs for OTLP/HTTP".*
const TRACES: &str = "/v1/traces";

impl Collector {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || "expected http://HOST[:PORT] or https://…, without a user".to_owned();
        let uri: Uri = text.trim().parse().map_err(|_| expected())?;
        let (scheme, default) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            Some("https") => ("https", 443),
            _ => return Err(expected()),
        };
        let Some(Place { login: None, host, port }) = Place::of(&uri) else { return Err(expected()) };
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        // A base has the path of traces added to it; who writes a path means that path.
        let path = if matches!(uri.path(), "" | "/") { TRACES } else { uri.path() };
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let url = Secret::new(format!("{scheme}://{authority}{path}{query}"));
        Ok(Self { url, host, port: port.unwrap_or(default) })
    }
}

impl OtlpSettings {
    /// What is missing for others to make sense, in a binary with traces or without.
    pub(super) fn problems(&self, has_traces: bool) -> Vec<String> {
        let mut problems = Vec::new();
        if self.endpoint.is_some() && !has_traces {
            problems.push(
                "otlp_endpoint: this binary cannot export traces; build it with `--features otlp`, or leave the \
                 setting out"
                    .to_owned(),
            );
        }
        if self.endpoint.is_none() && !self.headers.is_empty() {
            problems.push("otlp_headers: otlp_endpoint is missing, where traces are sent".to_owned());
        }
        problems
    }
}

/// Settings that are not repeated in messages.
pub(super) fn is_secret(key: &str) -> bool {
    matches!(key, "otlp_endpoint" | "otlp_headers")
}

pub(super) fn setter(key: &str) -> Option<Setter> {
    Some(match key {
        "otlp_endpoint" => |config, value| Collector::parse(value).map(|to| config.otlp.endpoint = Some(to)),
        "otlp_headers" => set_headers,
        "otlp_sample_percent" => set_sample_percent,
        "otlp_service_name" => set_service_name,
        _ => return None,
    })
}

/// Headers that are not the operator's to set: they say what is sent, and how.
const OURS: [&str; 5] = ["connection", "content-length", "content-type", "host", "transfer-encoding"];

fn set_headers(config: &mut Config, value: &str) -> Result<(), String> {
    let expected = || "expected NAME=VALUE, separated by commas, such as authorization=Bearer …".to_owned();
    let mut headers = Vec::new();
    for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(expected)?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| expected())?;
        if OURS.contains(&name.as_str()) {
            return Err(format!("the header {name} is the server's to set"));
        }
        // As OpenTelemetry writes them: a comma in a value is %2C.
        let decoded = percent_encoding::percent_decode_str(value.trim()).decode_utf8();
        let value = decoded.map_err(|_| expected())?.into_owned();
        HeaderValue::try_from(&value).map_err(|_| expected())?;
        headers.push((name.to_string(), Secret::new(value)));
    }
    config.otlp.headers = headers;
    Ok(())
}

fn set_sample_percent(config: &mut Config, value: &str) -> Result<(), String> {
    let percent: Option<f64> = value.trim().parse().ok();
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    config.otlp.sample_percent = percent.ok_or("expected a number from 0 to 100, such as 100 or 0.5")?;
    Ok(())
}

fn set_service_name(config: &mut Config, value: &str) -> Result<(), String> {
    if value.trim().is_empty() {
        return Err("expected a name, such as pagoda".to_owned());
    }
    config.otlp.service_name = value.trim().to_owned();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Flags, load};
    use super::{Collector, OtlpSettings};
    use proptest::prelude::*;

    #[test]
    fn a_base_gets_the_path_of_traces() {
        let parsed = |text: &str| {
            let to = Collector::parse(text).unwrap();
            (to.url.expose().to_owned(), to.host, to.port)
        };
        let to = |url: &str, host: &str, port| (url.to_owned(), host.to_owned(), port);
        assert_eq!(parsed("http://collector:4318"), to("http://collector:4318/v1/traces", "collector", 4318));
        assert_eq!(
            parsed("https://a.example.com/"),
            to("https://a.example.com/v1/traces", "a.example.com", 443)
        );
        assert_eq!(parsed("http://[::1]/otlp/v1/traces"), to("http://[::1]/otlp/v1/traces", "::1", 80));
        assert_eq!(parsed("https://a?key=x"), to("https://a/v1/traces?key=x", "a", 443));
        for bad in
            ["", "collector", "collector:4318", "/x", "grpc://a", "http://u:p@a", "http://:80", "http://a:b"]
        {
            assert!(Collector::parse(bad).unwrap_err().starts_with("expected http://"), "{bad}");
        }
    }

    #[test]
    fn headers_and_shares() {
        let mut config = Config::default();
        let set = |config: &mut Config, key: &str, value: &str| super::setter(key).unwrap()(config, value);
        set(&mut config, "otlp_headers", "Authorization=Bearer%20a=b%2Cc, x-tenant = t1,").unwrap();
        let shown: Vec<_> =
            config.otlp.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose())).collect();
        assert_eq!(shown, ["authorization: Bearer a=b,c", "x-tenant: t1"]);
        for bad in ["x", "=x", "a b=x", "x=%0d%0a", "x=%ff"] {
            assert!(
                set(&mut config, "otlp_headers", bad).unwrap_err().starts_with("expected NAME="),
                "{bad}"
            );
        }
        assert!(set(&mut config, "otlp_headers", "Host=x").unwrap_err().contains("server's"));
        for (text, percent) in [("0", 0.0), ("0.5", 0.5), ("100", 100.0)] {
            set(&mut config, "otlp_sample_percent", text).unwrap();
            assert!((config.otlp.sample_percent - percent).abs() < 1e-9);
        }
        for bad in ["", "-1", "101", "NaN", "inf", "all"] {
            assert!(set(&mut config, "otlp_sample_percent", bad).is_err(), "{bad}");
        }
        assert!(set(&mut config, "otlp_service_name", " ").is_err());
    }

    #[test]
    fn settings_that_need_each_other_or_a_feature() {
        let endpoint = Some(Collector::parse("http://collector:4318").unwrap());
        let settings = OtlpSettings { endpoint, ..OtlpSettings::default() };
        assert!(settings.problems(true).is_empty());
        let problems = settings.problems(false);
        assert!(problems[0].starts_with("otlp_endpoint: ") && problems[0].contains("--features otlp"));
        assert!(OtlpSettings::default().problems(false).is_empty());
        let problems = load(&[("PAGODA_OTLP_HEADERS", "x=verysecret")]).unwrap_err();
        assert_eq!(problems, ["otlp_headers: otlp_endpoint is missing, where traces are sent"]);
        let loaded = load(&[("PAGODA_OTLP_ENDPOINT", "http://collector:4318")]);
        assert_eq!(loaded.is_ok(), cfg!(feature = "otlp"), "{loaded:?}");
    }

    #[test]
    fn the_file_may_have_a_share_with_a_point() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.toml");
        let loaded = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Config::load(&Flags { config: Some(file.clone()), ..Flags::default() }, [])
        };
        assert!((loaded("otlp_sample_percent = 0.5").unwrap().otlp.sample_percent - 0.5).abs() < 1e-9);
        let problem = loaded("workers = 0.5").unwrap_err().concat();
        assert!(problem.contains("workers: expected an integer"), "{problem}");
    }

    #[test]
    fn secrets_are_not_repeated() {
        let variables = [
            ("PAGODA_OTLP_ENDPOINT", "http://verysecret:verysecret@a"),
            ("PAGODA_OTLP_HEADERS", "verysecret"),
            ("PAGODA_OTLP_SAMPLE_PERCENT", "1000"),
        ];
        let problems = load(&variables).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(!problems.concat().contains("verysecret"), "{problems:?}");
        let mut config = Config::default();
        super::set_headers(&mut config, "x=verysecret").unwrap();
        config.otlp.endpoint = Some(Collector::parse("https://a/verysecret").unwrap());
        assert!(!format!("{config:?}").contains("verysecret"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", near in "https?://[a-z@:/?\\[\\]0-9.]{0,20}") {
            let _ = Collector::parse(&text);
            let _ = Collector::parse(&near);
            let _ = super::set_headers(&mut Config::default(), &text);
        }
    }
}
