//! What the databases plan for the lists: an index for the order, never a scan or a sort of the table.
//!
//! The tables are empty. SQLite plans as for large ones then; PostgreSQL is told to take scans and sorts for as bad as they are in
//! large tables, so that it plans them only where there is no other way.

use super::{Bed, new_attr, new_entity, new_entry};
use crate::store::conn::Conn;
use crate::store::queries::activity::Span;
use crate::store::queries::audit::AuditFilter;
use crate::store::queries::entity::{EntityFilter, EntityOrder};
use crate::store::queries::entry::{EntryFilter, EntryOrder};
use crate::store::queries::job::{JobFilter, Listed};
use crate::store::queries::{
    acl, activity, audit, category, entity, entity_history, entry, entry_count, entry_name, group, isolation,
    job, password_reset, role, user, value, webhook,
};
use crate::store::rows::EntryRow;
use crate::store::search::{
    self, Attr, Cond, Entered, Everywhere, Posting, RowTest, Search, TextTest, Valued, Viewer,
};
use crate::store::{Backend, Db, StoreError};
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Text};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(QueryableByName)]
struct PgStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The statements of `run`.
fn statements<T>(db: &mut Db, run: impl FnOnce(&mut Db) -> Result<T, StoreError>) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let note = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            sink.lock().unwrap().push(query.to_string());
        }
    };
    match db.conn() {
        Conn::Sqlite(conn) => conn.set_instrumentation(note),
        Conn::Pg(session) => session.link.set_instrumentation(note),
    }
    run(db).unwrap();
    let nothing = |_: InstrumentationEvent<'_>| {};
    match db.conn() {
        Conn::Sqlite(conn) => conn.set_instrumentation(nothing),
        Conn::Pg(session) => session.link.set_instrumentation(nothing),
    }
    let statements = std::mem::take(&mut *seen.lock().unwrap());
    assert!(!statements.is_empty());
    let bare = |sql: &String| sql.split(" -- binds").next().unwrap().to_owned();
    statements.iter().map(bare).filter(|sql| !sql.starts_with("SET ")).collect()
}

/// The statements of `run`, explained: each followed by its steps, a line each.
fn plans<T>(db: &mut Db, run: impl FnOnce(&mut Db) -> Result<T, StoreError>) -> Vec<String> {
    let explain = |db: &mut Db, sql: &String| -> Vec<String> {
        match db.conn() {
            Conn::Sqlite(conn) => {
                let steps: Vec<Step> =
                    sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(&mut **conn).unwrap();
                steps.into_iter().map(|step| step.detail).collect()
            }
            Conn::Pg(session) => {
                let link = &mut session.link;
                let parameters = (1..).take_while(|at| sql.contains(&format!("${at}"))).count();
                let nothing = vec!["NULL"; parameters].join(", ");
                let run = if parameters > 0 { format!("planned({nothing})") } else { "planned".to_owned() };
                link.batch_execute(&format!(
                    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = off; \
                     SET enable_bitmapscan = off; SET enable_hashagg = off; PREPARE planned AS {sql}"
                ))
                .unwrap();
                let steps: Vec<PgStep> = sql_query(format!("EXPLAIN EXECUTE {run}")).load(link).unwrap();
                link.batch_execute("DEALLOCATE planned; RESET ALL").unwrap();
                steps.into_iter().map(|step| step.line).collect()
            }
        }
    };
    let statements = statements(db, run);
    statements.iter().map(|sql| format!("{sql}\n  {}", explain(db, sql).join("\n  "))).collect()
}

/// Whether a step reads a whole table, or sorts more than rows that are equal in the first columns. PostgreSQL may sort
/// what is answered as a whole.
fn is_bad(statement: &str, step: &str) -> bool {
    let step = step.trim_start().trim_start_matches("->").trim_start();
    let sorts = step.contains("TEMP B-TREE") && !step.contains("LAST TERM");
    let scans = step.starts_with("SCAN") && !step.contains("CONSTANT ROW");
    sorts
        || scans
        || step.starts_with("Seq Scan")
        || step.starts_with("Sort  (") && statement.contains(" LIMIT ")
}

fn check<T>(db: &mut Db, run: impl FnOnce(&mut Db) -> Result<T, StoreError>) {
    for plan in plans(db, run) {
        let statement = plan.lines().next().unwrap();
        assert!(!plan.lines().skip(1).any(|step| is_bad(statement, step)), "{plan}");
    }
}

/// As `check`, and the plan uses this index. PostgreSQL chooses among indexes by what is in the tables, which are empty here.
fn check_by<T>(db: &mut Db, index: &str, run: impl Fn(&mut Db) -> Result<T, StoreError>) {
    check(db, &run);
    if db.backend() == Backend::Sqlite {
        let plans = plans(db, run).join("\n");
        assert!(plans.contains(&format!("INDEX {index} ")), "{plans}");
    }
}

/// Whether a step of a plan reads a table from end to end: the trigram index and what the plan itself gathers are none.
fn is_scan(plan: &str, step: &str) -> bool {
    if step.contains("Seq Scan") {
        return true;
    }
    let Some((_, name)) = step.split_once("SCAN ") else { return false };
    let is_gathered =
        ["CO-ROUTINE", "MATERIALIZE"].iter().any(|word| plan.contains(&format!("{word} {name}\n")));
    !is_gathered && !name.contains("VIRTUAL TABLE")
}

/// As `check_by`, of what sorts no more rows than it answers with.
fn looked_up_by<T>(db: &mut Db, index: &str, run: impl Fn(&mut Db) -> Result<T, StoreError>) {
    for plan in plans(db, run) {
        let scans = plan.lines().skip(1).any(|step| is_scan(&plan, step));
        let by_index = index.is_empty()
            || db.backend() == Backend::Postgres
            || plan.contains(&format!("INDEX {index} "));
        assert!(!scans && by_index, "{plan}");
    }
}

on_both! {
    fn lists_follow_an_index(bed) {
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

    fn lookups_follow_the_index_meant_for_them(bed) {
        let db = &mut bed.store.reader().unwrap();
        check_by(db, "entry_active_name", |db| entry::active_by_name(db, 1, "a"));
        check_by(db, "entity_active_name", |db| entity::active_by_name(db, "a"));
        check_by(db, "attr_value_by_ref", |db| entry::active_referrers(db, 1, &[], 10));
        check_by(db, "attr_value_latest", |db| value::latest_of(db, 1));
        check_by(db, "attr_value_latest", |db| value::detail_of(db, 1, 1));
        check_by(db, "entity_attr_by_index", |db| value::detail_of(db, 1, 1));
        // By the entry: the attributes of one are together, those of one definition are all over the table.
        let by_entry = "sqlite_autoindex_attribute_1";
        check_by(db, by_entry, |db| value::detail_of(db, 1, 1));
        for (entries, attrs) in [(1, 1), (2, 100), (100, 10), (10, 100)] {
            let [entries, attrs] = [entries, attrs].map(|most| (1..=most).collect::<Vec<i64>>());
            check_by(db, by_entry, |db| value::latest_in(db, &entries, &attrs));
            check_by(db, by_entry, |db| value::latest_of_many(db, &entries));
            check_by(db, by_entry, |db| value::labels_of(db, &entries, &["a", "b"]));
            check_by(db, by_entry, |db| isolation::latest(db, &entries, &attrs));
        }
        check_by(db, "attr_value_by_parent", |db| value::children_of(db, &[1]));
        check_by(db, "attribute_by_attr", |db| value::nonempty_latest_of_attr(db, 1, 0, 10));
        check_by(db, "attr_value_latest", |db| value::nonempty_latest_of_attr(db, 1, 0, 10));
        check_by(db, "app_user_parent", |db| user::active_co_users(db, 1));
        check(db, |db| entry::has_active(db, 1));
        check(db, |db| user::with_token(db, "k"));
    }

    fn access_is_found_by_index(bed) {
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
            if db.backend() == Backend::Postgres {
                check(db, |db| role::ties_of_user(db, 1));
                continue;
            }
            let scans: Vec<&str> = plan.lines().skip(1).filter(|step| step.contains("SCAN")).collect();
            assert!(scans.iter().all(|step| step.contains("SCAN own")), "{plan}");
            assert!(
                plan.contains("INDEX role_user_by_user ") && plan.contains("INDEX role_group_by_group "),
                "{plan}"
            );
        }
    }

    fn what_entities_have_besides_is_found_by_index(bed) {
        let db = &mut bed.store.reader().unwrap();
        check_by(db, "entity_webhook_entity", |db| webhook::of_entity(db, 1));
        check_by(db, "isolation_rule_entity", |db| isolation::of_entity(db, 1));
        check_by(db, "isolation_rule_entity", |db| isolation::against(db, &[1], 2));
        check_by(db, "isolation_rule_entity", |db| isolation::against(db, &[1, 3], 2));
        check_by(db, "isolation_condition_rule", |db| isolation::asked(db, &[1, 2]));
        check_by(db, "isolation_condition_rule", |db| isolation::shown_conditions(db, &[1, 2]));
        check_by(db, "attr_value_latest", |db| isolation::latest(db, &[1, 2], &[3, 4]));
    }

    fn jobs_are_found_newest_first(bed) {
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

    fn what_people_did_is_found_by_index(bed) {
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

    fn references_are_found_by_index(bed) {
        let db = &mut bed.store.reader().unwrap();
        check_by(db, "attr_value_by_ref", |db| entry::referrers_page(db, 1, Some("a"), 30, 0));
        check_by(db, "attr_value_by_ref", |db| entry::active_referrers_named_after(db, 1));
        looked_up_by(db, "search_ref_ref", |db| value::referrers_of(db, &[1, 2]));
        check(db, |db| entry::named_like(db, &[1], Some("a"), 50, 0));
        check(db, |db| entry::named_like(db, &[1], None, 50, 0));
    }

    fn categories_are_found_by_index(bed) {
        let db = &mut bed.store.reader().unwrap();
        check(db, |db| category::entities_of(db, &[1, 2]));
        check(db, |db| category::by_id(db, 1));
    }

    fn past_values_are_not_read_to_replace_the_latest(bed) {
        check_by(&mut bed.writer(), "attr_value_latest", |db| value::clear_latest(db, &[1, 2]));
    }

    fn filters_of_the_audit_log_follow_their_index(bed) {
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

    fn counts_of_entries_are_found_by_index(bed) {
        let db = &mut bed.writer();
        let entity = new_entity(db, "a");
        new_entry(db, entity.id, "one");
        for is_active in [Some(true), None] {
            check(db, |db| entry_count::of_entity(db, entity.id, is_active));
        }
        let filter = EntryFilter {
            entity_id: entity.id,
            is_active: Some(true),
            terms: vec!["one".to_owned()],
            with_alias: true,
            order: Vec::new(),
            limit: 10,
            offset: 0,
        };
        // What is sorted are the thousand at most that the first statement found.
        looked_up_by(db, "", |db| entry::list(db, &filter));
        looked_up_by(db, "", |db| entry::named_like(db, &[entity.id], Some("one"), 10, 0));
    }

    fn searches_look_into_indexes(bed) {
        let db = &mut bed.writer();
        db.begin().unwrap();
        let entity = new_entity(db, "a");
        let (one, other) = (new_entry(db, entity.id, "one"), new_entry(db, entity.id, "two"));
        entry::update(db, &EntryRow { is_public: true, default_permission: 2, ..one.clone() }).unwrap();
        let attr = Attr { id: new_attr(db, entity.id, "x", 1).id, is_list: false };
        let list = Attr { id: new_attr(db, entity.id, "y", 2).id, is_list: true };
        let postings = [(attr.id, Posting::Text("some text".to_owned())), (list.id, Posting::Reference(other.id))];
        let enter = |(attr_id, posting)| Entered { entry_id: one.id, attr_id, postings: vec![posting] };
        search::put(db, &postings.map(enter)).unwrap();
        db.limit_time(Duration::from_secs(100)).unwrap();
        let text = TextTest::containing("ome te");
        let terms = Cond::Row(attr, RowTest::Terms(vec![search::text_id(attr.id, "some text")]));
        let not = |cond: &Cond| Cond::Not(Box::new(cond.clone()));
        let readable = Cond::Readable(Viewer::Roles(vec![1]), Some(attr.id));
        let refers = Cond::Row(list, RowTest::References(vec![other.id]));
        for cond in [
            Cond::Always,
            terms.clone(),
            not(&terms),
            Cond::Row(attr, RowTest::Text(text.clone())),
            Cond::Row(attr, RowTest::Between(Some(1), None)),
            Cond::Row(attr, RowTest::Any),
            Cond::NoTerm(list),
            Cond::Any(vec![Cond::NoTerm(attr), terms.clone()]),
            Cond::Any(vec![refers.clone(), terms.clone()]),
            Cond::All(vec![refers, terms.clone(), Cond::Named(TextTest::containing("one")), readable.clone()]),
            Cond::All(vec![not(&Cond::Row(attr, RowTest::Terms(vec![1]))), readable]),
            Cond::Row(list, RowTest::ReferenceNamed(TextTest::containing("two"))),
            Cond::ReferredFrom(vec![entity.id]),
            Cond::ReferredBy(vec![one.id]),
        ] {
            let by_value = search::Order::Value { attr_id: attr.id, by: Valued::IndexedText, descending: true };
            for order in [search::Order::Name, search::Order::NameDescending, by_value] {
                let found = |db: &mut Db| {
                    let search = Search::new(db, entity.id, cond.clone(), order.clone(), Cond::Always)?;
                    assert!(search.total() > 0, "{cond:?}");
                    search.page(db, 0, 10)
                };
                for plan in plans(db, found) {
                    let scans = plan.lines().skip(1).any(|step| is_scan(&plan, step));
                    assert!(!scans, "{cond:?}\n{plan}");
                }
            }
        }
        let everywhere = Everywhere { entity_ids: vec![entity.id], viewer: Viewer::Roles(vec![1]), texts: vec![vec![text]], most: 20 };
        looked_up_by(db, "", |db| everywhere.exactly_named(db, "one"));
        looked_up_by(db, "", |db| everywhere.named(db));
        looked_up_by(db, "search_term_entry", |db| search::remove_attrs(db, 1, &[1, 2], &[]));
        looked_up_by(db, "search_ref_entry", |db| search::remove_attrs(db, 1, &[], &[1]));
        looked_up_by(db, "", |db| search::remove(db, 1));
    }
}
