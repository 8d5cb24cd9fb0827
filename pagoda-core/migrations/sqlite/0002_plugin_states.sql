-- What keeps a plugin from running on every instance; a plugin without a row runs.
CREATE TABLE plugin_state (
    plugin TEXT NOT NULL PRIMARY KEY,
    -- Why an administrator switched it off, if one did.
    disabled TEXT,
    -- Why it was cut out, if it was.
    quarantined TEXT,
    -- Counts changes, so that instances see them.
    revision BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Breakers that ever opened. The function is empty for the breaker of the plugin as a whole.
CREATE TABLE plugin_breaker (
    plugin TEXT NOT NULL,
    function TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    retry_at BIGINT NOT NULL,
    pause BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (plugin, function)
);

-- What happened to plugins, newest last; old rows are removed.
CREATE TABLE plugin_transition (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    plugin TEXT NOT NULL,
    function TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX plugin_transition_plugin ON plugin_transition (plugin, id);
