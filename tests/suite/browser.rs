//! A headless Chromium, by the WebDriver protocol, for tests of pages; without JavaScript but for the one that needs it.
//!
//! Debian's packages `chromium` and `chromium-driver` have what it takes. Where they are missing the tests are
//! skipped with one line, unless `PAGODA_TEST_REQUIRE_BROWSER=1` makes that a failure.

use crate::wait::Wait;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// How long anything may take before a test gives up.
const PATIENCE: Wait = Wait::seconds(60);

/// The name under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window; closed when dropped.
pub(crate) struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    profile: TempDir,
}

/// Whether pages may run scripts, as Chromium counts it.
#[derive(Debug, Clone, Copy)]
enum Scripts {
    Run = 1,
    None = 2,
}

/// Something on a page.
pub(crate) struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = names.iter().flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(name)));
    found.find(|file| file.is_file())
}

impl Browser {
    /// A browser that runs no scripts; none where there is none.
    pub(crate) fn start() -> Option<Self> {
        let browser = Self::launch(Scripts::None)?;
        browser.has_no_scripts();
        Some(browser)
    }

    /// A browser that runs scripts; none where there is none.
    pub(crate) fn with_scripts() -> Option<Self> {
        Self::launch(Scripts::Run)
    }

    fn launch(scripts: Scripts) -> Option<Self> {
        let programs =
            (program(&["chromedriver"]), program(&["chromium", "chromium-browser", "google-chrome"]));
        let (Some(driver), Some(chromium)) = programs else {
            let required = std::env::var_os("PAGODA_TEST_REQUIRE_BROWSER").is_some_and(|value| value == "1");
            assert!(!required, "PAGODA_TEST_REQUIRE_BROWSER=1, but chromium or chromedriver was not found");
            // Not println!: the line is wanted also where output of tests is captured.
            let _ = writeln!(std::io::stderr(), "skipped: chromium or chromedriver not found");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(driver);
        command.args(["--port=0", "--log-level=SEVERE"]).stdin(Stdio::null());
        // What the browser keeps for itself goes away with its profile.
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"] {
            command.env(name, profile.path());
        }
        let mut driver = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let said = line.strip_prefix("ChromeDriver was started successfully on port ")?.to_owned();
            said.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("chromedriver did not say its port");
        // Somebody has to keep reading, or it would block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE.0))
            .build()
            .into();
        let session = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, agent, session, profile };
        let started =
            browser.call("POST", "", &json!({"capabilities": browser.capabilities(&chromium, scripts)}));
        browser.session = format!("{}/{}", browser.session, started["sessionId"].as_str().unwrap());
        Some(browser)
    }

    fn capabilities(&self, chromium: &std::path::Path, scripts: Scripts) -> Value {
        let profile = self.profile.path().join("profile");
        let mut arguments = vec![
            "--headless=new".to_owned(),
            format!("--user-data-dir={}", profile.display()),
            "--window-size=1280,900".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            // Nothing but this machine.
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-proxy-server".to_owned(),
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned(),
        ];
        // Chromium's sandbox does not work for root, as whom containers run.
        if std::fs::metadata(self.profile.path()).unwrap().uid() == 0 {
            arguments.push("--no-sandbox".to_owned());
        }
        json!({"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": chromium,
                "args": arguments,
                "prefs": {"profile.managed_default_content_settings.javascript": scripts as u8},
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }})
    }

    /// Pages that work here work without scripts: none runs.
    fn has_no_scripts(&self) {
        let page =
            "data:text/html,<p>none</p><script>document.querySelector('p').textContent='some'</script>";
        self.go(page);
        assert_eq!(self.find("p").text(), "none", "this browser runs scripts");
    }

    #[track_caller]
    fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.session))
            .header("Content-Type", "application/json");
        let body = if method == "GET" || method == "DELETE" { String::new() } else { body.to_string() };
        let mut response = self.agent.run(request.body(body).unwrap()).unwrap();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        let value = answer["value"].take();
        if response.status().is_success() { Ok(value) } else { Err(value) }
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error:#}"))
    }

    /// Opens an address.
    pub(crate) fn go(&self, address: &str) {
        self.call("POST", "/url", &json!({"url": address}));
    }

    /// The address of the page.
    pub(crate) fn address(&self) -> String {
        self.call("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// The first element that a CSS selector finds; waits for it.
    #[track_caller]
    pub(crate) fn find(&self, selector: &str) -> Element<'_> {
        let found = PATIENCE.until_ok(selector, || {
            self.try_call("POST", "/element", &json!({"using": "css selector", "value": selector}))
        });
        Element { browser: self, id: found[ELEMENT].as_str().unwrap().to_owned() }
    }

    /// Waits until an element says something.
    #[track_caller]
    pub(crate) fn wait_for(&self, selector: &str, text: &str) {
        PATIENCE.until_ok(&format!("{selector} says {text}"), || {
            // The element may go with its page while it is asked.
            let path = format!("/element/{}/text", self.find(selector).id);
            let said = self.try_call("GET", &path, &Value::Null).unwrap_or_default();
            if said.as_str().is_some_and(|said| said.contains(text)) { Ok(()) } else { Err(said) }
        });
    }

    /// Sends a command of the DevTools.
    #[allow(clippy::needless_pass_by_value, reason = "called with json!(…)")]
    fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.call("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Makes the page so wide, and light or dark.
    pub(crate) fn look(&self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", scheme);
    }

    /// Width and height of all of the page.
    pub(crate) fn size(&self) -> (f64, f64) {
        let size = self.devtools("Page.getLayoutMetrics", json!({}))["cssContentSize"].take();
        (size["width"].as_f64().unwrap(), size["height"].as_f64().unwrap())
    }

    /// What the browser complained about since it was last asked: what is missing, broken or against the policy of a
    /// page.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", &json!({"type": "browser"}));
        log.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// A picture of all of the page, as PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let (width, height) = self.size();
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        decode(self.devtools("Page.captureScreenshot", parameters)["data"].as_str().unwrap())
    }
}

impl Element<'_> {
    /// What it says.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        let text = self.browser.call("GET", &format!("/element/{}/text", self.id), &Value::Null);
        text.as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn click(&self) {
        self.browser.call("POST", &format!("/element/{}/click", self.id), &json!({}));
    }

    #[track_caller]
    pub(crate) fn write(&self, text: &str) {
        self.browser.call("POST", &format!("/element/{}/value", self.id), &json!({"text": text}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without its session the browser ends; the driver would leave it behind.
        if self.session.rsplit('/').next() != Some("session") {
            let _ = self.agent.delete(&self.session).call();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Base64.
fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for character in text.bytes().filter(|character| *character != b'=') {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("{other} is not of base64"),
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xff) as u8);
        }
    }
    bytes
}

#[test]
fn base64_is_decoded() {
    assert_eq!(decode("UGFnb2Rh"), b"Pagoda");
    assert_eq!(decode("UGFnb2RhIQ=="), b"Pagoda!");
    assert_eq!(decode("+/8="), [0xfb, 0xff]);
}
