//! The environment.

use super::{Config, Setter};
use pagoda_plugin_sdk::secret::VARIABLE_PREFIX;
use std::collections::BTreeMap;

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
    ("PAGODA_SEARCH_TIMEOUT_S", "search_timeout_s", "longest time of one search in seconds"),
    ("PAGODA_PLUGIN_QUEUE", "plugin_queue", "calls of one plugin that may wait"),
    ("PAGODA_TRUSTED_PROXIES", "trusted_proxies", "proxies whose X-Forwarded-For is believed"),
    ("PAGODA_METRICS_ACCESS", "metrics_access", "public or administrators"),
    ("PAGODA_MAX_ENTITIES", "max_entities", "most entities, deleted ones included"),
    ("PAGODA_MAX_ATTRIBUTES", "max_attributes", "most active attributes of one entity"),
    ("PAGODA_MAX_ENTRIES", "max_entries", "most entries, deleted ones included"),
    ("PAGODA_MAX_GROUPS", "max_groups", "most groups, deleted ones included"),
    ("PAGODA_MAX_ROLES", "max_roles", "most roles, deleted ones included"),
    ("PAGODA_MAX_USERS", "max_users", "most users, deleted ones included"),
    ("PAGODA_SHUTDOWN_TIMEOUT_S", "shutdown_timeout_s", "how long running requests may go on at the end"),
    ("PAGODA_SESSION_LIFETIME_S", "session_lifetime_s", "how long a login lasts"),
    ("PAGODA_SECURE_COOKIES", "secure_cookies", "cookies for HTTPS only"),
    ("PAGODA_TIME_ZONE", "time_zone", "the zone in which most times are shown"),
    ("PAGODA_ADMIN_PASSWORD", "admin_password", "password of the first administrator"),
    ("PAGODA_PASSWORD_RESET_DISABLED", "password_reset_disabled", "only administrators change passwords"),
    ("PAGODA_PUBLIC_URL", "public_url", "where people reach the server, for links in mail"),
    ("PAGODA_MAIL_DIRECTORY", "mail_directory", "where mail is written to without a mail server"),
    ("PAGODA_LOGIN_TITLE", "login_title", "heading of the login page"),
    ("PAGODA_LOGIN_SUBTITLE", "login_subtitle", "what stands below that heading"),
    ("PAGODA_LOGIN_NOTE", "login_note", "a sentence below the login form"),
    ("PAGODA_LOGIN_NOTE_URL", "login_note_url", "where that sentence leads"),
    ("PAGODA_CHECK_TERM_SERVICE", "check_term_service", "whether a login must agree to the terms of service"),
    ("PAGODA_TERMS_OF_SERVICE_URL", "terms_of_service_url", "where the terms of service are"),
    ("PAGODA_AUDIT", "audit", "whether who did what is recorded"),
    ("PAGODA_AUDIT_KEY", "audit_key", "what the audit log is signed with"),
    ("PAGODA_AUDIT_RETENTION_DAYS", "audit_retention_days", "how long the audit log is kept"),
    ("PAGODA_JOB_TIMEOUT_S", "job_timeout_s", "what is not over for so long is given up"),
    ("PAGODA_JOB_RETENTION_DAYS", "job_retention_days", "how long jobs that are over are kept"),
    ("PAGODA_ALERTS", "alerts", "whether alerts are raised"),
    ("PAGODA_ALERT_AFTER_MS", "alert_after_ms", "what is wrong for so long is an incident"),
    ("PAGODA_ALERT_CLEAR_MS", "alert_clear_ms", "what is well for so long is over"),
    ("PAGODA_ALERT_WINDOW_S", "alert_window_s", "how long calls, refusals and waits count"),
    ("PAGODA_ALERT_FAULT_PERCENT", "alert_fault_percent", "share of faulty calls of a plugin"),
    ("PAGODA_ALERT_LEAST_CALLS", "alert_least_calls", "fewer calls say nothing"),
    ("PAGODA_ALERT_LATENCY_MS", "alert_latency_ms", "what 99 of 100 calls of a function may take"),
    ("PAGODA_ALERT_LATENCY_PERCENT", "alert_latency_percent", "the same as a share of the budget"),
    ("PAGODA_ALERT_POOL_TIMEOUTS", "alert_pool_timeouts", "waits for a connection in vain"),
    ("PAGODA_ALERT_REFUSALS", "alert_refusals", "operations refused because there were too many"),
    ("PAGODA_ALERT_DISK_FREE_PERCENT", "alert_disk_free_percent", "free space beside the SQLite file"),
    ("PAGODA_ALERT_DISK_FREE_BYTES", "alert_disk_free_bytes", "the same in bytes"),
    ("PAGODA_ALERT_WEBHOOK_URL", "alert_webhook_url", "where alerts are posted"),
    ("PAGODA_ALERT_WEBHOOK_SECRET", "alert_webhook_secret", "what posted alerts are signed with"),
    ("PAGODA_ALERT_EMAIL_TO", "alert_email_to", "who gets alerts by mail"),
    ("PAGODA_ALERT_EMAIL_FROM", "alert_email_from", "who sends that mail"),
    ("PAGODA_SMTP_URL", "smtp_url", "the server that takes mail"),
    ("PAGODA_ALERT_RETRY_MS", "alert_retry_ms", "pause after a delivery that failed"),
    ("PAGODA_OTLP_ENDPOINT", "otlp_endpoint", "where traces are sent, over OTLP"),
    ("PAGODA_OTLP_HEADERS", "otlp_headers", "headers for it, NAME=VALUE separated by commas"),
    ("PAGODA_OTLP_SAMPLE_PERCENT", "otlp_sample_percent", "share of requests that are traced"),
    ("PAGODA_OTLP_SERVICE_NAME", "otlp_service_name", "what this server is called in traces"),
    ("PAGODA_LOG", "log", "filter of log lines"),
    ("PAGODA_LOG_FORMAT", "log_format", "auto, human or json"),
    ("PAGODA_STRICT", "strict", "a problem with a plugin stops the start"),
    ("PAGODA_PLUGIN_BUDGET_MS", "plugin_budget_ms", "time budget of a plugin's handler"),
    ("PAGODA_PLUGIN_ROUTE_BUDGET_MS", "plugin_route_budget_ms", "time budget of a plugin's route"),
    ("PAGODA_PLUGIN_START_BUDGET_MS", "plugin_start_budget_ms", "time budget of a plugin's start-up handler"),
    ("PAGODA_PLUGIN_HARD_LIMIT_MS", "plugin_hard_limit_ms", "beyond it a hanging plugin is quarantined"),
    ("PAGODA_BREAKER_FAULTS", "breaker_faults", "faults of a hook function that open its breaker"),
    ("PAGODA_BREAKER_WINDOW_S", "breaker_window_s", "how far back faults count"),
    ("PAGODA_BREAKER_PAUSE_MS", "breaker_pause_ms", "how long a breaker stays open at first"),
    ("PAGODA_BREAKER_MOST_PAUSE_S", "breaker_most_pause_s", "how long a breaker stays open at most"),
    ("PAGODA_OUTBOUND_TIMEOUT_MS", "outbound_timeout_ms", "how long a request of a plugin may take"),
    ("PAGODA_OUTBOUND_MAX_BYTES", "outbound_max_bytes", "largest answer to a request of a plugin"),
    ("PAGODA_WEBHOOKS", "webhooks", "whether entities have webhooks"),
    ("PAGODA_WEBHOOK_HOSTS", "webhook_hosts", "the only hosts that webhooks reach"),
    ("PAGODA_WEBHOOK_PORTS", "webhook_ports", "ports that webhooks reach on hosts that are not named"),
    ("PAGODA_WEBHOOK_ADDRESSES", "webhook_addresses", "internet, network or all"),
    ("PAGODA_WEBHOOK_TIMEOUT_MS", "webhook_timeout_ms", "how long webhooks have to answer"),
    ("PAGODA_WEBHOOK_VERIFY_TLS", "webhook_verify_tls", "whether certificates of webhooks must be good"),
    ("PAGODA_CONFINE", "confine", "auto, require or off"),
    ("ENABLED_PLUGINS", "enabled_plugins", "the linked plugins that run, separated by commas"),
    ("BACKEND_PLUGIN_ENTITY_OVERRIDES", "backend_plugin_entity_overrides", "JSON, operation overrides"),
    ("FRONTEND_PLUGIN_ENTITY_OVERRIDES", "frontend_plugin_entity_overrides", "JSON, page overrides"),
    ("PLUGIN_OPERATION_ID_CONFIG", "plugin_operation_id_config", "JSON, ids of plugins' tasks"),
];

/// How a process that had to be replaced says to its successor which plugins to leave out: a JSON object of ids
/// and reasons. Where a plugin holds the database, it could not write that down. Not for operators.
pub const QUARANTINE: &str = "PAGODA_QUARANTINE";

fn quarantined(text: &str) -> Result<Vec<(String, String)>, String> {
    let found: BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|error| format!("expected a JSON object of strings: {error}"))?;
    Ok(found.into_iter().collect())
}

/// Variables that a process hands over to the one that replaces it. They are no settings.
pub const HANDED_OVER: &[&str] = &["PAGODA_CONFINED"];

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
        "audit" => super::set_audit,
        "audit_key" => super::set_audit_key,
        "audit_retention_days" => super::set_audit_retention,
        "log" => super::set_log,
        "log_format" => super::set_log_format,
        "strict" => super::set_strict,
        "plugin_budget_ms" => super::set_plugin_budget,
        "plugin_route_budget_ms" => super::set_plugin_route_budget,
        "plugin_start_budget_ms" => super::set_plugin_start_budget,
        "plugin_hard_limit_ms" => super::set_plugin_hard_limit,
        "breaker_faults" => super::set_breaker_faults,
        "breaker_window_s" => super::set_breaker_window,
        "breaker_pause_ms" => super::set_breaker_pause,
        "breaker_most_pause_s" => super::set_breaker_most_pause,
        "outbound_timeout_ms" => super::set_outbound_timeout,
        "outbound_max_bytes" => super::set_outbound_max_bytes,
        "confine" => super::set_confine,
        "enabled_plugins" => super::set_enabled,
        "backend_plugin_entity_overrides" => super::set_backend_overrides,
        "frontend_plugin_entity_overrides" => super::set_frontend_overrides,
        "plugin_operation_id_config" => super::set_operation_ids,
        key => {
            return {
                super::limits::setter(key)
                    .or_else(|| super::accounts::setter(key))
                    .or_else(|| super::alerts::setter(key))
                    .or_else(|| super::jobs::setter(key))
                    .or_else(|| super::otlp::setter(key))
                    .or_else(|| super::webhooks::setter(key))
            };
        }
    })
}

pub(super) fn apply(
    environment: impl IntoIterator<Item = (String, String)>,
    config: &mut Config,
    problems: &mut Vec<String>,
) {
    for (name, value) in environment {
        let Some((_, key, _)) = VARIABLES.iter().find(|(variable, _, _)| *variable == name) else {
            if name == QUARANTINE {
                match quarantined(&value) {
                    Ok(quarantined) => config.quarantined = quarantined,
                    Err(expected) => problems.push(format!("environment variable {name}: {expected}")),
                }
                continue;
            }
            if name.starts_with(VARIABLE_PREFIX) {
                super::secrets::of_variable(name, value, config, problems);
                continue;
            }
            // Others may have variables of such names too, so this is no reason not to start.
            if name.starts_with("PAGODA_") && !HANDED_OVER.contains(&name.as_str()) {
                config.unknown_variables.push(name);
            }
            continue;
        };
        // A secret is not repeated.
        let secret = matches!(*key, "admin_password" | "audit_key")
            || super::alerts::is_secret(key)
            || super::otlp::is_secret(key);
        let shown = if secret { "…" } else { value.as_str() };
        if let Some(set) = setter(key)
            && let Err(expected) = set(config, &value)
        {
            problems.push(format!("environment variable {name}={shown}: {expected}"));
        }
    }
}
