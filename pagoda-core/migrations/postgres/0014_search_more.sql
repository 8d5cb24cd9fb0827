-- Few entries are closed: what somebody may read is counted by what is not open to all.
CREATE INDEX entry_closed ON entry (entity_id, id) WHERE NOT is_public;
-- The simple search walks along the names of all entities.
CREATE INDEX entry_everywhere ON entry ((name COLLATE "C"), id) WHERE is_active;
