//! Attribute values: versions, arrays, references.

use super::{Bed, new_attr, new_entity, new_entry, new_id};
use crate::store::queries::{entry, value};
use crate::store::rows::{AttributeRow, EntityRow, EntryRow, NewAttrValue, NewAttribute};
use crate::store::{Db, StoreError, constraint};

struct World {
    entity: EntityRow,
    one: EntryRow,
    target: EntryRow,
    /// Attributes of `one` for the definitions `text`, `ref`, `array`; `unset` has none.
    attributes: Vec<AttributeRow>,
}

fn world(db: &mut Db) -> World {
    let (entity, other) = (new_entity(db, "server"), new_entity(db, "rack"));
    let attrs: Vec<_> = ["text", "ref", "array", "unset"]
        .into_iter()
        .zip((0..4).rev())
        .map(|(name, index)| new_attr(db, entity.id, name, index))
        .collect();
    let (one, target) = (new_entry(db, entity.id, "one"), new_entry(db, other.id, "r1"));
    let attributes: Vec<NewAttribute> = attrs[..3]
        .iter()
        .map(|attr| NewAttribute {
            id: new_id(db),
            entry_id: one.id,
            attr_id: attr.id,
            is_active: true,
            ..Default::default()
        })
        .collect();
    value::insert_attributes(db, &attributes).unwrap();
    World { entity, one, target, attributes }
}

fn latest(attribute: &AttributeRow, text: &str) -> NewAttrValue {
    NewAttrValue {
        attribute_id: attribute.id,
        is_latest: true,
        text_value: text.to_owned(),
        ..Default::default()
    }
}

/// A text, a reference and an array of the reference and a text; returns the three parents' ids.
fn fill(db: &mut Db, world: &World) -> Vec<i64> {
    let [text, reference, array] = &world.attributes[..] else { unreachable!() };
    let parents = value::insert_values(
        db,
        &[
            latest(text, "hello"),
            NewAttrValue { ref_id: Some(world.target.id), ..latest(reference, "") },
            latest(array, ""),
        ],
    )
    .unwrap();
    let child = |position, ref_id| NewAttrValue {
        attribute_id: array.id,
        parent_id: Some(parents[2]),
        position,
        ref_id,
        text_value: format!("element {position}"),
        ..Default::default()
    };
    value::insert_values(db, &[child(1, None), child(0, Some(world.target.id))]).unwrap();
    parents
}

on_both! {
    fn ids_come_in_the_order_of_the_values(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let rows: Vec<_> = (0..2500).map(|n| NewAttrValue { is_latest: false, ..latest(&world.attributes[0], &n.to_string()) }).collect();
        let ids = value::insert_values(db, &rows).unwrap();
        let history = value::history_of(db, world.one.id, 5000, None).unwrap();
        let stored: std::collections::HashMap<i64, String> = history.into_iter().map(|row| (row.value.id, row.value.text_value)).collect();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(stored[id], n.to_string());
        }
    }

    fn a_detail_has_a_line_per_definition(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let parents = fill(db, &world);
        let another = new_entity(db, "another");
        new_attr(db, another.id, "elsewhere", 0);
        let before = db.statements;
        let lines = value::detail_of(db, world.one.id, world.entity.id).unwrap();
        assert_eq!(db.statements - before, 1);
        assert_eq!(lines.iter().map(|line| line.attr.name.as_str()).collect::<Vec<_>>(), ["unset", "array", "ref", "text"]);
        let [unset, array, reference, text] = &lines[..] else { unreachable!() };
        assert_eq!((&unset.attribute, &unset.value, &unset.referred), (&None, &None, &None));
        assert_eq!(array.value.as_ref().map(|v| v.id), Some(parents[2]));
        assert_eq!(text.value.as_ref().map(|v| v.text_value.as_str()), Some("hello"));
        assert_eq!((&text.attribute, &text.referred), (&Some(world.attributes[0].clone()), &None));
        let referred = reference.referred.as_ref().unwrap();
        assert_eq!((referred.id, referred.name.as_str(), referred.is_active, referred.entity_name.as_str()), (world.target.id, "r1", true, "rack"));

        let children = value::children_of(db, &parents).unwrap();
        let found: Vec<_> = children.iter().map(|c| (c.value.parent_id, c.value.position, c.referred.as_ref().map(|r| r.id))).collect();
        assert_eq!(found, [(Some(parents[2]), 0, Some(world.target.id)), (Some(parents[2]), 1, None)]);
        assert_eq!(value::latest_of(db, world.one.id).unwrap().len(), 3);
        assert_eq!(value::attributes_of(db, world.one.id).unwrap(), world.attributes);
    }

    fn there_is_one_latest_value(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let first = fill(db, &world);
        let text = &world.attributes[0];
        let error = value::insert_values(db, &[latest(text, "again")]).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { constraint } if constraint == constraint::ATTR_VALUE_LATEST));
        assert_eq!(value::clear_latest(db, &[text.id]).unwrap(), 1);
        let second = value::insert_values(db, &[NewAttrValue { prev_id: Some(first[0]), ..latest(text, "again") }]).unwrap();
        let newest = value::latest_of(db, world.one.id).unwrap().into_iter().find(|(a, _)| a == text).unwrap().1;
        assert_eq!((newest.id, newest.prev_id), (second[0], Some(first[0])));
        let history = value::history_of(db, world.one.id, 2, None).unwrap();
        assert_eq!(history.iter().map(|h| (h.value.id, h.attr_name.as_str())).collect::<Vec<_>>(), [(second[0], "text"), (first[2], "array")]);
        let older = value::history_of(db, world.one.id, 10, Some(first[2])).unwrap();
        assert_eq!(older.iter().map(|h| h.value.id).collect::<Vec<_>>(), [first[1], first[0]]);
        assert!(older.iter().all(|h| h.attr_is_active));
        let error = value::insert_attributes(db, &[NewAttribute { id: 999_999, ..text.clone() }]).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { constraint } if constraint == constraint::ATTRIBUTE_ENTRY_ATTR));
    }

    fn referrers_are_found_through_values_and_elements(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        fill(db, &world);
        let referrers = |db: &mut Db, excluded: &[i64]| -> Vec<i64> {
            entry::active_referrers(db, world.target.id, excluded, 100).unwrap().into_iter().map(|row| row.id).collect()
        };
        // Twice referred to, once in the list.
        assert_eq!(referrers(db, &[]), [world.one.id]);
        assert!(referrers(db, &[world.entity.id]).is_empty());
        value::clear_latest(db, &[world.attributes[1].id]).unwrap();
        assert_eq!(referrers(db, &[]), [world.one.id], "by the element alone");
        value::set_attributes_active(db, world.one.id, false).unwrap();
        assert!(referrers(db, &[]).is_empty());
        assert_eq!(value::set_attributes_active(db, world.one.id, true).unwrap(), 3);
        value::clear_latest(db, &[world.attributes[2].id]).unwrap();
        assert!(referrers(db, &[]).is_empty(), "elements of past values do not count");
    }

    fn values_that_a_removal_clears(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        fill(db, &world);
        let nonempty = |db: &mut Db, n: usize, after| value::nonempty_latest_of_attr(db, world.attributes[n].attr_id, after, 10).unwrap();
        for n in 0..3 {
            let rows = nonempty(db, n, 0);
            assert_eq!(rows.iter().map(|r| (r.entry.id, r.attribute.id)).collect::<Vec<_>>(), [(world.one.id, world.attributes[n].id)]);
            assert!(nonempty(db, n, world.one.id).is_empty());
        }
        value::clear_latest(db, &[world.attributes[0].id]).unwrap();
        value::insert_values(db, &[latest(&world.attributes[0], "")]).unwrap();
        assert!(nonempty(db, 0, 0).is_empty());
    }
}
