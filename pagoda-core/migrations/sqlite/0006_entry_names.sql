-- The names that entries had, oldest first. `+` is the creation, `~` every change after it.
CREATE TABLE entry_name (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    entry_id BIGINT NOT NULL REFERENCES entry (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    user_id BIGINT,
    at BIGINT NOT NULL
);
CREATE INDEX entry_name_entry ON entry_name (entry_id, id);
-- Of entries that are older than this table only the name of today is known.
INSERT INTO entry_name (entry_id, name, kind, user_id, at)
SELECT id, name, '+', created_user_id, created_time FROM entry ORDER BY id;

-- Other names of entries. Those of active entries are taken like the names of entries themselves; that is seen
-- to under a lock on the entity, because the names are in two tables.
CREATE TABLE entry_alias (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    entry_id BIGINT NOT NULL REFERENCES entry (id),
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL
);
CREATE INDEX entry_alias_entry ON entry_alias (entry_id, id);
CREATE INDEX entry_alias_name ON entry_alias (entity_id, name);
