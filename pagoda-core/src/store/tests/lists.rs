//! Lists of entities, definitions and entries.

use super::{Bed, new_attr, new_entity, new_entry};
use crate::store::queries::entity::{EntityFilter, EntityOrder};
use crate::store::queries::entry::{EntryFilter, EntryOrder};
use crate::store::queries::{attr, entity, entry};
use crate::store::rows::EntryRow;
use crate::store::{Db, StoreError, constraint};

const ALL: EntityFilter =
    EntityFilter { toplevel: None, terms: Vec::new(), order: Vec::new(), limit: 100, offset: 0 };

fn of(entity_id: i64) -> EntryFilter {
    EntryFilter {
        with_alias: false,
        entity_id,
        is_active: Some(true),
        terms: Vec::new(),
        order: Vec::new(),
        limit: 100,
        offset: 0,
    }
}

fn entities(db: &mut Db, filter: &EntityFilter) -> (Vec<String>, i64) {
    let page = entity::list(db, filter).unwrap();
    (page.rows.into_iter().map(|row| row.name).collect(), page.total)
}

fn entries(db: &mut Db, filter: &EntryFilter) -> (Vec<String>, i64) {
    let page = entry::list(db, filter).unwrap();
    (page.rows.into_iter().map(|row| row.name).collect(), page.total)
}

fn delete(db: &mut Db, row: &EntryRow) {
    entry::update(db, &EntryRow { is_active: false, deleted_time: Some(1), ..row.clone() }).unwrap();
}

on_both! {
    fn entities_are_filtered_ordered_and_paged(bed) {
        let db = &mut bed.writer();
        for name in ["ref2", "REF1", "ref1", "10%", "a_b"] {
            new_entity(db, name);
        }
        let mut top = entity::active_by_name(db, "ref2").unwrap().unwrap();
        top.status = 3;
        top.note = "n".to_owned();
        entity::update(db, &top).unwrap();
        let gone = new_entity(db, "gone");
        entity::update(db, &crate::store::rows::EntityRow { is_active: false, ..gone.clone() }).unwrap();

        assert_eq!(entities(db, &ALL).0, ["ref2", "REF1", "ref1", "10%", "a_b"]);
        let by = |order| EntityFilter { order, ..ALL };
        let sorted = ["10%", "a_b", "ref1", "REF1", "ref2"];
        assert_eq!(entities(db, &by(vec![(EntityOrder::Name, false)])).0, sorted);
        let mut reversed = entities(db, &by(vec![(EntityOrder::Name, true)])).0;
        reversed.reverse();
        assert_eq!(reversed, sorted);
        for column in [EntityOrder::Id, EntityOrder::Note, EntityOrder::ItemNamePattern, EntityOrder::ItemNameType, EntityOrder::Status] {
            assert_eq!(entities(db, &by(vec![(column, true), (EntityOrder::Name, false)])).1, 5);
        }
        assert_eq!(entities(db, &by(vec![(EntityOrder::Status, true), (EntityOrder::Name, false)])).0[..2], ["ref2", "10%"]);
        let page = EntityFilter { limit: 2, offset: 1, ..by(vec![(EntityOrder::Name, false)]) };
        assert_eq!(entities(db, &page), (vec!["a_b".to_owned(), "ref1".to_owned()], 5));
        let with = |terms: &[&str]| EntityFilter { terms: terms.iter().map(|t| (*t).to_owned()).collect(), ..ALL };
        assert_eq!(entities(db, &with(&["EF", "1"])).0, ["REF1", "ref1"]);
        assert_eq!(entities(db, &with(&["%"])).0, ["10%"]);
        assert_eq!(entities(db, &with(&["_"])).0, ["a_b"]);
        assert_eq!(entities(db, &with(&["\\"])).1, 0);
        assert_eq!(entities(db, &EntityFilter { toplevel: Some(true), ..ALL }).0, ["ref2"]);
        assert_eq!(entities(db, &EntityFilter { toplevel: Some(false), ..ALL }).1, 4);

        assert_eq!(entity::all_active(db, 2, top.id).unwrap().len(), 2);
        assert_eq!(entity::by_ids(db, &[gone.id, top.id]).unwrap().len(), 2);
        assert!(entity::by_ids(db, &[]).unwrap().is_empty());
        assert_eq!(entity::by_id(db, gone.id).unwrap().map(|row| row.is_active), Some(false));
    }

    fn an_update_recomputes_what_follows_the_name(bed) {
        let db = &mut bed.writer();
        let row = new_entity(db, "Old");
        entity::update(db, &crate::store::rows::EntityRow { name: "NEW".to_owned(), deleted_user_id: None, ..row.clone() }).unwrap();
        let after = entity::by_id(db, row.id).unwrap().unwrap();
        assert_eq!((after.name_folded.as_str(), after.name_sort == row.name_sort), ("new", false));
        let entry = new_entry(db, row.id, "x");
        delete(db, &entry);
        entry::update(db, &EntryRow { name: "Y".to_owned(), ..entry.clone() }).unwrap();
        let after = entry::by_id(db, entry.id).unwrap().unwrap();
        // Back to NULL, and not left as it was.
        assert_eq!((after.name_folded.as_str(), after.deleted_time, after.is_active), ("y", None, true));
    }

    fn excluded_and_referred_entities_are_replaced(bed) {
        let db = &mut bed.writer();
        let (a, b, c) = (new_entity(db, "a"), new_entity(db, "b"), new_entity(db, "c"));
        entity::set_chain_excludes(db, a.id, &[b.id, c.id]).unwrap();
        entity::set_chain_excludes(db, a.id, &[c.id]).unwrap();
        assert_eq!(entity::chain_excludes(db, a.id).unwrap(), [(c.id, "c".to_owned())]);
        entity::set_chain_excludes(db, a.id, &[]).unwrap();
        assert!(entity::chain_excludes(db, a.id).unwrap().is_empty());
        let (x, y) = (new_attr(db, a.id, "x", 2), new_attr(db, a.id, "y", 1));
        attr::set_referrals(db, x.id, &[c.id, b.id]).unwrap();
        attr::set_referrals(db, y.id, &[c.id]).unwrap();
        let expected = [(x.id, b.id, "b".to_owned()), (x.id, c.id, "c".to_owned()), (y.id, c.id, "c".to_owned())];
        assert_eq!(attr::referrals(db, &[y.id, x.id]).unwrap(), expected);
        assert_eq!(attr::active_of(db, a.id).unwrap(), [y.clone(), x.clone()]);
        let off = crate::store::rows::EntityAttrRow { is_active: false, ..y.clone() };
        attr::update(db, &off).unwrap();
        assert_eq!(attr::by_id(db, y.id).unwrap(), Some(off));
        assert_eq!(attr::active_of(db, a.id).unwrap(), std::slice::from_ref(&x));
        assert_eq!(attr::by_ids(db, &[x.id, y.id]).unwrap().len(), 2);
    }

    fn definitions_are_inserted_together(bed) {
        let db = &mut bed.writer();
        let a = new_entity(db, "a");
        let ids = crate::store::ids::allocate(db, 2500).unwrap();
        let rows: Vec<_> = ids.iter().map(|id| crate::store::rows::NewEntityAttr {
            id: *id, entity_id: a.id, name: format!("n{id}"), is_active: true, ..Default::default()
        }).collect();
        let before = db.statements;
        attr::insert_many(db, &rows).unwrap();
        assert_eq!(db.statements - before, 3);
        assert_eq!(attr::active_of(db, a.id).unwrap().len(), 2500);
        let error = attr::insert_many(db, &[crate::store::rows::NewEntityAttr { id: 999_999, ..rows[0].clone() }]).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { constraint } if constraint == constraint::ENTITY_ATTR_ACTIVE_NAME));
    }

    fn entries_are_filtered_ordered_and_paged(bed) {
        let db = &mut bed.writer();
        let (a, other) = (new_entity(db, "a"), new_entity(db, "other"));
        let rows: Vec<_> = ["ref2", "REF1", "ref1", "-x"].into_iter().map(|name| new_entry(db, a.id, name)).collect();
        new_entry(db, other.id, "ref1");
        entry::update(db, &EntryRow { updated_time: 9, ..rows[1].clone() }).unwrap();
        let gone = new_entry(db, a.id, "gone");
        delete(db, &gone);
        assert_eq!(entries(db, &of(a.id)), (["ref2", "REF1", "ref1", "-x"].map(str::to_owned).to_vec(), 4));
        let by = |column, descending| EntryFilter { order: vec![(column, descending)], ..of(a.id) };
        assert_eq!(entries(db, &by(EntryOrder::Name, false)).0, ["-x", "ref1", "REF1", "ref2"]);
        assert_eq!(entries(db, &by(EntryOrder::Name, true)).0, ["ref2", "REF1", "ref1", "-x"]);
        assert_eq!(entries(db, &by(EntryOrder::UpdatedTime, true)).0, ["REF1", "ref2", "ref1", "-x"]);
        assert_eq!(entries(db, &EntryFilter { is_active: Some(false), ..of(a.id) }).0, ["gone"]);
        assert_eq!(entries(db, &EntryFilter { is_active: None, ..of(a.id) }).1, 5);
        assert_eq!(entries(db, &EntryFilter { terms: vec!["Ref".to_owned()], limit: 1, ..of(a.id) }), (vec!["ref2".to_owned()], 3));

        let after = entry::page_after(db, Some(a.id), true, rows[0].id, 2).unwrap();
        assert_eq!(after.iter().map(|row| row.id).collect::<Vec<_>>(), [rows[1].id, rows[2].id]);
        assert_eq!(entry::page_after(db, None, false, 0, 100).unwrap().len(), 6);
        let empty = new_entity(db, "empty");
        assert!(entry::has_active(db, a.id).unwrap() && !entry::has_active(db, empty.id).unwrap());
        assert_eq!(entry::by_ids(db, &[gone.id, rows[0].id]).unwrap().len(), 2);
        assert_eq!(entry::with_entity(db, gone.id).unwrap().unwrap().1, a);
        assert_eq!(entry::active_by_name(db, a.id, "gone").unwrap(), None);
        assert_eq!(entry::active_by_name(db, a.id, "-x").unwrap().as_ref(), Some(&rows[3]));
    }

    fn only_active_entries_share_no_name(bed) {
        let db = &mut bed.writer();
        let a = new_entity(db, "a");
        let first = new_entry(db, a.id, "same");
        let new = crate::store::rows::NewEntry { id: 999_999, entity_id: a.id, name: "same".to_owned(), ..Default::default() };
        let error = entry::insert(db, &new).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { constraint } if constraint == constraint::ENTRY_ACTIVE_NAME));
        delete(db, &first);
        entry::insert(db, &new).unwrap();
        let error = entry::update(db, &first).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { constraint } if constraint == constraint::ENTRY_ACTIVE_NAME));
    }
}
