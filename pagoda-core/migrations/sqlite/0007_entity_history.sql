-- What happened to entities and their definitions, oldest first. Details have the record that they belong to.
-- Of entities that are older than this table nothing is known: what they began with cannot be told any more, and a
-- record that shows today's name as the first one would be wrong. Their history begins with their next change.
CREATE TABLE entity_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    parent_id BIGINT REFERENCES entity_history (id),
    object_id BIGINT NOT NULL,
    operation INTEGER NOT NULL,
    user_id BIGINT,
    at BIGINT NOT NULL,
    changes TEXT NOT NULL
);
CREATE INDEX entity_history_entity ON entity_history (entity_id, id);
