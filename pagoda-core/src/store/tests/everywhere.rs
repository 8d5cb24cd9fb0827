//! Names of all entries by one text, where many pass: however they are met, the first of them in the order of names.

use super::{Bed, new_entity};
use crate::store::bulk::{self, BulkEntry};
use crate::store::ids;
use crate::store::rows::NewEntry;
use crate::store::search::{Everywhere, TextTest, Viewer};

/// More than are gathered at once, behind more than are walked along first.
const BEFORE: usize = 2_200;
const BEHIND: usize = 4_200;

on_both! {
    fn the_first_of_many_names_are_found_wherever_they_lie(bed) {
        let db = &mut bed.writer();
        let entity = new_entity(db, "thing");
        let ids = ids::allocate(db, BEFORE + BEHIND).unwrap();
        let named = |(at, id): (usize, &i64)| {
            // Ids descend where names ascend.
            let at = BEFORE + BEHIND - at;
            let name = if at <= BEFORE { format!("10-often-{at:05}") } else { format!("Zeta-often-{at:05}") };
            let entry = NewEntry { id: *id, entity_id: entity.id, name, is_public: true, ..Default::default() };
            BulkEntry { entry, ..Default::default() }
        };
        let mut entries: Vec<BulkEntry> = ids.iter().enumerate().map(named).collect();
        db.begin().unwrap();
        bulk::insert(db, &mut entries).unwrap();
        db.commit().unwrap();
        entries.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
        db.begin().unwrap();
        let mut found = |text: &str, most: usize| {
            let texts = vec![vec![TextTest::containing(text)]];
            let everywhere =
                Everywhere { entity_ids: vec![entity.id], viewer: Viewer::Everything, texts, most };
            let expected = entries.iter().filter(|new| new.entry.name.to_lowercase().contains(text));
            let expected: Vec<i64> = expected.take(most).map(|new| new.entry.id).collect();
            assert!(!expected.is_empty());
            assert_eq!(everywhere.named(db).unwrap(), expected, "{text}");
        };
        for most in [20, 1_000] {
            // Few, everywhere, behind all others, and nothing for trigrams.
            for text in ["-0123", "often", "zeta", "ta"] {
                found(text, most);
            }
        }
    }
}
