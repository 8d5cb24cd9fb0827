//! What SQLite plans for the lists: an index for the order, never a scan or a sort of the table.

use super::Bed;
use crate::store::conn::Conn;
use crate::store::queries::activity::Span;
use crate::store::queries::audit::AuditFilter;
use crate::store::queries::entity::{EntityFilter, EntityOrder};
use crate::store::queries::entry::{EntryFilter, EntryOrder};
use crate::store::queries::job::{JobFilter, Listed};
use crate::store::queries::{
    acl, activity, audit, category, entity, entity_history, entry, entry_name, group, isolation, job,
    password_reset, role, user, value, webhook,
};
use crate::store::{Db, StoreError};
use diesel::connection::{Connection, InstrumentationEvent};
use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Text};
use std::sync::{Arc, Mutex};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The statements of `run`, explained.
fn plans<T>(db: &mut Db, run: impl FnOnce(&mut Db) -> Result<T, StoreError>) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let Conn::Sqlite(conn) = db.conn() else { panic!("SQLite only") };
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            sink.lock().unwrap().push(query.to_string());
        }
    });
    run(db).unwrap();
    let Conn::Sqlite(conn) = db.conn() else { panic!("SQLite only") };
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let statements = std::mem::take(&mut *seen.lock().unwrap());
    assert!(!statements.is_empty());
    let mut plans = Vec::new();
    for statement in statements {
        let sql = statement.split(" -- binds").next().unwrap();
        let steps: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(&mut **conn).unwrap();
        let steps: Vec<String> = steps.into_iter().map(|step| step.detail).collect();
        plans.push(format!("{sql}\n  {}", steps.join("\n  ")));
    }
    plans
}

fn check<T>(db: &mut Db, run: impl FnOnce(&mut Db) -> Result<T, StoreError>) {
    for plan in plans(db, run) {
        let bad = plan.lines().skip(1).any(|step| {
            let sort = step.contains("TEMP B-TREE") && !step.contains("LAST TERM");
            sort || step.trim_start().starts_with("SCAN") && !step.contains("CONSTANT ROW")
        });
        assert!(!bad, "{plan}");
    }
}

#[test]
fn lists_follow_an_index() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    let entities = |order| EntityFilter { toplevel: None, terms: Vec::new(), order, limit: 10, offset: 0 };
    check(db, |db| entity::list(db, &entities(vec![])));
    check(db, |db| entity::list(db, &entities(vec![(EntityOrder::Name, false)])));
    check(db, |db| entity::list(db, &entities(vec![(EntityOrder::Name, true)])));
    check(db, |db| entity::list(db, &EntityFilter { toplevel: Some(true), ..entities(vec![]) }));
    check(db, |db| entity::all_active(db, 10, 5));
    for is_active in [Some(true), Some(false), None] {
        let entries = |order| EntryFilter {
            entity_id: 1,
            is_active,
            terms: Vec::new(),
            with_alias: false,
            order,
            limit: 10,
            offset: 0,
        };
        check(db, |db| entry::list(db, &entries(vec![])));
        if is_active.is_some() {
            check(db, |db| entry::list(db, &entries(vec![(EntryOrder::Name, false)])));
            check(db, |db| entry::list(db, &entries(vec![(EntryOrder::Name, true)])));
            check(db, |db| entry::list(db, &entries(vec![(EntryOrder::UpdatedTime, true)])));
        }
    }
    check(db, |db| entry::page_after(db, Some(1), true, 5, 10));
    check(db, |db| entry::page_after(db, Some(1), false, 5, 10));
    check(db, |db| entry::page_after(db, None, true, 5, 10));
}

/// As `check`, and the plan uses this index.
fn check_by<T>(db: &mut Db, index: &str, run: impl Fn(&mut Db) -> Result<T, StoreError>) {
    check(db, &run);
    let plans = plans(db, run).join("\n");
    assert!(plans.contains(&format!("INDEX {index} ")), "{plans}");
}

/// As `check_by`, of what sorts no more rows than it answers with.
fn looked_up_by<T>(db: &mut Db, index: &str, run: impl Fn(&mut Db) -> Result<T, StoreError>) {
    for plan in plans(db, run) {
        let scans = plan.lines().skip(1).any(|step| step.trim_start().starts_with("SCAN"));
        assert!(!scans && plan.contains(&format!("INDEX {index} ")), "{plan}");
    }
}

#[test]
fn lookups_follow_the_index_meant_for_them() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    check_by(db, "entry_active_name", |db| entry::active_by_name(db, 1, "a"));
    check_by(db, "entity_active_name", |db| entity::active_by_name(db, "a"));
    check_by(db, "attr_value_by_ref", |db| entry::active_referrers(db, 1, &[], 10));
    check_by(db, "attr_value_latest", |db| value::latest_of(db, 1));
    check_by(db, "attr_value_latest", |db| value::detail_of(db, 1, 1));
    check_by(db, "entity_attr_by_index", |db| value::detail_of(db, 1, 1));
    check_by(db, "attr_value_by_parent", |db| value::children_of(db, &[1]));
    check_by(db, "attribute_by_attr", |db| value::nonempty_latest_of_attr(db, 1, 0, 10));
    check_by(db, "attr_value_latest", |db| value::nonempty_latest_of_attr(db, 1, 0, 10));
    check_by(db, "app_user_parent", |db| user::active_co_users(db, 1));
    check(db, |db| entry::has_active(db, 1));
    check(db, |db| user::with_token(db, "k"));
}

#[test]
fn access_is_found_by_index() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    check(db, |db| acl::grants(db, &[1, 2], &[3, 4]));
    check(db, |db| acl::grants_on(db, 1));
    check(db, |db| acl::table_of(db, 1));
    check_by(db, "acl_grant_by_role", |db| acl::grants_of(db, &[1]));
    check_by(db, "acl_change_by_object", |db| acl::changes_of(db, &[1]));
    check_by(db, "group_member_by_group", |db| group::members_of(db, &[1]));
    check_by(db, "user_group_by_name", group::all_active);
    // The way up through groups walks over what it has found so far; everything else is looked up.
    for plan in plans(db, |db| role::ties_of_user(db, 1)) {
        let scans: Vec<&str> = plan.lines().skip(1).filter(|step| step.contains("SCAN")).collect();
        assert!(scans.iter().all(|step| step.contains("SCAN own")), "{plan}");
        assert!(
            plan.contains("INDEX role_user_by_user ") && plan.contains("INDEX role_group_by_group "),
            "{plan}"
        );
    }
}

#[test]
fn what_entities_have_besides_is_found_by_index() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    check_by(db, "entity_webhook_entity", |db| webhook::of_entity(db, 1));
    check_by(db, "isolation_rule_entity", |db| isolation::of_entity(db, 1));
    check_by(db, "isolation_rule_entity", |db| isolation::against(db, &[1], 2));
    check_by(db, "isolation_rule_entity", |db| isolation::against(db, &[1, 3], 2));
    check_by(db, "isolation_condition_rule", |db| isolation::asked(db, &[1, 2]));
    check_by(db, "isolation_condition_rule", |db| isolation::shown_conditions(db, &[1, 2]));
    check_by(db, "attr_value_latest", |db| isolation::latest(db, &[1, 2], &[3, 4]));
}

#[test]
fn jobs_are_found_newest_first() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    let listed = Listed {
        hidden: &[9],
        exports: &[6],
        deletions: &[29],
        without_target: 27,
        without_target_from: 200,
    };
    let own = JobFilter { owner_id: Some(1), created_after: None, target_id: None, limit: 30, offset: 0 };
    check_by(db, "job_by_owner", |db| job::list(db, &own, &listed));
    // Whose they are is asked of administrators alone, who see all of them: their order is that of the table.
    let sorted = plans(db, |db| job::list(db, &JobFilter { owner_id: None, ..own.clone() }, &listed));
    assert!(sorted.iter().all(|plan| !plan.contains("TEMP B-TREE")), "{sorted:?}");
}

#[test]
fn what_people_did_is_found_by_index() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    for span in [
        Span { from: None, until: None, limit: Some(10) },
        Span { from: Some(1), until: Some(2), limit: None },
    ] {
        check(db, |db| activity::created(db, 1, span));
        check(db, |db| activity::deleted(db, 1, span));
        check(db, |db| activity::written(db, 1, span));
    }
    check(db, |db| entity_history::list(db, 1, 30, 0));
    check(db, |db| entry_name::list(db, 1, 30, 0));
    check(db, |db| password_reset::of_user(db, 1));
    check(db, |db| value::versions_of(db, &[1], 30, 0));
    looked_up_by(db, "attr_value_by_attribute", |db| value::written_since(db, &[1, 2], 3));
    check(db, |db| value::newest_until(db, &[1, 2], 3));
    check(db, |db| value::with_entry(db, 1));
}

#[test]
fn references_are_found_by_index() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    check_by(db, "attr_value_by_ref", |db| entry::referrers_page(db, 1, Some("a"), 30, 0));
    check_by(db, "attr_value_by_ref", |db| entry::active_referrers_named_after(db, 1));
    looked_up_by(db, "search_ref_ref", |db| value::referrers_of(db, &[1, 2]));
    check(db, |db| entry::named_like(db, &[1], Some("a"), 50, 0));
    check(db, |db| entry::named_like(db, &[1], None, 50, 0));
}

#[test]
fn categories_are_found_by_index() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    check(db, |db| category::entities_of(db, &[1, 2]));
    check(db, |db| category::by_id(db, 1));
}

#[test]
fn past_values_are_not_read_to_replace_the_latest() {
    let bed = Bed::sqlite();
    check_by(&mut bed.writer(), "attr_value_latest", |db| value::clear_latest(db, &[1, 2]));
}

#[test]
fn filters_of_the_audit_log_follow_their_index() {
    let bed = Bed::sqlite();
    let db = &mut bed.store.reader().unwrap();
    let text = || Some("x".to_owned());
    let none = AuditFilter::default;
    for (index, filter) in [
        ("audit_log_actor", AuditFilter { actor: text(), ..none() }),
        ("audit_log_object", AuditFilter { object_kind: text(), object_id: Some(1), ..none() }),
        ("audit_log_trace", AuditFilter { trace_id: text(), ..none() }),
        ("audit_log_plugin", AuditFilter { plugin: text(), ..none() }),
    ] {
        check_by(db, index, |db| audit::list(db, &filter, 30, 0));
    }
    check(db, |db| audit::after(db, &none(), 7, 1_000));
    let before = db.statements;
    audit::list(db, &none(), 30, 0).unwrap();
    assert_eq!(db.statements - before, 2);
}
