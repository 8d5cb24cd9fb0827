//! Cases D: groups.

use super::{acl_path, close, column, grant, group, permission, person, role, send_yaml};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::{group as groups, role as roles};
use pagoda_core::store::queries::group as store;
use serde_json::{Value, json};

on_both_databases! {
    case_platform_070_listing_costs_the_same_for_few_and_many;
    case_platform_071_a_group_shows_its_members;
    case_platform_073_import_and_export;
    case_platform_074_the_tree_is_ordered_by_name;
    case_platform_076_members_of_a_leaf_have_what_the_root_has;
    case_platform_077_a_deleted_group_hands_its_children_up;
    case_platform_079_members_of_a_deleted_leaf_belong_to_nothing;
    case_platform_080_a_cycle_ends;
    pages_searches_and_orders;
    writing_is_for_administrators;
    writing_reports_what_is_wrong;
    a_change_is_a_full_replacement;
    cycles_are_refused;
    imports_stop_at_the_first_bad_row;
    exports_are_yaml_and_their_errors_json;
    groups_have_a_limit;
    groups_are_listed_by_the_group_above;
}

const GROUPS: &str = "/group/api/v2/groups";

fn one(id: i64) -> String {
    format!("{GROUPS}/{id}")
}

/// Names of the groups of a user, directly and through groups below them.
fn groups_of(app: &TestApp, user: i64) -> Vec<String> {
    let runner = Runner::of_server(&app.host, None);
    let found = runner.run_blocking(Mode::Read, |op| groups::of_user(op, user)).unwrap();
    found.into_iter().map(|group| group.name).collect()
}

fn case_platform_070_listing_costs_the_same_for_few_and_many(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let cost = |app: &TestApp| {
        let filter = store::GroupFilter { limit: 30, ..store::GroupFilter::default() };
        let runner = Runner::of_server(&app.host, None);
        runner
            .run_blocking(Mode::Read, |op| {
                let before = op.db.statements;
                groups::list(op, &filter)?;
                Ok(op.db.statements - before)
            })
            .unwrap()
    };
    let users: Vec<i64> = (0..4).map(|n| person(&app, &format!("u{n}")).0).collect();
    for n in 0..3 {
        group(&app, &format!("g{n}"), None, &users);
    }
    assert_eq!(cost(&app), 3);
    for n in 3..12 {
        group(&app, &format!("g{n}"), None, &users);
    }
    assert_eq!(cost(&app), 3);
}

fn case_platform_071_a_group_shows_its_members(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let ids = ["b", "A", "c"].map(|name| person(&app, name).0);
    let (gone, _) = app.user(|user| {
        "gone".clone_into(&mut user.username);
        user.is_active = false;
    });
    let members = [ids[0], ids[1], ids[2], gone];
    let id = group(&app, "g", None, &members);
    let shown = app.get(&one(id)).expect(200).json();
    let expected = json!({"id": id, "name": "g", "parent_group": null, "members": [
        {"id": ids[1], "username": "A"}, {"id": ids[0], "username": "b"}, {"id": ids[2], "username": "c"},
    ]});
    assert_eq!(shown, expected);
    assert_eq!(app.get(GROUPS).json()["results"][0], expected);
}

fn case_platform_073_import_and_export(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let known = group(&app, "known", None, &[]);
    let body = format!("- name: one\n- id: {known}\n  name: renamed\n- name: 'yes'\n- name: one\n");
    let answer = send_yaml(&app, &app.token, &format!("{GROUPS}/import"), &body).expect(200);
    assert_eq!(answer.body, "");
    let exported = app.get(&format!("{GROUPS}/export")).expect(200);
    assert_eq!(exported.header("content-type"), Some("application/yaml; charset=utf-8"));
    let expected = format!(
        "- id: {known}\n  name: renamed\n- id: {}\n  name: one\n- id: {}\n  name: 'yes'\n",
        known + 1,
        known + 2
    );
    assert_eq!(exported.body, expected);
}

fn case_platform_074_the_tree_is_ordered_by_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let [b, _, _] = ["b", "a", "c"].map(|name| group(&app, name, None, &[]));
    let below = group(&app, "y", Some(b), &[]);
    group(&app, "x", Some(b), &[]);
    group(&app, "leaf", Some(below), &[]);
    let tree = app.get(&format!("{GROUPS}/tree")).expect(200).json();
    assert_eq!(column(&tree, "name"), ["a", "b", "c"]);
    assert_eq!(column(&tree[1]["children"], "name"), ["x", "y"]);
    assert_eq!(tree[1]["children"][1]["children"][0]["name"], "leaf");
    assert_eq!(tree[0]["children"], json!([]));
    let reversed = app.get(&format!("{GROUPS}/tree?ordering=-name")).json();
    assert_eq!(column(&reversed, "name"), ["c", "b", "a"]);
    for (ordering, names) in [
        ("id", ["b", "a", "c"]),
        ("-id", ["c", "a", "b"]),
        ("name", ["a", "b", "c"]),
        ("nonsense,-name", ["c", "b", "a"]),
        ("parent_group", ["b", "a", "c"]),
        ("parent_group,-name", ["c", "b", "a"]),
    ] {
        let tree = app.get(&format!("{GROUPS}/tree?ordering={ordering}")).json();
        assert_eq!(column(&tree, "name"), names, "{ordering}");
        let [b] = tree.as_array().unwrap().iter().filter(|top| top["name"] == "b").collect::<Vec<_>>()[..]
        else {
            panic!("{tree}")
        };
        assert_eq!(column(&b["children"], "name"), ["x", "y"], "those below are ordered by name");
    }
    let searched = app.get(&format!("{GROUPS}/tree?search=B")).json();
    assert_eq!(column(&searched, "name"), ["b"]);
    assert_eq!(searched[0]["children"].as_array().unwrap().len(), 2, "only the top is searched");
}

/// root ← mid ← leaf, with a member in leaf.
fn line(app: &TestApp) -> ([i64; 3], i64, String) {
    let (member, token) = person(app, "member");
    let root = group(app, "root", None, &[]);
    let mid = group(app, "mid", Some(root), &[]);
    let leaf = group(app, "leaf", Some(mid), &[member]);
    ([root, mid, leaf], member, token)
}

fn case_platform_076_members_of_a_leaf_have_what_the_root_has(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let ([root, _, leaf], member, token) = line(&app);
    let (above, above_token) = person(&app, "above");
    app.put(&one(root), json!({"name": "root", "members": [above]})).expect(200);
    let (entity, _) = app.entity(json!({"name": "e"}));
    close(&app, entity);
    let of_root = role(&app, "of root", &json!({"admin_groups": [root]}));
    grant(&app, entity, of_root, 8);
    assert_eq!(permission(&app, &token, entity), 8);
    assert_eq!(permission(&app, &above_token, entity), 8);
    // Never the other way round.
    grant(&app, entity, of_root, 1);
    let of_leaf = role(&app, "of leaf", &json!({"groups": [leaf]}));
    grant(&app, entity, of_leaf, 4);
    assert_eq!(permission(&app, &token, entity), 4);
    assert_eq!(permission(&app, &above_token, entity), 1);
    assert_eq!(app.with_token(&above_token, "GET", &acl_path(entity), None).status, 403);
    // Where each role comes from.
    let runner = Runner::of_server(&app.host, None);
    let found = runner.run_blocking(Mode::Read, |op| roles::of_user(op, member)).unwrap();
    let found = serde_json::to_value(found).unwrap();
    assert_eq!(
        found,
        json!([
            {"id": of_leaf, "name": "of leaf", "is_direct": false, "is_admin": false, "via_groups": [{"id": leaf, "name": "leaf"}]},
            {"id": of_root, "name": "of root", "is_direct": false, "is_admin": true, "via_groups": [{"id": root, "name": "root"}]},
        ])
    );
}

fn case_platform_077_a_deleted_group_hands_its_children_up(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let ([root, mid, leaf], member, _) = line(&app);
    assert_eq!(groups_of(&app, member), ["leaf", "mid", "root"]);
    app.delete(&one(mid)).expect(204);
    assert_eq!(groups_of(&app, member), ["leaf", "root"]);
    assert_eq!(app.get(&one(leaf)).json()["parent_group"], root);
    assert_eq!(app.get(&one(mid)).expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.get(GROUPS).json()["count"], 2);
    // Its name is free again, twice in one second too.
    let again = group(&app, "mid", None, &[]);
    app.delete(&one(again)).expect(204);
    app.delete(&one(group(&app, "mid", None, &[]))).expect(204);
}

fn case_platform_079_members_of_a_deleted_leaf_belong_to_nothing(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let ([_, _, leaf], member, _) = line(&app);
    app.delete(&one(leaf)).expect(204);
    assert_eq!(groups_of(&app, member), Vec::<String>::new());
}

fn case_platform_080_a_cycle_ends(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (member, token) = person(&app, "member");
    let one_id = group(&app, "one", None, &[member]);
    let two_id = group(&app, "two", Some(one_id), &[]);
    // As the older system could leave it.
    let runner = Runner::of_server(&app.host, None);
    let close_it = |op: &mut pagoda_core::services::ctx::OpCtx| {
        let mut row = store::by_id(&mut op.db, one_id)?.unwrap();
        row.parent_id = Some(two_id);
        Ok(store::update(&mut op.db, &row)?)
    };
    runner.run_blocking(Mode::Write, close_it).unwrap();
    assert_eq!(groups_of(&app, member), ["one", "two"]);
    let (entity, _) = app.entity(json!({"name": "e"}));
    close(&app, entity);
    grant(&app, entity, role(&app, "r", &json!({"groups": [two_id]})), 4);
    assert_eq!(permission(&app, &token, entity), 4);
    assert_eq!(app.get(&format!("{GROUPS}/tree")).expect(200).json(), json!([]));
    app.delete(&one(one_id)).expect(204);
    assert_eq!(app.get(&one(two_id)).expect(200).json()["parent_group"], Value::Null);
}

fn pages_searches_and_orders(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for n in 0..31 {
        group(&app, &format!("g{n:02}"), None, &[]);
    }
    let first = app.get(&format!("{GROUPS}?search=G")).expect(200).json();
    assert_eq!((&first["count"], first["results"].as_array().unwrap().len()), (&json!(31), 30));
    assert!(
        first["next"].as_str().unwrap().ends_with("/group/api/v2/groups?page=2&search=G"),
        "{}",
        first["next"]
    );
    assert_eq!(column(&app.get(&format!("{GROUPS}?page=last")).json()["results"], "name"), ["g30"]);
    assert_eq!(app.get(&format!("{GROUPS}?page=3")).expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.get(&format!("{GROUPS}?ordering=-name")).json()["results"][0]["name"], "g30");
    assert_eq!(app.get(&format!("{GROUPS}?search=g0,7")).json()["count"], 1);
    app.get(&format!("{GROUPS}/")).expect(404);
}

fn writing_is_for_administrators(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "guest");
    let id = group(&app, "g", None, &[]);
    for (method, path) in [("POST", GROUPS.to_owned()), ("PUT", one(id)), ("DELETE", one(id))] {
        // Before the body is looked at, and whether the group is there or not.
        let refused = app.with_token(&token, method, &path, Some(&json!([])));
        assert_eq!(refused.expect(403).codes(), ["AE-210000"]);
    }
    let refused = send_yaml(&app, &token, &format!("{GROUPS}/import"), "- name: [");
    assert_eq!(refused.expect(403).codes(), ["AE-210000"]);
    for path in [GROUPS.to_owned(), one(id), format!("{GROUPS}/tree"), format!("{GROUPS}/export")] {
        app.with_token(&token, "GET", &path, None).expect(200);
    }
    assert_eq!(app.get(GROUPS).json()["count"], 1);
}

fn writing_reports_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let taken = group(&app, "taken", None, &[]);
    let long = "x".repeat(151);
    let cases = [
        (json!({}), vec!["name AE-113000"]),
        (json!({"name": " "}), vec!["name AE-999999"]),
        (json!({"name": null}), vec!["name AE-999999"]),
        (json!({"name": long}), vec!["name AE-122000"]),
        (json!({"name": "taken"}), vec!["name AE-999999"]),
        (json!({"name": "n", "parent_group": 999}), vec!["parent_group AE-230000"]),
        (json!({"name": "n", "parent_group": "x"}), vec!["parent_group AE-121000"]),
        (json!({"name": "n", "members": 1}), vec!["members AE-121000"]),
        (json!({"name": "n", "members": null}), vec!["members AE-999999"]),
        (json!({"name": "n", "members": [1, "x", true]}), vec!["members.1 AE-121000", "members.2 AE-121000"]),
        (json!({"name": "n", "members": ["1", 999]}), vec!["members AE-230000"]),
        (
            json!({"members": "x", "parent_group": []}),
            vec!["members AE-121000", "name AE-113000", "parent_group AE-121000"],
        ),
        (json!([]), vec!["non_field_errors AE-121000"]),
    ];
    for (body, codes) in cases {
        assert_eq!(app.post(GROUPS, body.clone()).expect(400).codes(), codes, "{body}");
    }
    assert_eq!(app.get(GROUPS).json()["count"], 1, "nothing was stored");
    let answer = app.put(&one(taken), json!({"name": "other", "members": [999]})).expect(400);
    assert_eq!(answer.codes(), ["members AE-230000"]);
    assert_eq!(app.get(&one(taken)).json()["name"], "taken");
    assert_eq!(app.put(&one(999), json!([])).expect(404).codes(), ["AE-230000"]);
}

fn a_change_is_a_full_replacement(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (member, _) = person(&app, "member");
    let parent = group(&app, "parent", None, &[]);
    let created =
        app.post(GROUPS, json!({"name": " g ", "parent_group": parent, "members": [member, member]}));
    let created = created.expect(201).json();
    let id = created["id"].as_i64().unwrap();
    assert_eq!(created, json!({"id": id, "name": "g", "parent_group": parent}));
    let same =
        app.put(&one(id), json!({"name": "g", "parent_group": parent.to_string(), "members": [member]}));
    assert_eq!(same.expect(200).json(), created);
    let emptied = app.put(&one(id), json!({"name": "h"})).expect(200).json();
    assert_eq!(emptied, json!({"id": id, "name": "h", "parent_group": null}));
    assert_eq!(app.get(&one(id)).json()["members"], json!([]));
    // A deleted parent is none.
    app.delete(&one(parent)).expect(204);
    let orphan = app.put(&one(id), json!({"name": "h", "parent_group": parent})).expect(200).json();
    assert_eq!(orphan["parent_group"], Value::Null);
}

fn cycles_are_refused(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let ([root, mid, leaf], _, _) = line(&app);
    for parent in [root, mid, leaf] {
        let answer = app.put(&one(root), json!({"name": "root", "parent_group": parent})).expect(400);
        assert_eq!(answer.codes(), ["parent_group AE-250000"]);
    }
    app.put(&one(leaf), json!({"name": "leaf", "parent_group": root})).expect(200);
}

fn imports_stop_at_the_first_bad_row(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    group(&app, "taken", None, &[]);
    let own = group(&app, "own", None, &[]);
    let import = |body: &str| send_yaml(&app, &app.token, &format!("{GROUPS}/import"), body);
    // The form of all rows comes first.
    let answer = import("- name: good\n- {}\n- name: ''\n- name: a\n  id: x\n- 7\n").expect(400).json();
    assert_eq!(answer[0], json!({}));
    let code = |row: usize, field: &str| answer[row][field][0]["code"].clone();
    assert_eq!((code(1, "name"), code(2, "name")), (json!("AE-113000"), json!("AE-999999")));
    assert_eq!((code(3, "id"), code(4, "non_field_errors")), (json!("AE-121000"), json!("AE-121000")));
    assert_eq!(app.get(GROUPS).json()["count"], 2);
    // What is found at its row stops there.
    for bad in [format!("- name: taken\n  id: {own}\n"), "- name: nobody\n  id: 999\n".to_owned()] {
        let answer = import(&format!("- name: before\n{bad}- name: after\n")).expect(400).json();
        assert!(answer.is_string(), "{answer}");
    }
    assert_eq!(column(&app.get(GROUPS).json()["results"], "name"), ["before", "own", "taken"]);
    import("[]").expect(200);
    for (body, code) in
        [("a: 1", "non_field_errors AE-121000"), ("null", "non_field_errors AE-999999"), ("- [", "AE-140000")]
    {
        assert_eq!(import(body).expect(400).codes(), [code], "{body}");
    }
    assert_eq!(app.post(&format!("{GROUPS}/import"), json!([])).expect(415).codes(), ["AE-130000"]);
}

fn exports_are_yaml_and_their_errors_json(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let path = format!("{GROUPS}/export");
    assert_eq!(app.get(&path).expect(200).body, "[]\n");
    assert_eq!(app.request("GET", &path, &[], None).expect(403).codes(), ["AE-000000"]);
    assert_eq!(app.post(&path, json!({})).expect(405).codes(), ["AE-999999"]);
    let json_only = [("Accept", "application/json")];
    assert_eq!(app.request("GET", &path, &json_only, None).expect(406).codes(), ["AE-999999"]);
    let authorization = format!("Token {}", app.token);
    for accept in ["application/yaml", "text/html, application/*;q=0.8"] {
        let headers = [("Accept", accept), ("Authorization", authorization.as_str())];
        app.request("GET", &path, &headers, None).expect(200);
    }
}

fn groups_have_a_limit(database: Database) {
    let limited =
        TestApp::with(database, Contributions::default(), |config| config.limits.max_groups = Some(3));
    let Some(app) = limited else { return };
    let one_of_them = group(&app, "one", None, &[]);
    let gone = group(&app, "gone", None, &[]);
    app.delete(&one(gone)).expect(204);
    // The first row of an import still has room, and stays.
    let import = |body: &str| send_yaml(&app, &app.token, &format!("{GROUPS}/import"), body);
    let refused = import("- name: two\n- name: three\n- name: four\n").expect(400);
    assert_eq!(refused.codes(), ["non_field_errors AE-122000"]);
    assert_eq!(column(&app.get(GROUPS).json()["results"], "name"), ["one", "two"]);
    let refused = app.post(GROUPS, json!({"name": "three"})).expect(400);
    assert_eq!(refused.codes(), ["non_field_errors AE-122000"]);
    // Groups that are there may change.
    app.put(&one(one_of_them), json!({"name": "other"})).expect(200);
    import(&format!("- name: two\n- name: again\n  id: {one_of_them}\n")).expect(200);
}

fn groups_are_listed_by_the_group_above(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let b = group(&app, "b", None, &[]);
    let a = group(&app, "a", None, &[]);
    group(&app, "x", Some(a), &[]);
    group(&app, "z", Some(b), &[]);
    group(&app, "y", Some(b), &[]);
    for (ordering, names) in [
        ("parent_group", ["b", "a", "z", "y", "x"]),
        ("-parent_group", ["x", "z", "y", "b", "a"]),
        ("parent_group,name", ["a", "b", "y", "z", "x"]),
        ("-parent_group,-name", ["x", "z", "y", "b", "a"]),
    ] {
        let list = app.get(&format!("{GROUPS}?ordering={ordering}")).expect(200).json();
        assert_eq!(column(&list["results"], "name"), names, "{ordering}");
    }
}
