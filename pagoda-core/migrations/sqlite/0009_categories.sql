-- Categories put entities together for people. Their ids are of the one id space of all access-controlled objects;
-- names need not be unique.
CREATE TABLE category (
    id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    name_sort TEXT NOT NULL,
    note TEXT NOT NULL,
    priority INTEGER NOT NULL,
    is_public BOOLEAN NOT NULL,
    default_permission INTEGER NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_user_id BIGINT,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    deleted_user_id BIGINT,
    deleted_time BIGINT
);
CREATE INDEX category_in_order ON category (is_active, priority DESC, name_sort, id);

CREATE TABLE category_entity (
    category_id BIGINT NOT NULL REFERENCES category (id),
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    PRIMARY KEY (category_id, entity_id)
) WITHOUT ROWID;
CREATE INDEX category_entity_by_entity ON category_entity (entity_id, category_id);
