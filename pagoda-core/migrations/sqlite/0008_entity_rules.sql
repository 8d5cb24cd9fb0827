-- Whom an entity tells of its entries. What headers hold is a secret of whoever wrote it.
CREATE TABLE entity_webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    label TEXT NOT NULL,
    url TEXT NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    headers TEXT NOT NULL,
    is_verified BOOLEAN NOT NULL,
    verification_error TEXT
);
CREATE INDEX entity_webhook_entity ON entity_webhook (entity_id, id);

-- Which entries of an entity others may not refer to: all for whom the conditions of a rule hold, for all
-- entities or for one.
CREATE TABLE isolation_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    is_prevent_all BOOLEAN NOT NULL,
    prevent_from_id BIGINT REFERENCES entity (id)
);
CREATE INDEX isolation_rule_entity ON isolation_rule (entity_id, id);

CREATE TABLE isolation_condition (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    rule_id BIGINT NOT NULL REFERENCES isolation_rule (id),
    attr_id BIGINT NOT NULL REFERENCES entity_attr (id),
    str_cond TEXT NOT NULL,
    ref_cond_id BIGINT REFERENCES entry (id),
    bool_cond BOOLEAN NOT NULL,
    is_unmatch BOOLEAN NOT NULL
);
CREATE INDEX isolation_condition_rule ON isolation_condition (rule_id, id);
