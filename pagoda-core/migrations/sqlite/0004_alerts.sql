-- Incidents. One that is open is there once, however many instances see it.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    instance TEXT NOT NULL,
    sentence TEXT NOT NULL,
    value DOUBLE,
    threshold DOUBLE,
    opened_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    clear_after BIGINT NOT NULL,
    closed_at BIGINT,
    closed_because TEXT
);
CREATE UNIQUE INDEX alert_open ON alert (key) WHERE closed_at IS NULL;
CREATE INDEX alert_key ON alert (key, opened_at);
CREATE INDEX alert_closed ON alert (closed_at);

-- Who was told of them. stage: 0 the opening is to be told, 1 it was, 2 the recovery was, 3 given up.
CREATE TABLE alert_delivery (
    alert_id BIGINT NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    stage INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due_at BIGINT NOT NULL,
    problem TEXT,
    PRIMARY KEY (alert_id, channel)
);
CREATE INDEX alert_delivery_pending ON alert_delivery (channel, due_at) WHERE stage < 2;
