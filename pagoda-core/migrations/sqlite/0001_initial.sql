-- Times are microseconds since the epoch (UTC), JSON is text.
-- `*_folded` and `*_sort` are computed by the program from the name next to them.

CREATE TABLE app_user (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username TEXT NOT NULL CONSTRAINT app_user_username UNIQUE,
    email TEXT NOT NULL,
    password_hash TEXT,
    is_superuser BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    is_readonly BOOLEAN NOT NULL,
    parent_user_id BIGINT REFERENCES app_user (id),
    authenticate_type INTEGER NOT NULL,
    token_lifetime BIGINT NOT NULL,
    date_joined BIGINT NOT NULL,
    last_login BIGINT
);
CREATE INDEX app_user_parent ON app_user (parent_user_id) WHERE parent_user_id IS NOT NULL;

CREATE TABLE api_token (
    user_id INTEGER PRIMARY KEY NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    key TEXT NOT NULL CONSTRAINT api_token_key UNIQUE,
    created BIGINT NOT NULL
);

CREATE TABLE web_session (
    id_hash TEXT PRIMARY KEY NOT NULL,
    user_id BIGINT NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX web_session_user ON web_session (user_id);
CREATE INDEX web_session_expires ON web_session (expires);

-- One id space for entity, entity_attr, entry and attribute: the last id given out.
CREATE TABLE acl_object_id (
    only_row INTEGER PRIMARY KEY NOT NULL CHECK (only_row = 1),
    last_id BIGINT NOT NULL
);
INSERT INTO acl_object_id (only_row, last_id) VALUES (1, 0);

CREATE TABLE entity (
    id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    name_sort TEXT NOT NULL,
    note TEXT NOT NULL,
    item_name_pattern TEXT NOT NULL,
    item_name_type TEXT NOT NULL,
    status INTEGER NOT NULL,
    is_public BOOLEAN NOT NULL,
    default_permission INTEGER NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_user_id BIGINT,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    deleted_user_id BIGINT,
    deleted_time BIGINT
);
CREATE UNIQUE INDEX entity_active_name ON entity (name) WHERE is_active;
CREATE INDEX entity_by_id ON entity (is_active, id);
CREATE INDEX entity_by_name ON entity (is_active, name_sort);

CREATE TABLE entity_attr (
    id INTEGER PRIMARY KEY NOT NULL,
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    name TEXT NOT NULL,
    attr_type INTEGER NOT NULL,
    sort_index INTEGER NOT NULL,
    is_mandatory BOOLEAN NOT NULL,
    is_delete_in_chain BOOLEAN NOT NULL,
    is_summarized BOOLEAN NOT NULL,
    note TEXT NOT NULL,
    default_value TEXT,
    choices TEXT,
    name_order INTEGER NOT NULL,
    name_prefix TEXT NOT NULL,
    name_postfix TEXT NOT NULL,
    display_attr TEXT NOT NULL,
    is_public BOOLEAN NOT NULL,
    default_permission INTEGER NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_user_id BIGINT,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    deleted_user_id BIGINT,
    deleted_time BIGINT
);
CREATE UNIQUE INDEX entity_attr_active_name ON entity_attr (entity_id, name) WHERE is_active;
CREATE INDEX entity_attr_by_index ON entity_attr (entity_id, is_active, sort_index);

CREATE TABLE entity_attr_referral (
    attr_id BIGINT NOT NULL REFERENCES entity_attr (id) ON DELETE CASCADE,
    entity_id BIGINT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    PRIMARY KEY (attr_id, entity_id)
) WITHOUT ROWID;
CREATE INDEX entity_attr_referral_entity ON entity_attr_referral (entity_id);

CREATE TABLE entity_chain_exclude (
    entity_id BIGINT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    excluded_entity_id BIGINT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    PRIMARY KEY (entity_id, excluded_entity_id)
) WITHOUT ROWID;
CREATE INDEX entity_chain_exclude_excluded ON entity_chain_exclude (excluded_entity_id);

CREATE TABLE entry (
    id INTEGER PRIMARY KEY NOT NULL,
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    name_sort TEXT NOT NULL,
    status INTEGER NOT NULL,
    is_public BOOLEAN NOT NULL,
    default_permission INTEGER NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_user_id BIGINT,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    deleted_user_id BIGINT,
    deleted_time BIGINT
);
CREATE UNIQUE INDEX entry_active_name ON entry (entity_id, name) WHERE is_active;
CREATE INDEX entry_by_id ON entry (entity_id, id);
CREATE INDEX entry_by_active_id ON entry (entity_id, is_active, id);
CREATE INDEX entry_by_name ON entry (entity_id, is_active, name_sort);
CREATE INDEX entry_by_updated ON entry (entity_id, is_active, updated_time);

CREATE TABLE attribute (
    id INTEGER PRIMARY KEY NOT NULL,
    entry_id BIGINT NOT NULL REFERENCES entry (id),
    attr_id BIGINT NOT NULL REFERENCES entity_attr (id),
    is_public BOOLEAN NOT NULL,
    default_permission INTEGER NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_user_id BIGINT,
    created_time BIGINT NOT NULL,
    CONSTRAINT attribute_entry_attr UNIQUE (entry_id, attr_id)
);
CREATE INDEX attribute_by_attr ON attribute (attr_id, entry_id);

CREATE TABLE attr_value (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    attribute_id BIGINT NOT NULL REFERENCES attribute (id),
    parent_id BIGINT REFERENCES attr_value (id),
    position INTEGER NOT NULL,
    attr_type INTEGER NOT NULL,
    is_latest BOOLEAN NOT NULL,
    text_value TEXT NOT NULL,
    bool_value BOOLEAN NOT NULL,
    ref_id BIGINT,
    created_user_id BIGINT,
    created_time BIGINT NOT NULL,
    prev_id BIGINT,
    CHECK (parent_id IS NULL OR NOT is_latest)
);
CREATE UNIQUE INDEX attr_value_latest ON attr_value (attribute_id) WHERE is_latest;
CREATE INDEX attr_value_by_attribute ON attr_value (attribute_id, id);
CREATE INDEX attr_value_by_ref ON attr_value (ref_id) WHERE ref_id IS NOT NULL;
CREATE INDEX attr_value_by_parent ON attr_value (parent_id) WHERE parent_id IS NOT NULL;
