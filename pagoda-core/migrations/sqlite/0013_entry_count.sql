-- How many entries an entity has, by 16,384 ids (see store/queries/entry_count.rs). Kept here, so that no writer can forget it.
CREATE TABLE entry_count (
    entity_id BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL,
    block BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    PRIMARY KEY (entity_id, is_active, block)
) WITHOUT ROWID;
INSERT INTO entry_count (entity_id, is_active, block, entries)
SELECT entity_id, is_active, id >> 14, count(*) FROM entry GROUP BY 1, 2, 3;

CREATE TRIGGER entry_count_insert AFTER INSERT ON entry BEGIN
    INSERT INTO entry_count (entity_id, is_active, block, entries)
    VALUES (new.entity_id, new.is_active, new.id >> 14, 1)
    ON CONFLICT DO UPDATE SET entries = entries + 1;
END;
CREATE TRIGGER entry_count_update AFTER UPDATE OF is_active, entity_id ON entry
WHEN old.is_active <> new.is_active OR old.entity_id <> new.entity_id BEGIN
    UPDATE entry_count SET entries = entries - 1
    WHERE entity_id = old.entity_id AND is_active = old.is_active AND block = old.id >> 14;
    INSERT INTO entry_count (entity_id, is_active, block, entries)
    VALUES (new.entity_id, new.is_active, new.id >> 14, 1)
    ON CONFLICT DO UPDATE SET entries = entries + 1;
END;
CREATE TRIGGER entry_count_delete AFTER DELETE ON entry BEGIN
    UPDATE entry_count SET entries = entries - 1
    WHERE entity_id = old.entity_id AND is_active = old.is_active AND block = old.id >> 14;
END;
