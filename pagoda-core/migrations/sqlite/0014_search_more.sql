-- Few entries are closed: what somebody may read is counted by what is not open to all.
CREATE INDEX entry_closed ON entry (entity_id, id) WHERE NOT is_public;
-- The simple search walks along the names of all entities.
CREATE INDEX entry_everywhere ON entry (name, id) WHERE is_active;
-- Many small merges instead of a large one that a write waits for: 16 is also where FTS5 merges all at once.
INSERT INTO search_text_fts (search_text_fts, rank) VALUES ('automerge', 4);
INSERT INTO entry_fts (entry_fts, rank) VALUES ('automerge', 4);
