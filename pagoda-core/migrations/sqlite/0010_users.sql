-- The newest link with which a user may set a new password. What the link holds is not stored, only a digest of it
-- and of what it is bound to; when it was asked for also says when another mail may be sent.
CREATE TABLE password_reset (
    user_id INTEGER PRIMARY KEY NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    requested BIGINT NOT NULL
);

-- What somebody did, newest first.
CREATE INDEX entry_by_creator ON entry (created_user_id, created_time);
CREATE INDEX entry_by_deleter ON entry (deleted_user_id, deleted_time) WHERE deleted_user_id IS NOT NULL;
CREATE INDEX attr_value_by_writer ON attr_value (created_user_id, created_time) WHERE parent_id IS NULL;
