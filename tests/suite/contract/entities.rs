//! Entities: listed, shown, made, changed, deleted. *Source: spec, entity §2.1 to §2.5.*

use super::{close, column, grant, person, role};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use serde_json::{Value, json};

on_both_databases! {
    case_entry_001_a_list_has_eight_keys;
    case_entry_002_only_the_top_level;
    case_entry_004_searching_names;
    case_entry_005_lists_are_by_name;
    case_entry_007_a_bare_entity_has_fourteen_keys;
    case_entry_008_note_and_top_level;
    case_entry_010_referrals_have_names;
    case_entry_013_an_id_is_a_number;
    case_entry_014_reading_needs_a_grant;
    case_entry_022_to_035_what_creation_refuses;
    case_entry_043_to_047_defaults_and_order;
    case_entry_049_073_who_may_not;
    case_entry_050_choices;
    case_entry_052_leaving_the_top_level;
    case_entry_053_what_is_left_out_stays;
    case_entry_055_to_062_what_an_update_refuses;
    case_entry_064_writing_needs_a_grant;
    case_entry_065_attributes_need_grants;
    case_entry_067_another_administrator_may_update;
    case_entry_071_an_entity_with_entries_stays;
    case_entry_076_referrals_are_kept;
    there_are_no_more_than_may_be;
    what_is_above_a_later_limit_can_be_changed;
    many_at_once_are_no_more_than_may_be;
}

const ENTITIES: &str = "/entity/api/v2/";

fn one(id: i64) -> String {
    format!("{ENTITIES}{id}/")
}

fn listed(app: &TestApp, query: &str) -> Vec<Value> {
    column(&app.get(&format!("{ENTITIES}{query}")).expect(200).json()["results"], "name")
}

fn detail(app: &TestApp, id: i64) -> Value {
    app.get(&one(id)).expect(200).json()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn case_entry_001_a_list_has_eight_keys(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    app.entity(json!({"name": "b"}));
    app.entity(json!({"name": "a"}));
    let list = app.get(ENTITIES).expect(200).json();
    assert_eq!((&list["count"], &list["next"], &list["previous"]), (&json!(2), &json!(null), &json!(null)));
    assert_eq!(column(&list["results"], "name"), ["a", "b"]);
    let row = &list["results"][0];
    let expected = json!({"id": row["id"], "name": "a", "note": "", "item_name_pattern": "", "item_name_type": "US",
        "status": 0, "is_toplevel": false, "permission": 8});
    assert_eq!(*row, expected);
}

fn case_entry_002_only_the_top_level(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    app.entity(json!({"name": "top", "is_toplevel": true}));
    app.entity(json!({"name": "other"}));
    for yes in ["true", "Y", "yes", "T", "on", "1"] {
        assert_eq!(listed(&app, &format!("?is_toplevel={yes}")), ["top"], "{yes}");
    }
    for no in ["n", "NO", "f", "false", "off", "0"] {
        assert_eq!(listed(&app, &format!("?is_toplevel={no}")), ["other"], "{no}");
    }
    for wrong in ["", "2", "maybe"] {
        let answer = app.get(&format!("{ENTITIES}?is_toplevel={wrong}")).expect(400).json();
        assert_eq!(answer[0]["code"], "AE-250000", "{wrong}");
    }
}

fn case_entry_004_searching_names(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    app.entity(json!({"name": "ref_entity"}));
    app.entity(json!({"name": "other"}));
    for query in ["ref", "REF", "ref%20ENT", "entity,ref"] {
        assert_eq!(listed(&app, &format!("?search={query}")), ["ref_entity"], "{query}");
    }
    assert!(listed(&app, "?search=ref,other").is_empty());
}

fn case_entry_005_lists_are_by_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for name in ["ref2", "REF1", "ref1", "_x"] {
        app.entity(json!({"name": name}));
    }
    let by_name = ["_x", "ref1", "REF1", "ref2"];
    assert_eq!(listed(&app, ""), by_name);
    assert_eq!(listed(&app, "?ordering=nonsense"), by_name);
    assert_eq!(listed(&app, "?ordering=-name"), ["ref2", "REF1", "ref1", "_x"]);
    assert_eq!(listed(&app, "?ordering=nonsense,id"), ["ref2", "REF1", "ref1", "_x"]);
    let page = app.get(&format!("{ENTITIES}?limit=1&offset=9")).expect(200).json();
    assert_eq!((&page["count"], &page["results"]), (&json!(4), &json!([])));
}

fn case_entry_007_a_bare_entity_has_fourteen_keys(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    let expected = json!({"id": id, "name": "e", "note": "", "item_name_pattern": "", "item_name_type": "US",
        "status": 0, "is_toplevel": false, "attrs": [], "webhooks": [], "isolation_rules": [], "is_public": true,
        "has_ongoing_changes": false, "permission": 8, "delete_chain_exclude_entities": []});
    assert_eq!(detail(&app, id), expected);
}

fn case_entry_008_note_and_top_level(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": 123}));
    let (id, _) = app.entity(
        json!({"name": " e ", "note": "n", "is_toplevel": "yes", "delete_chain_exclude_entities": [other, 9999]}),
    );
    let detail = detail(&app, id);
    assert_eq!((&detail["name"], &detail["note"]), (&json!("e"), &json!("n")));
    assert_eq!((&detail["is_toplevel"], &detail["status"]), (&json!(true), &json!(1)));
    assert_eq!(detail["delete_chain_exclude_entities"], json!([{"id": other, "name": "123"}]));
}

fn case_entry_010_referrals_have_names(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let (id, _) = app.entity(json!({"name": "e", "attrs": [{"name": "late", "type": 2, "index": 5},
        {"name": "o", "type": 1, "referral": [other], "index": -1}]}));
    let detail = detail(&app, id);
    assert_eq!(column(&detail["attrs"], "name"), ["o", "late"]);
    let attr = &detail["attrs"][0];
    assert_eq!(attr["referral"], json!([{"id": other, "name": "other"}]));
    let expected = [
        "choices",
        "choices_in_use",
        "default_value",
        "display_attr",
        "id",
        "index",
        "is_delete_in_chain",
        "is_mandatory",
        "is_summarized",
        "is_writable",
        "name",
        "name_order",
        "name_postfix",
        "name_prefix",
        "note",
        "referral",
        "type",
    ];
    assert_eq!(keys(attr), expected);
}

fn case_entry_013_an_id_is_a_number(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    app.get("/entity/api/v2/abc/").expect(404);
    let (gone, _) = app.entity(json!({"name": "gone"}));
    app.delete(&one(gone)).expect(202);
    for id in [9999, gone] {
        for answer in [app.get(&one(id)), app.put(&one(id), json!({})), app.delete(&one(id))] {
            assert_eq!(answer.expect(404).codes(), ["AE-230000"]);
        }
    }
}

fn case_entry_014_reading_needs_a_grant(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let (id, _) = app.entity(json!({"name": "e"}));
    close(&app, id);
    let see = || app.with_token(&token, "GET", &one(id), None);
    assert_eq!(see().expect(403).codes(), ["AE-210000"]);
    let role = role(&app, "r", &json!({"users": [guest]}));
    grant(&app, id, role, 2);
    assert_eq!(see().expect(200).json()["permission"], 2);
}

#[track_caller]
fn refused(answer: &Answer, codes: &[&str]) {
    assert_eq!((answer.status, answer.codes()), (400, codes.iter().map(|code| (*code).to_owned()).collect()));
}

fn case_entry_022_to_035_what_creation_refuses(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    app.entity(json!({"name": "taken"}));
    let (long, longer) = ("x".repeat(200), "x".repeat(201));
    for (body, codes) in [
        (json!({}), vec!["name AE-113000"]),
        (json!([]), vec!["non_field_errors AE-121000"]),
        (json!({"name": null}), vec!["name AE-999999"]),
        (json!({"name": " "}), vec!["name AE-999999"]),
        (json!({"name": true}), vec!["name AE-121000"]),
        (json!({"name": ["x"]}), vec!["name AE-121000"]),
        (json!({"name": longer}), vec!["name AE-122000"]),
        (json!({"name": "taken"}), vec!["name AE-220000"]),
        (json!({"name": "e", "item_name_type": "XX"}), vec!["item_name_type AE-999999"]),
        (json!({"name": "e", "note": ["x"]}), vec!["note AE-121000"]),
        (
            json!({"name": "e", "note": longer, "is_toplevel": "hoge"}),
            vec!["is_toplevel AE-121000", "note AE-122000"],
        ),
        (
            json!({"name": "e", "note": null, "is_toplevel": null}),
            vec!["is_toplevel AE-999999", "note AE-999999"],
        ),
        (json!({"name": "e", "item_name_pattern": "("}), vec!["item_name_pattern AE-121000"]),
        (json!({"name": "e", "attrs": "hoge"}), vec!["attrs AE-121000"]),
        (json!({"name": "e", "attrs": ["hoge"]}), vec!["attrs.0.non_field_errors AE-121000"]),
        (json!({"name": "e", "attrs": [{}]}), vec!["attrs.0.name AE-113000", "attrs.0.type AE-113000"]),
    ] {
        refused(&app.post(ENTITIES, body), &codes);
    }
    let (name, kind) = ("attrs.1.name", "attrs.1.type");
    for (attr, codes) in [
        (json!({"name": ["x"], "type": 2}), vec![format!("{name} AE-121000")]),
        (json!({"name": longer, "type": 2}), vec![format!("{name} AE-122000")]),
        (json!({"name": null, "type": null}), vec![format!("{name} AE-999999"), format!("{kind} AE-999999")]),
        (json!({"name": "", "type": "hoge"}), vec![format!("{name} AE-999999"), format!("{kind} AE-121000")]),
        (json!({"name": "b", "type": 9999}), vec![format!("{kind} AE-230000")]),
        (json!({"name": "b", "type": 2057}), vec![format!("{kind} AE-230000")]),
        (json!({"name": "b", "type": 2, "index": "hoge"}), vec!["attrs.1.index AE-121000".to_owned()]),
        (
            json!({"name": "b", "type": 2, "index": 4_294_967_296_i64}),
            vec!["attrs.1.index AE-122000".to_owned()],
        ),
        (
            json!({"name": "b", "type": 2, "index": -4_294_967_296_i64}),
            vec!["attrs.1.index AE-999999".to_owned()],
        ),
        (
            json!({"name": "b", "type": 2, "is_mandatory": "x"}),
            vec!["attrs.1.is_mandatory AE-121000".to_owned()],
        ),
        (json!({"name": "b", "type": 1, "referral": "hoge"}), vec!["attrs.1.referral AE-121000".to_owned()]),
        (
            json!({"name": "b", "type": 1, "referral": ["hoge"]}),
            vec!["attrs.1.referral AE-121000".to_owned()],
        ),
        (json!({"name": "b", "type": 1, "referral": [9999]}), vec!["attrs.1.referral AE-230000".to_owned()]),
        (json!({"name": "a", "type": 2}), vec!["attrs AE-220000".to_owned()]),
    ] {
        let answer = app.post(ENTITIES, json!({"name": "e", "attrs": [{"name": "a", "type": 2}, attr]}));
        refused(&answer, &codes.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // Of all types only those that refer to entries need to know to which. *Case 35.*
    let types = [2, 1, 2049, 4, 8, 32, 1026, 1025, 3073, 256];
    let attrs: Vec<Value> =
        types.iter().map(|kind| json!({"name": format!("{kind}"), "type": kind, "referral": []})).collect();
    let bad = [1, 2, 7, 8].map(|at| format!("attrs.{at}.non_field_errors AE-113000"));
    refused(&app.post(ENTITIES, json!({"name": "e", "attrs": attrs})), &bad.each_ref().map(String::as_str));
    assert_eq!(listed(&app, ""), ["taken"]);
    app.entity(json!({"name": long}));
}

fn case_entry_043_to_047_defaults_and_order(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let attr = |name: &str, kind: i32, default: Value| json!({"name": name, "type": kind, "referral": [other], "default_value": default});
    let given = [
        ("s", 2, json!("x")),
        ("t", 4, json!("y")),
        ("b", 8, json!(false)),
        ("n", 256, json!(1.5)),
        ("o", 1, json!(7)),
    ];
    let attrs: Vec<Value> =
        given.iter().map(|(name, kind, default)| attr(name, *kind, default.clone())).collect();
    let (id, _) = app.entity(json!({"name": "e", "attrs": attrs}));
    let shown = column(&detail(&app, id)["attrs"], "default_value");
    assert_eq!(shown, [json!("x"), json!("y"), json!(false), json!(1.5), json!(null)]);
    for (kind, default) in [
        (2, json!(1)),
        (4, json!(true)),
        (8, json!("true")),
        (8, json!(0)),
        (256, json!("1")),
        (256, json!(true)),
    ] {
        let answer = app.post(ENTITIES, json!({"name": "f", "attrs": [attr("a", kind, default)]}));
        refused(&answer, &["attrs.0.non_field_errors AE-121000"]);
    }
    for (kind, allowed) in
        [(2, true), (1, true), (256, true), (4, false), (8, false), (1026, false), (2049, false)]
    {
        let body = json!({"name": format!("o{kind}"), "attrs": [{"name": "a", "type": kind, "referral": [other], "name_order": 1}]});
        let answer = app.post(ENTITIES, body);
        if allowed {
            drop(answer.expect(202))
        } else {
            refused(&answer, &["attrs.0.non_field_errors AE-121000"])
        }
    }
}

fn case_entry_049_073_who_may_not(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    let (_, reader) = app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    for (method, path, body) in [
        ("POST", ENTITIES.to_owned(), Some(json!({}))),
        ("PUT", one(id), Some(json!({}))),
        ("DELETE", one(id), None),
    ] {
        let answer = app.with_token(&reader, method, &path, body.as_ref()).expect(403);
        assert_eq!(answer.codes(), ["AE-210000"], "{method}");
    }
    app.with_token(&reader, "GET", &one(id), None).expect(200);
}

fn case_entry_050_choices(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let same = json!([{"label": "a"}, {"label": "a"}]);
    for choices in [json!(null), json!([]), same, json!([{"value": "1"}]), json!(["a"])] {
        let body = json!({"name": "e", "attrs": [{"name": "c", "type": 512, "choices": choices}]});
        refused(&app.post(ENTITIES, body), &["attrs.0.non_field_errors AE-121000"]);
    }
    let choices = json!([{"label": "a"}, {"label": "b", "value": " v "}, {"label": "c", "value": null}]);
    let (id, _) = app.entity(json!({"name": "e", "attrs": [{"name": "c", "type": 512, "choices": choices}]}));
    let shown = detail(&app, id)["attrs"][0]["choices"].clone();
    assert_eq!(column(&shown, "label"), ["a", "b", "c"]);
    let values = column(&shown, "value");
    assert_eq!(
        (values[0].as_str().unwrap().len(), &values[1], values[2].as_str().unwrap().len()),
        (32, &json!(" v "), 32)
    );
}

fn case_entry_052_leaving_the_top_level(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e", "is_toplevel": true}));
    app.put(&one(id), json!({"is_toplevel": false})).expect(202);
    let detail = detail(&app, id);
    assert_eq!((&detail["status"], &detail["has_ongoing_changes"]), (&json!(0), &json!(false)));
}

fn case_entry_053_what_is_left_out_stays(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let (id, attrs) = app.entity(json!({"name": "e", "note": "n", "is_toplevel": true, "item_name_pattern": "^x",
        "delete_chain_exclude_entities": [other], "attrs": [{"name": "s", "type": 2, "index": 4, "is_mandatory": true,
            "note": "m", "default_value": "d", "name_order": 2, "name_prefix": " [", "name_postfix": "] "}]}));
    let mut before = detail(&app, id);
    let answer = app.put(&one(id), json!({"name": "f", "attrs": [{"id": attrs["s"]}]})).expect(202);
    assert_eq!(answer.body, "");
    before["name"] = json!("f");
    assert_eq!(detail(&app, id), before);
    app.put(&one(id), json!({"attrs": [{"id": attrs["s"], "default_value": null}]})).expect(202);
    assert_eq!(detail(&app, id)["attrs"][0]["default_value"], json!(null));
}

fn case_entry_055_to_062_what_an_update_refuses(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, foreign) = app.entity(json!({"name": "taken", "attrs": [{"name": "f", "type": 2}]}));
    let (id, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "x", "type": 2}, {"name": "y", "type": 2}]}));
    let (x, y) = (attrs["x"], attrs["y"]);
    for (body, codes) in [
        (json!({"name": "taken"}), vec!["name AE-220000"]),
        (json!({"attrs": [{}]}), vec!["attrs.0.non_field_errors AE-113000"]),
        (json!({"attrs": [{"name": "z"}]}), vec!["attrs.0.non_field_errors AE-113000"]),
        (json!({"attrs": [{"name": "x", "type": 2}]}), vec!["attrs AE-220000"]),
        (json!({"attrs": [{"id": x, "name": "y"}]}), vec!["attrs AE-220000"]),
        (json!({"attrs": [{"id": x, "type": 4}]}), vec!["attrs.0.non_field_errors AE-121000"]),
        (json!({"attrs": [{"id": 9999}]}), vec!["attrs.0.id AE-230000"]),
        (json!({"attrs": [{"id": foreign["f"]}]}), vec!["attrs.0.id AE-230000"]),
        (json!({"attrs": [{"id": x, "is_deleted": "hoge"}]}), vec!["attrs.0.is_deleted AE-121000"]),
    ] {
        refused(&app.put(&one(id), body), &codes);
    }
    app.put(
        &one(id),
        json!({"name": "e", "attrs": [{"id": x, "is_deleted": true}, {"name": "x", "type": 4}]}),
    )
    .expect(202);
    let now = detail(&app, id)["attrs"].clone();
    assert_eq!(column(&now, "name"), ["y", "x"]);
    // Names can be swapped.
    let new = now[1]["id"].clone();
    app.put(&one(id), json!({"attrs": [{"id": y, "name": "x"}, {"id": new, "name": "y"}]})).expect(202);
    assert_eq!(column(&detail(&app, id)["attrs"], "name"), ["x", "y"]);
    refused(&app.put(&one(id), json!({"attrs": [{"id": x}]})), &["attrs.0.id AE-230000"]);
}

fn case_entry_064_writing_needs_a_grant(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let (id, _) = app.entity(json!({"name": "e"}));
    close(&app, id);
    let write = || app.with_token(&token, "PUT", &one(id), Some(&json!({})));
    assert_eq!(write().expect(403).codes(), ["AE-210000"]);
    let role = role(&app, "r", &json!({"users": [guest]}));
    grant(&app, id, role, 2);
    assert_eq!(write().expect(403).codes(), ["AE-210000"]);
    grant(&app, id, role, 4);
    write().expect(202);
    // Deleting it needs more.
    assert_eq!(app.with_token(&token, "DELETE", &one(id), None).expect(403).codes(), ["AE-210000"]);
    grant(&app, id, role, 8);
    app.with_token(&token, "DELETE", &one(id), None).expect(202);
}

fn case_entry_065_attributes_need_grants(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let (id, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}]}));
    let attr = attrs["a"];
    close(&app, attr);
    let put = |attr: Value| app.with_token(&token, "PUT", &one(id), Some(&json!({"attrs": [attr]})));
    assert_eq!(put(json!({"id": attr})).expect(403).codes(), ["AE-210000"]);
    let role = role(&app, "r", &json!({"users": [guest]}));
    grant(&app, attr, role, 4);
    put(json!({"id": attr})).expect(202);
    assert_eq!(put(json!({"id": attr, "is_deleted": true})).expect(403).codes(), ["AE-210000"]);
    grant(&app, attr, role, 8);
    put(json!({"id": attr, "is_deleted": true})).expect(202);
}

fn case_entry_067_another_administrator_may_update(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    close(&app, id);
    let (_, other) = app.user(|user| {
        "other".clone_into(&mut user.username);
        user.is_superuser = true;
    });
    app.with_token(&other, "PUT", &one(id), Some(&json!({"note": "n"}))).expect(202);
    assert_eq!(detail(&app, id)["note"], "n");
}

fn case_entry_071_an_entity_with_entries_stays(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(id, json!({"name": "x"}));
    assert_eq!(app.delete(&one(id)).expect(400).json()[0]["code"], "AE-240000");
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    assert_eq!(app.delete(&one(id)).expect(202).body, "");
    app.get(&one(id)).expect(404);
}

fn case_entry_076_referrals_are_kept(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let (id, attrs) = app
        .entity(json!({"name": "e", "attrs": [{"name": "o", "type": 1, "referral": [other]},
        {"name": "p", "type": 3081, "referral": [other]}]}));
    app.put(&one(id), json!({"attrs": [{"id": attrs["o"], "note": "n"}, {"id": attrs["p"], "type": 3081}]}))
        .expect(202);
    for attr in detail(&app, id)["attrs"].as_array().unwrap() {
        assert_eq!(attr["referral"], json!([{"id": other, "name": "other"}]));
    }
}

fn limited(database: Database) -> Option<TestApp> {
    let limits = |config: &mut Config| {
        (config.limits.max_entities, config.limits.max_attributes) = (Some(3), Some(1));
    };
    TestApp::with(database, Contributions::default(), limits)
}

fn there_are_no_more_than_may_be(database: Database) {
    let Some(app) = limited(database) else { return };
    let (id, attrs) = app.entity(json!({"name": "a", "attrs": [{"name": "s", "type": 2}]}));
    let two = json!([{"name": "s", "type": 2}, {"name": "t", "type": 2}]);
    refused(&app.post(ENTITIES, json!({"name": "b", "attrs": two})), &["attrs AE-122000"]);
    refused(&app.put(&one(id), json!({"attrs": [{"name": "t", "type": 2}]})), &["attrs AE-122000"]);
    let instead = json!({"attrs": [{"id": attrs["s"], "is_deleted": true}, {"name": "t", "type": 2}]});
    app.put(&one(id), instead).expect(202);
    app.entity(json!({"name": "b"}));
    let (gone, _) = app.entity(json!({"name": "c"}));
    app.delete(&one(gone)).expect(202);
    // Deleted ones count; what is wrong with fields is said first.
    refused(&app.post(ENTITIES, json!({"name": "d"})), &["non_field_errors AE-122000"]);
    refused(&app.post(ENTITIES, json!({"name": "a"})), &["name AE-220000"]);
    assert_eq!(listed(&app, ""), ["a", "b"]);
}

/// A later limit hinders what would make it worse, and nothing else.
fn what_is_above_a_later_limit_can_be_changed(database: Database) {
    let mut url = None;
    let keep = |config: &mut Config| url = Some(config.database_url.clone());
    let Some(app) = TestApp::with(database, Contributions::default(), keep) else { return };
    let two = json!([{"name": "s", "type": 2}, {"name": "t", "type": 2}]);
    let (id, attrs) = app.entity(json!({"name": "a", "attrs": two}));
    let _directory = app.stop();
    let lower = |config: &mut Config| {
        config.limits.max_attributes = Some(1);
        config.database_url = url.unwrap();
    };
    let app = TestApp::with(database, Contributions::default(), lower).unwrap();
    app.put(&one(id), json!({"name": "b", "attrs": [{"id": attrs["s"], "note": "n"}]})).expect(202);
    refused(&app.put(&one(id), json!({"attrs": [{"name": "u", "type": 2}]})), &["attrs AE-122000"]);
    let instead = json!({"attrs": [{"id": attrs["s"], "is_deleted": true}, {"name": "u", "type": 2}]});
    app.put(&one(id), instead).expect(202);
}

fn many_at_once_are_no_more_than_may_be(database: Database) {
    let Some(app) = limited(database) else { return };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let app = &app;
        let ask = move |n: i32| app.post(ENTITIES, json!({"name": format!("n{n}")})).status;
        let asked: Vec<_> = (0..8).map(|n| scope.spawn(move || ask(n))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 3, "{statuses:?}");
    assert_eq!(listed(&app, "").len(), 3);
}
