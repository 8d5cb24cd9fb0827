-- The search index, see store/search/mod.rs. Filled by the server at its first start, because folding is its own; it also
-- makes the trigram indexes where the extension can be had.
CREATE TABLE search_text (
    attr_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (attr_id, id)
);

CREATE TABLE search_term (
    attr_id BIGINT NOT NULL,
    term BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (attr_id, term, entry_id)
);
CREATE INDEX search_term_entry ON search_term (entry_id, attr_id, term);

CREATE TABLE search_ref (
    attr_id BIGINT NOT NULL,
    ref_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (attr_id, ref_id, entry_id)
);
CREATE INDEX search_ref_entry ON search_ref (entry_id, attr_id, ref_id);
CREATE INDEX search_ref_ref ON search_ref (ref_id, entry_id, attr_id);

CREATE TABLE search_state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision BIGINT NOT NULL
);
INSERT INTO search_state (only_row, revision) VALUES (1, 0);

-- The order of searches is that of code points, whatever the database's own is.
CREATE INDEX entry_by_code_point ON entry (entity_id, (name COLLATE "C")) WHERE is_active;
-- Who may not see what: few objects are closed.
CREATE INDEX attribute_closed ON attribute (attr_id, entry_id) WHERE NOT is_public;
