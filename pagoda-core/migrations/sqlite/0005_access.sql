-- Groups, roles and grants. Names of groups and roles are unique over all rows: a deleted one has another name.
CREATE TABLE user_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL CONSTRAINT user_group_name UNIQUE,
    name_folded TEXT NOT NULL,
    name_sort TEXT NOT NULL,
    parent_id BIGINT REFERENCES user_group (id),
    is_active BOOLEAN NOT NULL
);
CREATE INDEX user_group_by_name ON user_group (is_active, name_sort);
CREATE INDEX user_group_by_parent ON user_group (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE group_member (
    user_id BIGINT NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    group_id BIGINT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
) WITHOUT ROWID;
CREATE INDEX group_member_by_group ON group_member (group_id, user_id);

CREATE TABLE role (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL CONSTRAINT role_name UNIQUE,
    name_folded TEXT NOT NULL,
    name_sort TEXT NOT NULL,
    description TEXT NOT NULL,
    is_active BOOLEAN NOT NULL
);
CREATE INDEX role_by_name ON role (is_active, name_sort);

-- Somebody can be member and administrator of one role.
CREATE TABLE role_user (
    role_id BIGINT NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    is_admin BOOLEAN NOT NULL,
    PRIMARY KEY (role_id, user_id, is_admin)
) WITHOUT ROWID;
CREATE INDEX role_user_by_user ON role_user (user_id, role_id, is_admin);

CREATE TABLE role_group (
    role_id BIGINT NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    group_id BIGINT NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
    is_admin BOOLEAN NOT NULL,
    PRIMARY KEY (role_id, group_id, is_admin)
) WITHOUT ROWID;
CREATE INDEX role_group_by_group ON role_group (group_id, role_id, is_admin);

-- What a role may do with an object; the object is of any table of the one id space.
CREATE TABLE acl_grant (
    object_id BIGINT NOT NULL,
    role_id BIGINT NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    level INTEGER NOT NULL CHECK (level IN (2, 4, 8)),
    PRIMARY KEY (object_id, role_id)
) WITHOUT ROWID;
CREATE INDEX acl_grant_by_role ON acl_grant (role_id, object_id);

-- Changes of access rules. Without a role: the flags of the object, with one: its grant, where level 1 is none.
CREATE TABLE acl_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    object_id BIGINT NOT NULL,
    object_name TEXT NOT NULL,
    role_id BIGINT REFERENCES role (id) ON DELETE CASCADE,
    was_public BOOLEAN,
    is_public BOOLEAN,
    old_level INTEGER NOT NULL,
    new_level INTEGER NOT NULL,
    user_id BIGINT,
    at BIGINT NOT NULL
);
CREATE INDEX acl_change_by_object ON acl_change (object_id, id);

-- The names under which renamed objects were made: their history begins with it. Whoever renames them need not know.
CREATE TABLE acl_first_name (
    object_id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL
);
CREATE TRIGGER entity_first_name AFTER UPDATE OF name ON entity WHEN old.name <> new.name BEGIN
    INSERT INTO acl_first_name (object_id, name) VALUES (old.id, old.name) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER entity_attr_first_name AFTER UPDATE OF name ON entity_attr WHEN old.name <> new.name BEGIN
    INSERT INTO acl_first_name (object_id, name) VALUES (old.id, old.name) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER entry_first_name AFTER UPDATE OF name ON entry WHEN old.name <> new.name BEGIN
    INSERT INTO acl_first_name (object_id, name) VALUES (old.id, old.name) ON CONFLICT DO NOTHING;
END;

-- What was asked for and answers with a job. `operation`, `status` and `target_kind` are numbers and words of the wire.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    operation INTEGER NOT NULL,
    status INTEGER NOT NULL,
    target_kind TEXT,
    target_id BIGINT,
    text TEXT NOT NULL,
    params TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX job_by_owner ON job (owner_id, created_at);
