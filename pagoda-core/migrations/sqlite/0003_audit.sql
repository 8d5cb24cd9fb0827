-- What was done, written in the transaction that did it; moved to the log soon after.
CREATE TABLE audit_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at BIGINT NOT NULL,
    actor_id BIGINT,
    actor TEXT,
    action TEXT NOT NULL,
    object_kind TEXT,
    object_id BIGINT,
    object_name TEXT,
    plugin TEXT,
    trace_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- The log: rows are added at its end and removed from its beginning, never changed.
-- Each row's hash covers the row and the hash of the row before.
CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    actor_id BIGINT,
    actor TEXT,
    action TEXT NOT NULL,
    object_kind TEXT,
    object_id BIGINT,
    object_name TEXT,
    plugin TEXT,
    trace_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_log_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_object ON audit_log (object_id, seq);
CREATE INDEX audit_log_trace ON audit_log (trace_id);
CREATE INDEX audit_log_plugin ON audit_log (plugin, seq) WHERE plugin IS NOT NULL;

-- Where the log ends, and the last row that was removed from its beginning. Who writes the log locks this row.
CREATE TABLE audit_head (
    only_row INTEGER PRIMARY KEY NOT NULL CHECK (only_row = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    trimmed_seq BIGINT NOT NULL,
    trimmed_hash TEXT NOT NULL
);
INSERT INTO audit_head (only_row, seq, hash, trimmed_seq, trimmed_hash) VALUES (1, 0, 'genesis', 0, 'genesis');
