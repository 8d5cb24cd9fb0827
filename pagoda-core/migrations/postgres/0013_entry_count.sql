-- How many entries an entity has, by 16,384 ids (see store/queries/entry_count.rs). Kept here, so that no writer can forget it.
-- Each write adds a row of its own, so that no writer waits for another; some of the writers fold them.
CREATE TABLE entry_count (
    entity_id BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL,
    block BIGINT NOT NULL,
    entries BIGINT NOT NULL
);
CREATE INDEX entry_count_entity ON entry_count (entity_id, is_active, block);

-- Folds the rows of one block that nobody else folds at this moment. A reader sees them all before, or all after.
CREATE FUNCTION entry_count_fold(of_entity BIGINT, of_active BOOLEAN, of_block BIGINT) RETURNS void LANGUAGE sql AS $$
    WITH folded AS (
        DELETE FROM entry_count WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM entry_count
            WHERE entity_id = of_entity AND is_active = of_active AND block = of_block
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING entries
    )
    INSERT INTO entry_count (entity_id, is_active, block, entries)
    SELECT of_entity, of_active, of_block, sum(entries) FROM folded HAVING count(*) > 0;
$$;

CREATE FUNCTION entry_count_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry_count (entity_id, is_active, block, entries)
    SELECT entity_id, is_active, id >> 14, count(*) FROM added GROUP BY 1, 2, 3;
    IF random() < 0.02 THEN
        PERFORM entry_count_fold(entity_id, is_active, block)
        FROM (SELECT DISTINCT entity_id, is_active, id >> 14 AS block FROM added) blocks;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER entry_count_insert AFTER INSERT ON entry REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION entry_count_inserted();

CREATE FUNCTION entry_count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry_count (entity_id, is_active, block, entries)
    VALUES (old.entity_id, old.is_active, old.id >> 14, -1);
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO entry_count (entity_id, is_active, block, entries)
        VALUES (new.entity_id, new.is_active, new.id >> 14, 1);
    END IF;
    IF random() < 0.02 THEN
        PERFORM entry_count_fold(old.entity_id, active, old.id >> 14) FROM (VALUES (true), (false)) states (active);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER entry_count_update AFTER UPDATE ON entry FOR EACH ROW
WHEN (old.is_active <> new.is_active OR old.entity_id <> new.entity_id) EXECUTE FUNCTION entry_count_changed();
CREATE TRIGGER entry_count_delete AFTER DELETE ON entry FOR EACH ROW EXECUTE FUNCTION entry_count_changed();

-- After the triggers: making them waits for whoever writes entries, and nobody writes any until this is committed.
INSERT INTO entry_count (entity_id, is_active, block, entries)
SELECT entity_id, is_active, id >> 14, count(*) FROM entry GROUP BY 1, 2, 3;
