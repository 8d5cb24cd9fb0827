use super::{Config, Flags};
use crate::store::DatabaseUrl;
use std::io::Write;

fn load(toml: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, Vec<String>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let flags = Flags { config: Some(file.path().to_owned()), ..flags };
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&flags, environment)
}

#[test]
fn defaults_are_those_of_the_design() {
    let config = Config::load(&Flags::default(), []).unwrap();
    assert_eq!(config.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database_url.to_string(), "sqlite://pagoda-data/pagoda.db");
    assert!(config.plugins.enabled.is_none() && !config.cookies_are_secure());
}

#[test]
fn flags_win_over_the_environment_over_the_file() {
    let toml = "bind = \"127.0.0.1:1\"\nworkers = 3\nlog = \"debug\"\n";
    let flags = Flags { bind: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
    let config = load(toml, &[("PAGODA_BIND", "127.0.0.1:2"), ("PAGODA_LOG", "warn")], flags).unwrap();
    assert_eq!((config.bind.port(), config.workers, config.log.as_str()), (3, Some(3), "warn"));
}

#[test]
fn plugins_are_narrowed_and_configured() {
    let toml = "enabled_plugins = [\"a-b\", \"c-d\"]\n[plugins.a-b]\nmost = 3\n";
    let config = load(toml, &[], Flags::default()).unwrap();
    assert_eq!(config.plugins.enabled.as_deref(), Some(&["a-b".to_owned(), "c-d".to_owned()][..]));
    assert_eq!(config.plugins.sections["a-b"], serde_json::json!({"most": 3}));
    let config = load(toml, &[("ENABLED_PLUGINS", "")], Flags::default()).unwrap();
    assert_eq!(config.plugins.enabled.as_deref(), Some(&[][..]));
}

#[test]
fn everything_that_is_wrong_is_named_with_its_place() {
    let toml = "bnid = \"x\"\nworkers = 0\nplugins = 3\n";
    let environment = [
        ("DATABASE_URL", "/var/lib/pagoda.db"),
        ("BACKEND_PLUGIN_ENTITY_OVERRIDES", "{"),
        ("PAGODA_TIME_ZONE", "Mars/Olympus"),
    ];
    let flags = Flags { bind: Some("nowhere".to_owned()), ..Flags::default() };
    let problems = load(toml, &environment, flags).unwrap_err().join("\n");
    for part in [
        ":1: bnid: unknown key; expected one of bind",
        ":2: workers: expected an integer from 1 to 1024",
        ":3: plugins: expected tables",
        "DATABASE_URL=/var/lib/pagoda.db",
        "sqlite://",
        "BACKEND_PLUGIN_ENTITY_OVERRIDES={: expected a JSON object",
        "Mars/Olympus",
        "--bind nowhere: expected ADDRESS:PORT",
    ] {
        assert!(problems.contains(part), "{part} is missing in:\n{problems}");
    }
}

#[test]
fn a_secret_is_not_repeated() {
    let problems = load("", &[("PAGODA_ADMIN_PASSWORD", "")], Flags::default()).unwrap_err().join("\n");
    assert!(problems.contains("PAGODA_ADMIN_PASSWORD=…"), "{problems}");
    let problems =
        load("audit_key = \"in-the-file\"", &[("PAGODA_AUDIT_KEY", "short-key")], Flags::default());
    let problems = problems.unwrap_err().join("\n");
    assert!(problems.contains(":1: audit_key: expected a secret of at least 16"), "{problems}");
    assert!(problems.contains("PAGODA_AUDIT_KEY=…: expected a secret of at least 16"), "{problems}");
    assert!(!problems.contains("short-key") && !problems.contains("in-the-file"), "{problems}");
    let key = "a-secret-that-is-long a-secret-of-last-year";
    let config = load("", &[("PAGODA_AUDIT_KEY", key)], Flags::default()).unwrap();
    assert_eq!(config.audit_keys.len(), 2);
    assert!(!format!("{config:?}").contains("a-secret"));
}

#[test]
fn the_audit_log_is_on_and_kept_for_a_year_unless_told_otherwise() {
    let config = Config::load(&Flags::default(), []).unwrap();
    assert_eq!((config.audit, config.audit_retention_days, config.audit_keys.len()), (true, Some(365), 0));
    let toml = "audit = false\naudit_retention_days = 0\n";
    let config = load(toml, &[], Flags::default()).unwrap();
    assert_eq!((config.audit, config.audit_retention_days), (false, None));
}

#[test]
fn broken_toml_and_a_missing_file_are_said() {
    let problems = load("bind = ", &[], Flags::default()).unwrap_err();
    assert!(problems[0].contains("line 1"), "{problems:?}");
    let flags = Flags { config: Some("/nonexistent/pagoda.toml".into()), ..Flags::default() };
    assert!(Config::load(&flags, []).unwrap_err()[0].contains("/nonexistent/pagoda.toml: cannot be read"));
}

#[test]
fn a_variable_that_is_no_setting_is_noticed() {
    let config = load("", &[("PAGODA_BNID", "x"), ("PATH", "/bin")], Flags::default()).unwrap();
    assert_eq!(config.unknown_variables, ["PAGODA_BNID"]);
}

#[test]
fn a_postgres_url_is_taken() {
    let config = load("database_url = \"postgres://u:p@localhost/d\"", &[], Flags::default()).unwrap();
    assert!(matches!(config.database_url, DatabaseUrl::Postgres(_)));
    assert!(!config.database_url.to_string().contains(":p@"));
}

#[test]
fn secrets_come_from_the_file_from_files_and_from_the_environment() {
    let mut kept = tempfile::NamedTempFile::new().unwrap();
    kept.write_all(b" of a file \n").unwrap();
    let toml = format!(
        "[secrets]\none = \"inline\"\ntwo-b = {{ file = {:?} }}\npath = {{ env = \"OTHER\" }}\n",
        kept.path()
    );
    let config = load(
        &toml,
        &[("PAGODA_SECRET_THREE", "of the environment"), ("OTHER", "of another variable")],
        Flags::default(),
    )
    .unwrap();
    let secrets = &config.plugins.secrets;
    assert_eq!(secrets.named["one"].expose(), "inline");
    assert_eq!(secrets.named["two-b"].expose(), " of a file ");
    assert_eq!(secrets.named["path"].expose(), "of another variable");
    assert_eq!(secrets.variables["PAGODA_SECRET_THREE"].expose(), "of the environment");
    assert_eq!(config.secret_files, [kept.path()]);
    assert!(config.unknown_variables.is_empty());
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("inline") && !shown.contains("of a file") && !shown.contains("of the env"),
        "{shown}"
    );
}

#[test]
fn a_bad_secret_is_named_and_not_shown() {
    let toml = "[secrets]\nA = \"hunter2\"\nb = 3\nc = { file = \"/nowhere/c\" }\nd = { path = \"hunter2\" }\ne = \"\"\n\
                f = { env = \"PAGODA_TEST_NOT_SET\" }\n";
    let problems = load(toml, &[("PAGODA_SECRET_G", "")], Flags::default()).unwrap_err().join("\n");
    for part in [
        "secrets: A: the name of a secret holds",
        "secrets: b: expected a string, { file",
        "secrets: c: /nowhere/c cannot be read",
        "secrets: d: expected a string",
        "secrets: e: it is empty",
        "secrets: f: the environment variable PAGODA_TEST_NOT_SET is not set",
        "environment variable PAGODA_SECRET_G: it is empty",
    ] {
        assert!(problems.contains(part), "{part} is missing in:\n{problems}");
    }
    assert!(!problems.contains("hunter2"), "{problems}");
    let problems = load("secrets = 3\n", &[], Flags::default()).unwrap_err();
    assert!(problems[0].ends_with("secrets: expected a table: [secrets]"), "{problems:?}");
}

#[test]
fn limits_are_read_and_bad_ones_are_named() {
    let toml =
        "rate_user_per_s = 100\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\nlogin_delay_max_s = 0\n";
    let environment = [("PAGODA_METRICS_ACCESS", "administrators"), ("PAGODA_PLUGIN_QUEUE", "7")];
    let limits = load(toml, &environment, Flags::default()).unwrap().limits;
    assert_eq!((limits.rate_user.map(std::num::NonZeroU32::get), limits.rate_token), (Some(100), None));
    assert!(limits.trusted_proxies.contain("10.9.9.9".parse().unwrap()) && limits.login_delay_max.is_zero());
    assert_eq!((limits.metrics_access, limits.plugin_queue), (super::MetricsAccess::Administrators, 7));
    let bad = [
        ("PAGODA_RATE_USER_PER_S", "0"),
        ("PAGODA_RATE_TOKEN_PER_S", "1.5"),
        ("PAGODA_RATE_ANONYMOUS_PER_S", "many"),
        ("PAGODA_RATE_PLUGIN_PER_S", "-1"),
        ("PAGODA_LOGIN_DELAY_MAX_S", "x"),
        ("PAGODA_MAX_RESPONSE_BYTES", "1"),
        ("PAGODA_PLUGIN_OPERATIONS", "0"),
        ("PAGODA_PLUGIN_QUEUE", "-1"),
        ("PAGODA_TRUSTED_PROXIES", "proxy"),
        ("PAGODA_METRICS_ACCESS", "me"),
    ];
    let problems = load("", &bad, Flags::default()).unwrap_err();
    assert_eq!(problems.len(), bad.len());
    for ((name, value), problem) in bad.iter().zip(&problems) {
        assert!(problem.contains(&format!("{name}={value}: expected")), "{problem}");
    }
}
