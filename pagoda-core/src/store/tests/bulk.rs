//! Many entries at a time: they are there as if they had come one by one.

use super::{Bed, new_attr, new_entity, new_entry, new_id};
use crate::store::bulk::{self, BulkAttribute, BulkEntry};
use crate::store::queries::{acl, entry, entry_count, entry_name, value};
use crate::store::rows::{
    EntityAttrRow, EntityRow, GrantRow, NewAclChange, NewAttrValue, NewAttribute, NewEntry,
};
use crate::store::{Db, StoreError, constraint, ids};

struct World {
    entity: EntityRow,
    attrs: Vec<EntityAttrRow>,
}

fn world(db: &mut Db) -> World {
    let entity = new_entity(db, "server");
    let attrs = ["text", "array", "unset"]
        .into_iter()
        .zip(0..)
        .map(|(name, index)| new_attr(db, entity.id, name, index))
        .collect();
    World { entity, attrs }
}

fn attribute(
    attr: &EntityAttrRow,
    value: Option<NewAttrValue>,
    elements: Vec<NewAttrValue>,
) -> BulkAttribute {
    let attribute = NewAttribute { attr_id: attr.id, is_active: true, is_public: true, ..Default::default() };
    BulkAttribute { attribute, value, elements, postings: Vec::new() }
}

fn latest(text: &str) -> NewAttrValue {
    NewAttrValue { is_latest: true, text_value: text.to_owned(), created_time: 7, ..Default::default() }
}

/// An entry with a text, a list of two elements and nothing for the third definition.
fn new(world: &World, id: i64, name: &str) -> BulkEntry {
    let [text, array, unset] = &world.attrs[..] else { unreachable!() };
    let element = |position, ref_id| NewAttrValue {
        position,
        ref_id,
        text_value: format!("{name} {position}"),
        ..Default::default()
    };
    BulkEntry {
        entry: NewEntry {
            id,
            entity_id: world.entity.id,
            name: name.to_owned(),
            is_public: true,
            created_user_id: Some(4),
            created_time: 7,
            ..Default::default()
        },
        attributes: vec![
            attribute(text, Some(latest(name)), Vec::new()),
            attribute(array, Some(latest("")), vec![element(0, None), element(1, Some(id))]),
            attribute(unset, None, Vec::new()),
        ],
        ..Default::default()
    }
}

fn insert(db: &mut Db, entries: &mut [BulkEntry]) -> Result<(), StoreError> {
    db.begin().unwrap();
    bulk::insert(db, entries)?;
    db.commit()
}

on_both! {
    fn entries_are_there_with_all_that_belongs_to_them(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let ids = ids::allocate(db, 2).unwrap();
        insert(db, &mut [new(&world, ids[0], "Ünder"), new(&world, ids[1], "two")]).unwrap();
        let row = entry::active_by_name(db, world.entity.id, "Ünder").unwrap().unwrap();
        let alone = NewEntry { created_user_id: Some(4), created_time: 7, is_public: true, entity_id: world.entity.id, name: "Ünder".to_owned(), id: ids[0], ..Default::default() };
        assert_eq!(row, alone.to_row());
        for (id, name) in ids.iter().zip(["Ünder", "two"]) {
            let detail = value::detail_of(db, *id, world.entity.id).unwrap();
            let [text, array, unset] = &detail[..] else { panic!("{detail:?}") };
            let written = text.value.as_ref().unwrap();
            assert_eq!((written.text_value.as_str(), written.is_latest, written.created_time, written.prev_id), (name, true, 7, None));
            assert_eq!(unset.attribute.as_ref().unwrap().entry_id, *id);
            assert!(unset.value.is_none());
            let parent = array.value.as_ref().unwrap();
            let children = value::children_of(db, &[parent.id]).unwrap();
            let shown: Vec<_> = children.iter().map(|child| (child.value.text_value.clone(), child.value.attribute_id, child.referred.as_ref().map(|to| to.id))).collect();
            let of = parent.attribute_id;
            assert_eq!(shown, [(format!("{name} 0"), of, None), (format!("{name} 1"), of, Some(*id))]);
            assert!(children.iter().all(|child| child.value.id > parent.id && !child.value.is_latest));
            let names = entry_name::list(db, *id, 9, 0).unwrap();
            let names: Vec<_> = names.rows.iter().map(|row| (row.name.as_str(), row.kind.as_str(), row.user_id, row.at)).collect();
            assert_eq!(names, [(name, "+", Some(4), 7)]);
        }
    }

    fn ids_go_on_behind_them(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let first = new_id(db);
        insert(db, &mut [new(&world, first, "one")]).unwrap();
        let taken: Vec<i64> = value::attributes_of(db, first).unwrap().iter().map(|row| row.id).collect();
        assert_eq!(taken.len(), 3);
        assert!(new_id(db) > *taken.last().unwrap());
        let values: Vec<i64> = value::history_of(db, first, 9, None).unwrap().iter().map(|row| row.value.id).collect();
        let newer = NewAttrValue { attribute_id: taken[2], ..latest("newer") };
        assert!(value::insert_values(db, &[newer]).unwrap()[0] > values[0] + 2);
        // And bulk after single writes, and again after itself.
        let second = ids::allocate(db, 2).unwrap();
        insert(db, &mut [new(&world, second[0], "two")]).unwrap();
        insert(db, &mut [new(&world, second[1], "three")]).unwrap();
        assert_eq!(value::latest_of(db, second[1]).unwrap().len(), 2);
    }

    fn a_name_that_the_server_gave_follows_the_one_that_was_sent(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let id = new_id(db);
        insert(db, &mut [BulkEntry { sent_name: Some("sent".to_owned()), ..new(&world, id, "given") }]).unwrap();
        let names = entry_name::list(db, id, 9, 0).unwrap();
        let names: Vec<_> = names.rows.iter().map(|row| (row.name.as_str(), row.kind.as_str())).collect();
        assert_eq!(names, [("given", "~"), ("sent", "+")]);
    }

    fn rules_come_along(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let role_id = crate::store::queries::role::insert(db, "readers", "").unwrap();
        let id = new_id(db);
        let mut private = new(&world, id, "private");
        private.entry.is_public = false;
        private.grants = vec![GrantRow { object_id: id, role_id, level: 2 }];
        let change = |role_id, was_public: Option<bool>| NewAclChange { object_id: id, object_name: "private".to_owned(), role_id, was_public, is_public: was_public.map(|was| !was), old_level: 1, new_level: 2, user_id: None, at: 9 };
        private.changes = vec![change(None, Some(true)), change(Some(role_id), None)];
        insert(db, &mut [private]).unwrap();
        assert!(!entry::by_id(db, id).unwrap().unwrap().is_public);
        assert_eq!(acl::grants(db, &[id], &[role_id]).unwrap(), [GrantRow { object_id: id, role_id, level: 2 }]);
        let changes = acl::changes_of(db, &[id]).unwrap();
        let changes: Vec<_> = changes.iter().map(|(row, role)| (row.was_public, row.new_level, role.as_deref())).collect();
        assert_eq!(changes, [(Some(true), 2, None), (None, 2, Some("readers"))]);
    }

    fn a_name_that_is_taken_undoes_all(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        new_entry(db, world.entity.id, "two");
        let ids = ids::allocate(db, 2).unwrap();
        let refused = insert(db, &mut [new(&world, ids[0], "one"), new(&world, ids[1], "two")]);
        assert!(matches!(&refused, Err(StoreError::Conflict { constraint }) if *constraint == constraint::ENTRY_ACTIVE_NAME), "{refused:?}");
        db.rollback().unwrap();
        assert!(entry::by_id(db, ids[0]).unwrap().is_none());
        assert!(value::attributes_of(db, ids[0]).unwrap().is_empty());
    }

    fn many_come_in_one_call(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let ids = ids::allocate(db, 3_000).unwrap();
        let mut entries: Vec<BulkEntry> = ids.iter().map(|id| new(&world, *id, &format!("entry {id}"))).collect();
        insert(db, &mut entries).unwrap();
        bulk::settle(db).unwrap();
        assert_eq!(entry_count::all(db).unwrap(), 3_000);
        let last = *ids.last().unwrap();
        assert_eq!(value::latest_of(db, last).unwrap()[0].1.text_value, format!("entry {last}"));
    }

    fn nothing_comes_outside_a_transaction(bed) {
        let db = &mut bed.writer();
        let world = world(db);
        let id = new_id(db);
        assert!(bulk::insert(db, &mut [new(&world, id, "one")]).is_err());
        assert!(entry::by_id(db, id).unwrap().is_none());
    }
}
