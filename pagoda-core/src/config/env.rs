//! The environment.

use super::{Config, Setter};

/// Every variable: name, key of the file, what it is.
pub const VARIABLES: &[(&str, &str, &str)] = &[
    ("PAGODA_BIND", "bind", "address and port to listen on"),
    ("DATABASE_URL", "database_url", "sqlite://PATH or postgres://…"),
    ("PAGODA_DATABASE_CONNECTIONS", "database_connections", "connections to the database"),
    ("PAGODA_DATABASE_TIMEOUT_MS", "database_timeout_ms", "how long to wait for the database"),
    ("PAGODA_SQLITE_MAX_BYTES", "sqlite_max_bytes", "largest size of the SQLite file"),
    ("PAGODA_WORKERS", "workers", "threads that serve requests"),
    ("PAGODA_MAX_BODY_BYTES", "max_body_bytes", "largest request body"),
    ("PAGODA_MAX_RESPONSE_BYTES", "max_response_bytes", "largest response of a plugin's route"),
    ("PAGODA_RATE_USER_PER_S", "rate_user_per_s", "requests of one user per second"),
    ("PAGODA_RATE_TOKEN_PER_S", "rate_token_per_s", "requests with one token per second"),
    ("PAGODA_RATE_ANONYMOUS_PER_S", "rate_anonymous_per_s", "anonymous requests of one address per second"),
    ("PAGODA_RATE_PLUGIN_PER_S", "rate_plugin_per_s", "requests to one plugin's routes per second"),
    ("PAGODA_LOGIN_DELAY_MAX_S", "login_delay_max_s", "longest delay after failed logins, 0 for none"),
    ("PAGODA_PLUGIN_OPERATIONS", "plugin_operations", "operations of one plugin at a time"),
    ("PAGODA_PLUGIN_QUEUE", "plugin_queue", "calls of one plugin that may wait"),
    ("PAGODA_TRUSTED_PROXIES", "trusted_proxies", "proxies whose X-Forwarded-For is believed"),
    ("PAGODA_METRICS_ACCESS", "metrics_access", "public or administrators"),
    ("PAGODA_SHUTDOWN_TIMEOUT_S", "shutdown_timeout_s", "how long running requests may go on at the end"),
    ("PAGODA_SESSION_LIFETIME_S", "session_lifetime_s", "how long a login lasts"),
    ("PAGODA_SECURE_COOKIES", "secure_cookies", "cookies for HTTPS only"),
    ("PAGODA_TIME_ZONE", "time_zone", "the zone in which most times are shown"),
    ("PAGODA_ADMIN_PASSWORD", "admin_password", "password of the first administrator"),
    ("PAGODA_LOG", "log", "filter of log lines"),
    ("PAGODA_LOG_FORMAT", "log_format", "auto, human or json"),
    ("PAGODA_STRICT", "strict", "a problem with a plugin stops the start"),
    ("ENABLED_PLUGINS", "enabled_plugins", "the linked plugins that run, separated by commas"),
    ("BACKEND_PLUGIN_ENTITY_OVERRIDES", "backend_plugin_entity_overrides", "JSON, operation overrides"),
    ("FRONTEND_PLUGIN_ENTITY_OVERRIDES", "frontend_plugin_entity_overrides", "JSON, page overrides"),
    ("PLUGIN_OPERATION_ID_CONFIG", "plugin_operation_id_config", "JSON, ids of plugins' tasks"),
];

pub(super) fn setter(key: &str) -> Option<Setter> {
    Some(match key {
        "bind" => super::set_bind,
        "database_url" => super::set_database_url,
        "database_connections" => super::set_connections,
        "database_timeout_ms" => super::set_database_timeout,
        "sqlite_max_bytes" => super::set_sqlite_max_bytes,
        "workers" => super::set_workers,
        "max_body_bytes" => super::set_max_body,
        "shutdown_timeout_s" => super::set_shutdown_timeout,
        "session_lifetime_s" => super::set_session_lifetime,
        "secure_cookies" => super::set_secure_cookies,
        "time_zone" => super::set_time_zone,
        "admin_password" => super::set_admin_password,
        "log" => super::set_log,
        "log_format" => super::set_log_format,
        "strict" => super::set_strict,
        "enabled_plugins" => super::set_enabled,
        "backend_plugin_entity_overrides" => super::set_backend_overrides,
        "frontend_plugin_entity_overrides" => super::set_frontend_overrides,
        "plugin_operation_id_config" => super::set_operation_ids,
        key => return super::limits::setter(key),
    })
}

pub(super) fn apply(
    environment: impl IntoIterator<Item = (String, String)>,
    config: &mut Config,
    problems: &mut Vec<String>,
) {
    for (name, value) in environment {
        let Some((_, key, _)) = VARIABLES.iter().find(|(variable, _, _)| *variable == name) else {
            // Others may have variables of such names too, so this is no reason not to start.
            if name.starts_with("PAGODA_") {
                config.unknown_variables.push(name);
            }
            continue;
        };
        // A secret is not repeated.
        let shown = if *key == "admin_password" { "…" } else { value.as_str() };
        if let Some(set) = setter(key)
            && let Err(expected) = set(config, &value)
        {
            problems.push(format!("environment variable {name}={shown}: {expected}"));
        }
    }
}
