//! `/entity/api/v2/`

use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    listing_and_retrieving;
    paging_searching_ordering;
    creation_reports_every_bad_field;
    creation_stores_what_was_sent;
    updates_change_only_what_was_sent;
    updates_report_what_is_wrong;
    deletion;
    permissions;
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn listing_and_retrieving(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (vendor, _) = app.entity(json!({"name": "Vendor", "note": "who", "is_toplevel": true}));
    app.entity(json!({"name": "device", "attrs": [{"name": "by", "type": 1, "referral": [vendor]}]}));

    // 1, 5: name order ignores case
    let list = app.get("/entity/api/v2/").expect(200).json();
    assert_eq!(list["count"], 2);
    let row = &list["results"][0];
    assert_eq!(
        keys(row),
        ["id", "name", "note", "item_name_pattern", "item_name_type", "status", "is_toplevel", "permission"]
    );
    assert_eq!((&row["name"], &list["results"][1]["name"]), (&json!("device"), &json!("Vendor")));
    // 2
    let toplevel = app.get("/entity/api/v2/?is_toplevel=true").json();
    assert_eq!((&toplevel["count"], &toplevel["results"][0]["name"]), (&json!(1), &json!("Vendor")));
    assert_eq!(app.get("/entity/api/v2/?is_toplevel=hoge").expect(400).codes(), ["AE-250000"]);
    // 4
    for search in ["end", "END"] {
        assert_eq!(app.get(&format!("/entity/api/v2/?search={search}")).json()["count"], 1);
    }
    // 7, 8
    let detail = app.get(&format!("/entity/api/v2/{vendor}/")).expect(200).json();
    assert_eq!(detail.as_object().unwrap().len(), 14);
    for empty in ["attrs", "webhooks", "isolation_rules", "delete_chain_exclude_entities"] {
        assert_eq!(detail[empty], json!([]), "{empty}");
    }
    assert_eq!((&detail["status"], &detail["item_name_type"]), (&json!(1), &json!("US")));
    assert_eq!((&detail["permission"], &detail["note"]), (&json!(8), &json!("who")));
    // 10
    let device = app.get("/entity/api/v2/?search=device").json()["results"][0]["id"].as_i64().unwrap();
    let attr = &app.get(&format!("/entity/api/v2/{device}/")).json()["attrs"][0];
    assert_eq!(attr.as_object().unwrap().len(), 17);
    assert_eq!(attr["referral"], json!([{"id": vendor, "name": "Vendor"}]));
    // 13 and unknown ids
    app.get("/entity/api/v2/abc/").expect(404);
    assert_eq!(app.get("/entity/api/v2/99999/").expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.get("/entity/api/v2/99999999999999999999/").expect(404).codes(), ["AE-230000"]);
}

fn paging_searching_ordering(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for name in ["ref2", "REF1", "ref1", "10", "_x", "été"] {
        app.entity(json!({"name": name}));
    }
    let names = |query: &str| -> Vec<String> {
        let list = app.get(&format!("/entity/api/v2/{query}")).expect(200).json();
        list["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(""), ["_x", "10", "ref1", "REF1", "ref2", "été"]);
    assert_eq!(names("?ordering=-name"), ["été", "ref2", "REF1", "ref1", "10", "_x"]);
    assert_eq!(names("?ordering=nonsense"), names(""));
    assert_eq!(names("?ordering=id")[0], "ref2");
    assert_eq!(names("?search=ref%201"), ["ref1", "REF1"]);
    assert_eq!(names("?search=_"), ["_x"]);
    assert_eq!(names("?search=%25"), Vec::<String>::new());

    let page = app.get("/entity/api/v2/?search=ref&limit=2&offset=0").json();
    assert_eq!(page["previous"], Value::Null);
    let next = page["next"].as_str().unwrap();
    assert!(next.ends_with("/entity/api/v2/?limit=2&offset=2&search=ref"), "{next}");
    let page = app.get("/entity/api/v2/?search=ref&limit=2&offset=2").json();
    assert_eq!(page["next"], Value::Null);
    assert!(page["previous"].as_str().unwrap().ends_with("/entity/api/v2/?limit=2&search=ref"));
    // Repeated keys, and searches that no person makes.
    let many = ["name"; 500].join(",");
    assert_eq!(names(&format!("?ordering={many}")), names(""));
    assert_eq!(names(&format!("?search={}", ["r"; 500].join(","))), names("?search=r"));
    let words: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    for search in [words.join(","), "x".repeat(60_000)] {
        assert_eq!(app.get(&format!("/entity/api/v2/?search={search}")).expect(400).codes(), ["AE-250000"]);
    }
    // Links lead to the host that was asked, whatever a forwarding header says.
    let authorization = format!("Token {}", app.token);
    let headers = [("Authorization", authorization.as_str()), ("X-Forwarded-Host", "evil.example")];
    let forwarded = app.request("GET", "/entity/api/v2/?limit=1", &headers, None).expect(200).json();
    assert!(forwarded["next"].as_str().unwrap().starts_with(&format!("{}/", app.base)), "{forwarded}");
    let beyond = app.get("/entity/api/v2/?offset=100").expect(200).json();
    assert_eq!((&beyond["count"], &beyond["results"]), (&json!(6), &json!([])));
    for useless in ["limit=0", "limit=-1", "limit=x", "offset=-1", "offset=x"] {
        assert_eq!(names(&format!("?{useless}")).len(), 6, "{useless}");
    }
}

fn creation_reports_every_bad_field(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    app.entity(json!({"name": "taken"}));
    let long = "x".repeat(201);
    let cases: &[(&str, Value, &[&str])] = &[
        ("22", json!({}), &["name AE-113000"]),
        ("23", json!({"name": "a", "item_name_type": "XX"}), &["item_name_type AE-999999"]),
        ("25", json!({"name": "a", "note": []}), &["note AE-121000"]),
        ("25", json!({"name": "a", "note": long}), &["note AE-122000"]),
        ("26", json!({"name": "a", "is_toplevel": "hoge"}), &["is_toplevel AE-121000"]),
        ("28", json!({"name": "a", "attrs": [{}]}), &["attrs.0.name AE-113000", "attrs.0.type AE-113000"]),
        ("29", json!({"name": "a", "attrs": [{"name": [], "type": 2}]}), &["attrs.0.name AE-121000"]),
        ("29", json!({"name": "a", "attrs": [{"name": long, "type": 2}]}), &["attrs.0.name AE-122000"]),
        ("31", json!({"name": "a", "attrs": [{"name": "b", "type": "hoge"}]}), &["attrs.0.type AE-121000"]),
        ("31", json!({"name": "a", "attrs": [{"name": "b", "type": 9999}]}), &["attrs.0.type AE-230000"]),
        (
            "32",
            json!({"name": "a", "attrs": [{"name": "b", "type": 2, "index": "hoge"}, {"name": "c", "type": 2, "index": 1_i64 << 32}]}),
            &["attrs.0.index AE-121000", "attrs.1.index AE-122000"],
        ),
        (
            "34",
            json!({"name": "a", "attrs": [
                {"name": "b", "type": 1, "referral": "hoge"},
                {"name": "c", "type": 1, "referral": ["hoge"]},
                {"name": "d", "type": 1, "referral": [9999]}]}),
            &["attrs.0.referral AE-121000", "attrs.1.referral AE-121000", "attrs.2.referral AE-230000"],
        ),
        (
            "35",
            json!({"name": "a", "attrs": [{"name": "b", "type": 2}, {"name": "c", "type": 1}, {"name": "d", "type": 1, "referral": []}]}),
            &["attrs.1.non_field_errors AE-113000", "attrs.2.non_field_errors AE-113000"],
        ),
        (
            "44",
            json!({"name": "a", "attrs": [{"name": "b", "type": 2, "default_value": 1}]}),
            &["attrs.0.non_field_errors AE-121000"],
        ),
        (
            "44",
            json!({"name": "a", "attrs": [{"name": "b", "type": 8, "default_value": "true"}]}),
            &["attrs.0.non_field_errors AE-121000"],
        ),
        (
            "47",
            json!({"name": "a", "attrs": [{"name": "b", "type": 8, "name_order": 1}]}),
            &["attrs.0.non_field_errors AE-121000"],
        ),
        (
            "duplicates",
            json!({"name": "a", "attrs": [{"name": "b", "type": 2}, {"name": "b", "type": 4}]}),
            &["attrs AE-220000"],
        ),
        ("name", json!({"name": null}), &["name AE-999999"]),
        ("name", json!({"name": " "}), &["name AE-999999"]),
        ("name", json!({"name": true}), &["name AE-121000"]),
        ("name", json!({"name": long}), &["name AE-122000"]),
        (
            "name",
            json!({"name": "taken", "note": [], "attrs": [{}]}),
            &["attrs.0.name AE-113000", "attrs.0.type AE-113000", "name AE-220000", "note AE-121000"],
        ),
        ("pattern", json!({"name": "a", "item_name_pattern": "("}), &["item_name_pattern AE-121000"]),
        ("attrs", json!({"name": "a", "attrs": "hoge"}), &["attrs AE-121000"]),
        ("attrs", json!({"name": "a", "attrs": ["hoge"]}), &["attrs.0.non_field_errors AE-121000"]),
        ("37", json!({"name": "a", "webhooks": "hoge"}), &["webhooks.non_field_errors AE-121000"]),
        ("body", json!([]), &["non_field_errors AE-121000"]),
        ("body", json!("x"), &["non_field_errors AE-121000"]),
        ("body", Value::Null, &["non_field_errors AE-999999"]),
    ];
    for (case, body, codes) in cases {
        assert_eq!(
            &app.post("/entity/api/v2/", body.clone()).expect(400).codes(),
            codes,
            "case {case}: {body}"
        );
    }
    assert_eq!(app.get("/entity/api/v2/").json()["count"], 1);
}

fn creation_stores_what_was_sent(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let (id, _) = app.entity(json!({
        "name": 123, "note": " n ", "item_name_pattern": "^x", "item_name_type": "AT", "is_toplevel": "yes",
        "delete_chain_exclude_entities": [other, 9999],
        "attrs": [
            {"name": "s", "type": "2", "index": 3, "default_value": "", "name_order": 1, "name_prefix": " [", "name_postfix": "] "},
            {"name": "b", "type": 8, "index": 2, "default_value": false, "is_mandatory": true, "is_summarized": "on"},
            {"name": "o", "type": 1, "index": 1, "referral": [other], "default_value": 5, "is_delete_in_chain": true, "display_attr": "s"},
            {"name": "n", "type": 256, "index": 4, "default_value": 42.5, "note": "remark"},
        ],
    }));
    let detail = app.get(&format!("/entity/api/v2/{id}/")).json();
    assert_eq!((&detail["name"], &detail["note"]), (&json!("123"), &json!("n")));
    assert_eq!((&detail["status"], &detail["item_name_type"]), (&json!(1), &json!("AT")));
    assert_eq!(detail["delete_chain_exclude_entities"], json!([{"id": other, "name": "other"}]));
    let attrs = detail["attrs"].as_array().unwrap();
    let names: Vec<_> = attrs.iter().map(|attr| attr["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["o", "b", "s", "n"]);
    // 43, 46: defaults keep their type; those of types without one are dropped
    let defaults: Vec<_> = attrs.iter().map(|attr| attr["default_value"].clone()).collect();
    assert_eq!(defaults, [Value::Null, json!(false), json!(""), json!(42.5)]);
    assert_eq!((&attrs[2]["name_prefix"], &attrs[2]["name_postfix"]), (&json!(" ["), &json!("] ")));
    assert_eq!((&attrs[0]["is_delete_in_chain"], &attrs[0]["display_attr"]), (&json!(true), &json!("s")));
    assert_eq!((&attrs[1]["is_mandatory"], &attrs[1]["is_summarized"]), (&json!(true), &json!(true)));
}

fn updates_change_only_what_was_sent(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let (id, attrs) = app.entity(json!({
        "name": "e", "note": "n", "is_toplevel": true, "delete_chain_exclude_entities": [other],
        "attrs": [{"name": "o", "type": 1, "referral": [other]}, {"name": "s", "type": 2, "default_value": "d", "name_order": 2}],
    }));
    let path = format!("/entity/api/v2/{id}/");
    app.put(&path, json!({})).expect(202);
    // 53
    app.put(&path, json!({"name": "renamed"})).expect(202);
    let detail = app.get(&path).json();
    assert_eq!(
        (&detail["name"], &detail["note"], &detail["status"]),
        (&json!("renamed"), &json!("n"), &json!(1))
    );
    assert_eq!(detail["delete_chain_exclude_entities"].as_array().unwrap().len(), 1);
    // 52
    app.put(&path, json!({"is_toplevel": false})).expect(202);
    assert_eq!(app.get(&path).json()["status"], 0);
    // 76: what a listed attribute leaves out stays
    app.put(&path, json!({"attrs": [{"id": attrs["o"], "note": "x"}, {"id": attrs["s"], "name": "t"}]}))
        .expect(202);
    let detail = app.get(&path).json();
    assert_eq!(detail["attrs"][0]["referral"], json!([{"id": other, "name": "other"}]));
    assert_eq!((&detail["attrs"][1]["name"], &detail["attrs"][1]["name_order"]), (&json!("t"), &json!(2)));
    assert_eq!(detail["attrs"][1]["default_value"], "d");
    // A referral that was deleted since hinders no other change.
    let (short_lived, _) = app.entity(json!({"name": "short-lived"}));
    app.put(&path, json!({"attrs": [{"id": attrs["o"], "referral": [other, short_lived]}]})).expect(202);
    app.delete(&format!("/entity/api/v2/{short_lived}/")).expect(202);
    app.put(&path, json!({"attrs": [{"id": attrs["o"], "note": "y"}]})).expect(202);
    app.put(&path, json!({"attrs": [{"id": attrs["o"], "referral": [other]}]})).expect(202);
    // An explicit null clears a default.
    app.put(&path, json!({"attrs": [{"id": attrs["s"], "default_value": null}]})).expect(202);
    assert_eq!(app.get(&path).json()["attrs"][1]["default_value"], Value::Null);
    // 61: a name may be taken over in one request, and swapped
    app.put(&path, json!({"attrs": [{"id": attrs["s"], "is_deleted": true}, {"name": "t", "type": 4}]}))
        .expect(202);
    let detail = app.get(&path).json();
    assert_eq!((&detail["attrs"][1]["name"], &detail["attrs"][1]["type"]), (&json!("t"), &json!(4)));
    let second = detail["attrs"][1]["id"].as_i64().unwrap();
    app.put(&path, json!({"attrs": [{"id": attrs["o"], "name": "t"}, {"id": second, "name": "o"}]}))
        .expect(202);
    let names: Vec<_> =
        app.get(&path).json()["attrs"].as_array().unwrap().iter().map(|attr| attr["name"].clone()).collect();
    assert_eq!(names, [json!("t"), json!("o")]);
}

fn updates_report_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, foreign) = app.entity(json!({"name": "other", "attrs": [{"name": "a", "type": 2}]}));
    let (id, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}, {"name": "b", "type": 2}]}));
    let path = format!("/entity/api/v2/{id}/");
    let cases: &[(&str, Value, &[&str])] = &[
        ("55", json!({"name": "other"}), &["name AE-220000"]),
        ("56", json!({"attrs": [{}]}), &["attrs.0.non_field_errors AE-113000"]),
        ("58", json!({"attrs": [{"name": "a", "type": 2}]}), &["attrs AE-220000"]),
        ("59", json!({"attrs": [{"id": attrs["a"], "type": 4}]}), &["attrs.0.non_field_errors AE-121000"]),
        (
            "62",
            json!({"attrs": [{"id": attrs["a"], "is_deleted": "hoge"}]}),
            &["attrs.0.is_deleted AE-121000"],
        ),
        ("foreign", json!({"attrs": [{"id": foreign["a"]}]}), &["attrs.0.id AE-230000"]),
        ("rename", json!({"attrs": [{"id": attrs["a"], "name": "b"}]}), &["attrs AE-220000"]),
        (
            "excludes",
            json!({"delete_chain_exclude_entities": [1, "x"]}),
            &["delete_chain_exclude_entities.1 AE-121000"],
        ),
    ];
    for (case, body, codes) in cases {
        assert_eq!(&app.put(&path, body.clone()).expect(400).codes(), codes, "case {case}: {body}");
    }
    // A definition of another entity is out of reach, also for removal; none may be listed twice.
    for (body, codes) in [
        (json!({"attrs": [{"id": foreign["a"], "is_deleted": true}]}), ["attrs.0.id AE-230000"]),
        (
            json!({"attrs": [{"id": attrs["a"], "is_deleted": true}, {"id": attrs["a"], "name": "z"}]}),
            ["attrs.1.id AE-121000"],
        ),
        (json!({"item_name_pattern": "a)|(?:b"}), ["item_name_pattern AE-121000"]),
        (
            json!({"attrs": [{"id": attrs["a"], "default_value": "a\u{0}b"}]}),
            ["attrs.0.non_field_errors AE-121000"],
        ),
        (
            json!({"attrs": [{"id": attrs["a"], "default_value": "x".repeat(65_537)}]}),
            ["attrs.0.non_field_errors AE-121000"],
        ),
    ] {
        assert_eq!(app.put(&path, body.clone()).expect(400).codes(), codes, "{body}");
    }
    let other = app.get("/entity/api/v2/?search=other").json()["results"][0]["id"].as_i64().unwrap();
    assert_eq!(app.get(&format!("/entity/api/v2/{other}/")).json()["attrs"].as_array().unwrap().len(), 1);
    // 55, and a new definition that is deleted at once is nothing
    app.put(&path, json!({"name": "e", "attrs": [{"name": "c", "type": 2, "is_deleted": true}]})).expect(202);
    assert_eq!(app.get(&path).json()["attrs"].as_array().unwrap().len(), 2);
    assert_eq!(app.put("/entity/api/v2/9999/", json!("x")).expect(404).codes(), ["AE-230000"]);
}

fn deletion(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}]}));
    let path = format!("/entity/api/v2/{id}/");
    let entry = app.entry(id, json!({"name": "x"}));
    // 71
    assert_eq!(app.delete(&path).expect(400).codes(), ["AE-240000"]);
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    // 70
    app.delete(&path).expect(202);
    assert_eq!(app.get(&path).expect(404).codes(), ["AE-230000"]);
    app.delete(&path).expect(404);
    // Of the deleted entry only the name of its deleted entity is left.
    let detail = app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json();
    assert_eq!(detail["attrs"], json!([]));
    assert!(detail["schema"]["name"].as_str().unwrap().starts_with("e_deleted_"), "{detail}");
    // The name is free again.
    app.entity(json!({"name": "e"}));
}

fn permissions(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    let (_, reader) = app.user(|user| user.is_readonly = true);
    let path = format!("/entity/api/v2/{id}/");
    // 49, 73
    let body = json!({"name": "f"});
    assert_eq!(
        app.with_token(&reader, "POST", "/entity/api/v2/", Some(&body)).expect(403).codes(),
        ["AE-210000"]
    );
    app.with_token(&reader, "PUT", &path, Some(&body)).expect(403);
    app.with_token(&reader, "DELETE", &path, None).expect(403);
    let detail = app.with_token(&reader, "GET", &path, None).expect(200).json();
    assert_eq!(detail["permission"], 2);
    // 67
    let (_, guest) = app.user(|user| user.username = "writer".to_owned());
    app.with_token(&guest, "PUT", &path, Some(&body)).expect(202);
}
