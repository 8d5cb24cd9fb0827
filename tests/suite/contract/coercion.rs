//! Numbers, flags and lists in bodies: what is taken for what. *Source: spec, entity §0.2 and §0.3.*

use super::{ADMIN, acl_path, column, group, role, send_yaml};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    floats_without_a_fraction_are_integers;
    integers_have_limits;
    flags_are_words_of_a_list;
    null_is_no_element_of_a_list;
    null_is_no_row_of_a_file;
}

const ENTITIES: &str = "/entity/api/v2/";
const GROUPS: &str = "/group/api/v2/groups";
const CATEGORIES: &str = "/category/api/v2/";

/// An id as a JSON number with a point: `7.0`.
fn float(id: i64) -> Value {
    let value: Value = serde_json::from_str(&format!("{id}.0")).unwrap();
    assert!(value.is_f64());
    value
}

fn floats_without_a_fraction_are_integers(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (excluded, _) = app.entity(json!({"name": "excluded"}));
    let (entity, attrs) = app.entity(json!({
        "name": "e", "delete_chain_exclude_entities": [float(excluded)],
        "attrs": [{"name": "s", "type": 2.0, "index": 3.0, "name_order": 1.0}],
    }));
    let detail = app.get(&format!("{ENTITIES}{entity}/")).expect(200).json();
    assert_eq!(column(&detail["delete_chain_exclude_entities"], "id"), [excluded]);
    let attr = &detail["attrs"][0];
    assert_eq!((&attr["type"], &attr["index"], &attr["name_order"]), (&json!(2), &json!(3), &json!(1)));

    let value = |text: &str| json!([{"id": float(attrs["s"]), "value": text}]);
    let entry = app.entry(entity, json!({"name": "x", "attrs": value("a")}));
    assert_eq!(app.value(entry, "s"), json!({"as_string": "a"}));
    std::thread::sleep(std::time::Duration::from_millis(2));
    let at = pagoda_plugin_sdk::time::Timestamp::now().utc_iso();
    std::thread::sleep(std::time::Duration::from_millis(2));
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": value("b")})).expect(202);
    app.post("/entry/api/v2/rollback/", json!({"targets": [float(entry)], "at": at})).expect(200);
    assert_eq!(app.value(entry, "s"), json!({"as_string": "a"}));

    let parent = group(&app, "parent", None, &[]);
    let body = json!({"name": "child", "parent_group": float(parent), "members": [float(ADMIN)]});
    let child = app.post(GROUPS, body).expect(201).json()["id"].clone();
    let child = app.get(&format!("{GROUPS}/{child}")).expect(200).json();
    assert_eq!(
        (&child["parent_group"], column(&child["members"], "id")),
        (&json!(parent), vec![json!(ADMIN)])
    );
    let models = json!([{"id": float(entity), "name": "e"}]);
    let category = app.post(CATEGORIES, json!({"name": "c", "priority": 1.0, "models": models})).expect(201);
    let category = category.json();
    assert_eq!((&category["priority"], column(&category["models"], "id")), (&json!(1), vec![json!(entity)]));
    let reader = role(&app, "reader", &json!({}));
    let body =
        json!({"default_permission": 2.0, "acl_settings": [{"member_id": float(reader), "value": 4.0}]});
    let acl = app.put(&acl_path(entity), body).expect(200).json();
    assert_eq!((&acl["default_permission"], &acl["roles"][0]["current_permission"]), (&json!(2), &json!(4)));

    for wrong in [json!(1.5), json!("1.0"), json!("1e0"), json!(true), json!([1]), json!("")] {
        let body = json!({"name": "f", "attrs": [{"name": "s", "type": 2, "index": wrong}]});
        assert_eq!(app.post(ENTITIES, body).expect(400).codes(), ["attrs.0.index AE-121000"], "{wrong}");
    }
}

fn integers_have_limits(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("{ENTITIES}{entity}/");
    let put = |index: &Value| app.put(&path, json!({"attrs": [{"id": attrs["s"], "index": index}]}));
    for (sent, stored) in [
        (json!(2_147_483_647), 2_147_483_647_i64),
        (json!(-2_147_483_648_i64), -2_147_483_648),
        (json!("2147483647"), 2_147_483_647),
        (json!(" -2147483648 "), -2_147_483_648),
        (json!("+7"), 7),
    ] {
        put(&sent).expect(202);
        assert_eq!(app.get(&path).json()["attrs"][0]["index"], stored, "{sent}");
    }
    for (sent, code) in [
        (json!(2_147_483_648_i64), "AE-122000"),
        (json!(-2_147_483_649_i64), "AE-999999"),
        (json!("2147483648"), "AE-122000"),
        (json!("-2147483649"), "AE-999999"),
        (json!("99999999999999999999"), "AE-122000"),
        (json!("-99999999999999999999"), "AE-999999"),
        (json!(u64::MAX), "AE-122000"),
        (json!(1e30), "AE-122000"),
        (json!(-1e30), "AE-999999"),
    ] {
        assert_eq!(put(&sent).expect(400).codes(), [format!("attrs.0.index {code}")], "{sent}");
    }
}

fn flags_are_words_of_a_list(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("{ENTITIES}{entity}/");
    let put = |flag: &Value| {
        app.put(&path, json!({"is_toplevel": flag, "attrs": [{"id": attrs["s"], "is_mandatory": flag}]}))
    };
    for (yes, no) in [
        (json!(true), json!(false)),
        (json!("true"), json!("false")),
        (json!("t"), json!("f")),
        (json!("yes"), json!("no")),
        (json!("on"), json!("off")),
        (json!(1), json!(0)),
        (json!("1"), json!("0")),
    ] {
        for (flag, expected) in [(yes, true), (no, false)] {
            put(&flag).expect(202);
            let detail = app.get(&path).json();
            assert_eq!(
                (&detail["is_toplevel"], &detail["attrs"][0]["is_mandatory"]),
                (&json!(expected), &json!(expected)),
                "{flag}"
            );
        }
    }
    for wrong in [json!("y"), json!("n"), json!("Y"), json!(""), json!(2), json!("2"), json!([]), json!({})] {
        let expected = ["attrs.0.is_mandatory AE-121000", "is_toplevel AE-121000"];
        assert_eq!(put(&wrong).expect(400).codes(), expected, "{wrong}");
    }
}

fn null_is_no_element_of_a_list(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "x"}));
    let (of_entity, of_entry) = (format!("{ENTITIES}{entity}/"), format!("/entry/api/v2/{entry}/"));
    let entries = format!("{of_entity}entries/");
    let with = |key: &str, value: Value| json!({"name": "new", key: value});
    let rule = json!([{"conditions": [null], "action": {}}]);
    let headers = json!([{"url": "http://a/", "headers": [null]}]);
    let bulk = json!({
        "modelid": entity, "value": {"id": attrs["s"], "value": "y"}, "attrinfo": [null],
    });
    let send = |method: &str, path: &str, body: &Value| -> Answer {
        app.with_token(&app.token, method, path, Some(body))
    };
    for (method, path, body, place) in [
        ("POST", ENTITIES, with("attrs", json!([null])), "attrs.0."),
        ("PUT", &of_entity, with("attrs", json!([null])), "attrs.0."),
        ("POST", ENTITIES, with("webhooks", json!([null])), "webhooks."),
        ("PUT", &of_entity, with("webhooks", json!([null])), "webhooks."),
        ("PUT", &of_entity, with("webhooks", headers), "webhooks.headers.0."),
        ("POST", ENTITIES, with("isolation_rules", json!([null])), "isolation_rules."),
        ("PUT", &of_entity, with("isolation_rules", rule), "isolation_rules.conditions."),
        ("PUT", &acl_path(entity), json!({"acl_settings": [null]}), "acl_settings."),
        ("POST", CATEGORIES, with("models", json!([null])), "models."),
        ("POST", &entries, with("attrs", json!([null])), "attrs.0."),
        ("PUT", &of_entry, with("attrs", json!([null])), "attrs.0."),
        ("PUT", "/entry/api/v2/bulk/", bulk, "attrinfo."),
        ("POST", "/entry/api/v2/alias/bulk/", json!([null]), ""),
    ] {
        let answer = send(method, path, &body).expect(400);
        assert_eq!(answer.codes(), [format!("{place}non_field_errors AE-121000")], "{method} {path} {body}");
    }
}

fn null_is_no_row_of_a_file(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for area in ["/group/api/v2/groups/", "/role/api/v2/"] {
        let answer = send_yaml(&app, &app.token, &format!("{area}import"), "- \n- ~\n").expect(400);
        let bad = json!({"non_field_errors": "AE-121000"});
        let told: Vec<Value> = answer
            .json()
            .as_array()
            .unwrap_or_else(|| panic!("no list: {}", answer.body))
            .iter()
            .map(|row| json!({"non_field_errors": row["non_field_errors"][0]["code"]}))
            .collect();
        assert_eq!(told, [bad.clone(), bad], "{area}");
    }
}
