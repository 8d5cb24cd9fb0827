-- The search index, see store/search/mod.rs. Filled by the server at its first start, because folding is its own.
CREATE TABLE search_text (
    attr_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    folded TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (attr_id, id)
) WITHOUT ROWID;
CREATE INDEX search_text_id ON search_text (id);

CREATE TABLE search_term (
    attr_id BIGINT NOT NULL,
    term BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (attr_id, term, entry_id)
) WITHOUT ROWID;
CREATE INDEX search_term_entry ON search_term (entry_id, attr_id, term);

CREATE TABLE search_ref (
    attr_id BIGINT NOT NULL,
    ref_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (attr_id, ref_id, entry_id)
) WITHOUT ROWID;
CREATE INDEX search_ref_entry ON search_ref (entry_id, attr_id, ref_id);
CREATE INDEX search_ref_ref ON search_ref (ref_id, entry_id, attr_id);

CREATE TABLE search_state (
    only_row INTEGER PRIMARY KEY NOT NULL CHECK (only_row = 1),
    revision BIGINT NOT NULL
);
INSERT INTO search_state (only_row, revision) VALUES (1, 0);

-- Texts are never taken out singly.
CREATE VIRTUAL TABLE search_text_fts USING fts5(
    folded, content = '', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);
-- Fewer and larger merges: a write waits for them.
INSERT INTO search_text_fts (search_text_fts, rank) VALUES ('automerge', 16);
CREATE TRIGGER search_text_fts_insert AFTER INSERT ON search_text BEGIN
    INSERT INTO search_text_fts (rowid, folded) VALUES (new.id, new.folded);
END;

CREATE VIRTUAL TABLE entry_fts USING fts5(
    name_folded, content = 'entry', content_rowid = 'id', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO entry_fts (entry_fts, rank) VALUES ('automerge', 16);
CREATE TRIGGER entry_fts_insert AFTER INSERT ON entry BEGIN
    INSERT INTO entry_fts (rowid, name_folded) VALUES (new.id, new.name_folded);
END;
CREATE TRIGGER entry_fts_update AFTER UPDATE OF name_folded ON entry WHEN old.name_folded <> new.name_folded BEGIN
    INSERT INTO entry_fts (entry_fts, rowid, name_folded) VALUES ('delete', old.id, old.name_folded);
    INSERT INTO entry_fts (rowid, name_folded) VALUES (new.id, new.name_folded);
END;
CREATE TRIGGER entry_fts_delete AFTER DELETE ON entry BEGIN
    INSERT INTO entry_fts (entry_fts, rowid, name_folded) VALUES ('delete', old.id, old.name_folded);
END;
INSERT INTO entry_fts (rowid, name_folded) SELECT id, name_folded FROM entry;

-- Who may not see what: few objects are closed.
CREATE INDEX attribute_closed ON attribute (attr_id, entry_id) WHERE NOT is_public;
