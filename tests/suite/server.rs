//! A server in this process on a free port, with its own database, stopped when the test is done.

use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::server::{self, Running};
use pagoda_core::services::host::Host;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::user;
use pagoda_core::store::DatabaseUrl;
use pagoda_core::store::queries::user::{by_id, insert};
use pagoda_core::store::rows::NewUser;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use serde_json::Value;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// Runs a test function on both databases, as two tests.
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* $name:ident;)*) => {
        $(
            mod $name {
                $(#[$meta])*
                #[test]
                fn on_sqlite() {
                    super::$name($crate::server::Database::Sqlite);
                }
                $(#[$meta])*
                #[test]
                fn on_postgres() {
                    super::$name($crate::server::Database::Postgres);
                }
            }
        )*
    };
}
pub(crate) use on_both_databases;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The body as text, whatever it is.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Answer {
    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Itself, with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The error codes of the body, sorted, each with the path of keys that leads to it.
    pub(crate) fn codes(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect_codes(&self.json(), String::new(), &mut found);
        found.sort();
        found
    }
}

fn collect_codes(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => match fields.get("code").and_then(Value::as_str) {
            Some(code) => {
                assert!(fields.get("message").is_some_and(Value::is_string), "{value}");
                found.push(format!("{path} {code}").trim_start().to_owned());
            }
            None => {
                for (key, value) in fields {
                    let separator = if path.is_empty() { "" } else { "." };
                    collect_codes(value, format!("{path}{separator}{key}"), found);
                }
            }
        },
        Value::Array(items) => items.iter().for_each(|item| collect_codes(item, path.clone(), found)),
        _ => {}
    }
}

/// A server with its database.
pub(crate) struct TestApp {
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) host: Arc<Host>,
    agent: ureq::Agent,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    pub(crate) directory: TempDir,
}

impl TestApp {
    /// A server without plugins; none when PostgreSQL is asked for and absent.
    pub(crate) fn bare(database: Database) -> Option<Self> {
        Self::with(database, Contributions::default(), |_| {})
    }

    /// A server with these plugins and settings.
    pub(crate) fn with(
        database: Database,
        contributions: Contributions,
        change: impl FnOnce(&mut Config),
    ) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.bind = ([127, 0, 0, 1], 0).into();
        config.workers = Some(1);
        config.admin_password = Some("secret".to_owned());
        config.shutdown_timeout = Duration::from_secs(5);
        config.database_url = match database {
            Database::Sqlite => DatabaseUrl::Sqlite(directory.path().join("pagoda.db")),
            Database::Postgres => DatabaseUrl::parse(&pagoda_test_support::database()?).unwrap(),
        };
        change(&mut config);
        Some(Self::start(config, contributions, directory))
    }

    fn start(config: Config, contributions: Contributions, directory: TempDir) -> Self {
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let prepared = server::prepare(config, contributions).unwrap();
            actix_web::rt::System::new().block_on(async move {
                let running: Running = prepared.serve().unwrap();
                ready.send((running.address, Arc::clone(&running.state.host))).unwrap();
                // The sender is dropped at the latest when the test ends.
                let _ = stopped.await;
                running.stop().await.unwrap();
            });
        });
        let (address, host) = started.recv().expect("the server did not start");
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let mut app = Self {
            base: format!("http://{address}"),
            token: String::new(),
            host,
            agent,
            stop: Some(stop),
            thread: Some(thread),
            directory,
        };
        app.token = app.issue_token(1);
        app
    }

    fn runner(&self) -> Runner {
        let zone = self.host.zone.clone();
        let request = RequestInfo::new(None, "test".into(), Origin::Cli, zone);
        Runner::new(Arc::clone(&self.host), Arc::new(request))
    }

    pub(crate) fn issue_token(&self, user_id: i64) -> String {
        self.runner().run_blocking(Mode::Write, |op| user::issue_token(op, user_id)).unwrap()
    }

    /// Makes a user and returns its id and token.
    pub(crate) fn user(&self, change: impl Fn(&mut NewUser)) -> (i64, String) {
        let id = self
            .runner()
            .run_blocking(Mode::Write, |op| {
                let mut new = NewUser {
                    username: "guest".to_owned(),
                    is_active: true,
                    authenticate_type: 1,
                    token_lifetime: 86_400,
                    date_joined: op.now.as_micros(),
                    ..NewUser::default()
                };
                change(&mut new);
                let row = insert(&mut op.db, &new)?;
                assert!(by_id(&mut op.db, row.id)?.is_some());
                Ok(row.id)
            })
            .unwrap();
        (id, self.issue_token(id))
    }

    /// A request with these headers and this body.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => self.agent.run(request.body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let headers = headers.collect();
        let bytes = response.body_mut().read_to_vec().unwrap();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: response.status().as_u16(), headers, body, bytes }
    }

    fn as_admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.with_token(&self.token, method, path, body)
    }

    /// A JSON request with a token.
    pub(crate) fn with_token(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let authorization = format!("Token {token}");
        let mut headers = vec![("Authorization", authorization.as_str())];
        let bytes = body.map(|body| serde_json::to_vec(body).unwrap());
        if bytes.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        self.request(method, path, &headers, bytes.as_deref())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.as_admin("GET", path, None)
    }

    #[allow(clippy::needless_pass_by_value, reason = "called with json!(…)")]
    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.as_admin("POST", path, Some(&body))
    }

    #[allow(clippy::needless_pass_by_value, reason = "called with json!(…)")]
    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.as_admin("PUT", path, Some(&body))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.as_admin("DELETE", path, None)
    }

    /// Creates an entity and returns its id and the ids of its attributes by name.
    #[allow(clippy::needless_pass_by_value, reason = "called with json!(…)")]
    pub(crate) fn entity(&self, body: Value) -> (i64, std::collections::BTreeMap<String, i64>) {
        let id = self.post("/entity/api/v2/", body).expect(202).json()["id"].as_i64().unwrap();
        let detail = self.get(&format!("/entity/api/v2/{id}/")).expect(200).json();
        let attrs = detail["attrs"].as_array().unwrap().iter();
        (
            id,
            attrs
                .map(|attr| (attr["name"].as_str().unwrap().to_owned(), attr["id"].as_i64().unwrap()))
                .collect(),
        )
    }

    /// Creates an entry and returns its id.
    #[allow(clippy::needless_pass_by_value, reason = "called with json!(…)")]
    pub(crate) fn entry(&self, entity: i64, body: Value) -> i64 {
        let answer = self.post(&format!("/entity/api/v2/{entity}/entries/"), body).expect(202);
        answer.json()["id"].as_i64().unwrap()
    }

    /// Names of the active entries of an entity.
    pub(crate) fn entry_names(&self, entity: i64) -> Vec<String> {
        let list = self.get(&format!("/entity/api/v2/{entity}/entries/?is_active=true")).expect(200).json();
        list["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The value of an attribute of an entry.
    pub(crate) fn value(&self, entry: i64, attr: &str) -> Value {
        let detail = self.get(&format!("/entry/api/v2/{entry}/")).expect(200).json();
        let attrs = detail["attrs"].as_array().unwrap();
        let found = attrs.iter().find(|found| found["schema"]["name"] == attr);
        found.unwrap_or_else(|| panic!("no attribute {attr}: {detail}"))["value"].clone()
    }
}

impl TestApp {
    /// Stops it in order; gives the directory of its database, which goes when it is dropped.
    pub(crate) fn stop(mut self) -> TempDir {
        self.end();
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server failed");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.end();
    }
}
