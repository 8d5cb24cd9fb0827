//! Cases J: references. *Source: spec, entry §13.*

use super::{close, column, group, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    case_entry_169_who_refers_to_an_entry;
    referrers_are_found_by_part_of_their_names;
    case_entry_170_groups_and_roles_that_an_attribute_may_refer_to;
    entries_that_an_attribute_may_refer_to;
    case_entry_172_isolated_entries_are_no_candidates;
    labels_of_entries_that_an_attribute_may_refer_to;
    a_deleted_definition_refers_to_nothing;
    types_that_refer_to_nothing_have_no_candidates;
    values_that_are_gone_do_not_refer;
    keywords_are_no_patterns;
}

fn referrers(app: &TestApp, entry: i64, query: &str) -> Value {
    app.get(&format!("/entry/api/v2/{entry}/referral/{query}")).expect(200).json()
}

fn candidates(app: &TestApp, attr: i64, query: &str) -> Value {
    app.get(&format!("/entry/api/v2/{attr}/attr_referrals/{query}")).expect(200).json()
}

fn case_entry_169_who_refers_to_an_entry(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let [one, two] = ["one", "two"].map(|name| app.entry(target, json!({"name": name})));
    let attr = |name: &str, code: i32| json!({"name": name, "type": code, "referral": [target]});
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [
        attr("o", 1), attr("os", 1025), attr("n", 2049), attr("ns", 3073), attr("f", 3081),
    ]}));
    let named = |id: i64| json!({"name": "n", "id": id});
    let value = |name: &str, value: Value| json!({"id": attrs[name], "value": value});
    // Once, in however many ways it refers.
    let all = json!([
        value("o", json!(one)),
        value("os", json!([one, one])),
        value("n", named(one)),
        value("ns", json!([named(one)])),
    ]);
    let first = app.entry(entity, json!({"name": "all", "attrs": all}));
    let second = app.entry(entity, json!({"name": "flag", "attrs": [value("f", json!([named(one)]))]}));
    let past = app.entry(entity, json!({"name": "past", "attrs": [value("o", json!(one))]}));
    app.put(&format!("/entry/api/v2/{past}/"), json!({"attrs": [value("o", json!(two))]})).expect(202);
    let gone = app.entry(entity, json!({"name": "gone", "attrs": [value("o", json!(one))]}));
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    app.post("/entry/api/v2/alias/", json!({"name": "other", "entry": first})).expect(201);

    let page = referrers(&app, one, "");
    assert_eq!(
        (&page["count"], column(&page["results"], "id")),
        (&json!(2), vec![json!(first), json!(second)])
    );
    let row = &page["results"][0];
    let mut keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let mut expected = [
        "id",
        "name",
        "schema",
        "is_active",
        "deleted_user",
        "deleted_time",
        "updated_time",
        "aliases",
        "permission",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(row["aliases"][0]["name"], "other");
    assert_eq!(row["schema"], json!({"id": entity, "name": "e", "is_public": true, "permission": 8}));
    assert_eq!(column(&referrers(&app, two, "")["results"], "id"), [json!(past)]);
    assert_eq!(referrers(&app, 999_999, "")["count"], 0);

    // References through definitions that are deleted do not count.
    let removed = json!({"attrs": [{"id": attrs["f"], "is_deleted": true}]});
    app.put(&format!("/entity/api/v2/{entity}/"), removed).expect(202);
    assert_eq!(column(&referrers(&app, one, "")["results"], "id"), [json!(first)]);

    // What may not be read is listed, with its level; an entry that may not be read has no list.
    let (_, guest) = person(&app, "guest");
    close(&app, first);
    let path = format!("/entry/api/v2/{one}/referral/");
    let page = app.with_token(&guest, "GET", &path, None).expect(200).json();
    assert_eq!(page["results"][0]["permission"], 1);
    close(&app, one);
    assert_eq!(app.with_token(&guest, "GET", &path, None).expect(403).codes(), ["AE-210000"]);
}

fn referrers_are_found_by_part_of_their_names(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let one = app.entry(target, json!({"name": "one"}));
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "o", "type": 1, "referral": [target]}]}));
    for n in 0..55 {
        let attrs = json!([{"id": attrs["o"], "value": one}]);
        app.entry(entity, json!({"name": format!("Rack {n} 100%"), "attrs": attrs}));
    }
    let page = referrers(&app, one, "");
    assert_eq!((&page["count"], page["results"].as_array().unwrap().len()), (&json!(55), 30));
    let page = referrers(&app, one, "?limit=100");
    assert_eq!(page["results"].as_array().unwrap().len(), 50, "at most");
    assert!(page["next"].as_str().unwrap().ends_with("?limit=50&offset=50"), "{page}");
    assert_eq!(referrers(&app, one, "?keyword=RACK%205")["count"], 6);
    assert_eq!(referrers(&app, one, "?keyword=.*")["count"], 0, "no expression");
    assert_eq!(referrers(&app, one, "?keyword=0%25")["count"], 55);
    assert_eq!(referrers(&app, one, "?keyword=(")["count"], 0);
}

fn case_entry_170_groups_and_roles_that_an_attribute_may_refer_to(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let [_, ops, _] = ["dev", "Ops", "old ops"].map(|name| group(&app, name, None, &[]));
    let gone = group(&app, "ops gone", None, &[]);
    app.delete(&format!("/group/api/v2/groups/{gone}")).expect(204);
    let reader = role(&app, "reader", &json!({}));
    role(&app, "Writer", &json!({}));
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [
        {"name": "g", "type": 16}, {"name": "gs", "type": 1040}, {"name": "r", "type": 64}, {"name": "rs", "type": 1088},
        {"name": "s", "type": 2},
    ]}));
    for attr in ["g", "gs"] {
        assert_eq!(column(&candidates(&app, attrs[attr], ""), "name"), ["dev", "old ops", "Ops"]);
        let found = candidates(&app, attrs[attr], "?keyword=oPS");
        assert_eq!(column(&found, "name"), ["old ops", "Ops"]);
        assert_eq!(found[1], json!({"id": ops, "name": "Ops"}));
    }
    for attr in ["r", "rs"] {
        assert_eq!(column(&candidates(&app, attrs[attr], ""), "name"), ["reader", "Writer"]);
        assert_eq!(candidates(&app, attrs[attr], "?keyword=READ"), json!([{"id": reader, "name": "reader"}]));
    }
    // At most fifty.
    for n in 0..51 {
        group(&app, &format!("many {n}"), None, &[]);
    }
    assert_eq!(candidates(&app, attrs["g"], "?keyword=many&limit=100").as_array().unwrap().len(), 50);
    let path = |id: i64| format!("/entry/api/v2/{id}/attr_referrals/");
    assert_eq!(app.get(&path(attrs["s"])).expect(400).codes(), ["AE-121000"]);
    for other in [999_999, entity] {
        assert_eq!(app.get(&path(other)).expect(404).codes(), ["AE-230000"]);
    }
}

fn entries_that_an_attribute_may_refer_to(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (site, _) = app.entity(json!({"name": "site"}));
    let (room, room_attrs) = app.entity(json!({"name": "room", "attrs": [{"name": "city", "type": 2}]}));
    let (_, attrs) = app.entity(json!({"name": "rack", "attrs": [
        {"name": "place", "type": 1, "referral": [site, room], "display_attr": "city"},
        {"name": "places", "type": 1025, "referral": [room]}, {"name": "named", "type": 2049, "referral": [site]},
        {"name": "list", "type": 3073, "referral": [site]}, {"name": "flags", "type": 3081, "referral": [site]},
    ]}));
    let city = json!([{"id": room_attrs["city"], "value": "Tokyo"}]);
    let north = app.entry(room, json!({"name": "north", "attrs": city}));
    let south = app.entry(room, json!({"name": "South"}));
    let east = app.entry(site, json!({"name": "East"}));
    let gone = app.entry(site, json!({"name": "gone"}));
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    assert_eq!(
        candidates(&app, attrs["place"], ""),
        json!([
            {"id": east, "name": "East", "display_label": null},
            {"id": north, "name": "north", "display_label": "Tokyo"},
            {"id": south, "name": "South", "display_label": null},
        ])
    );
    assert_eq!(column(&candidates(&app, attrs["place"], "?keyword=TH"), "name"), ["north", "South"]);
    assert_eq!(column(&candidates(&app, attrs["places"], ""), "name"), ["north", "South"]);
    for attr in ["named", "list", "flags"] {
        assert_eq!(
            candidates(&app, attrs[attr], ""),
            json!([{"id": east, "name": "East", "display_label": null}])
        );
    }
    // An attribute of an entry stands for its definition.
    let rack = app.get("/entity/api/v2/?search=rack").json()["results"][0]["id"].as_i64().unwrap();
    let entry = app.entry(rack, json!({"name": "r", "attrs": [{"id": attrs["places"], "value": [north]}]}));
    let detail = app.get(&format!("/entry/api/v2/{entry}/")).json();
    let places =
        detail["attrs"].as_array().unwrap().iter().find(|attr| attr["schema"]["name"] == "places").unwrap();
    let own = places["id"].as_i64().unwrap();
    assert_eq!(column(&candidates(&app, own, ""), "name"), ["north", "South"]);
    // At most fifty, and nobody is asked for permission.
    let (_, guest) = person(&app, "guest");
    close(&app, room);
    for n in 0..60 {
        app.entry(room, json!({"name": format!("room {n:02}")}));
    }
    let path = format!("/entry/api/v2/{}/attr_referrals/?keyword=room", attrs["places"]);
    let found = app.with_token(&guest, "GET", &path, None).expect(200).json();
    assert_eq!(found.as_array().unwrap().len(), 50);
    assert_eq!((&found[0]["name"], &found[49]["name"]), (&json!("room 00"), &json!("room 49")));
}

fn case_entry_172_isolated_entries_are_no_candidates(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (site, site_attrs) = app.entity(json!({"name": "site", "attrs": [{"name": "state", "type": 2}]}));
    let refers = |name: &str| {
        let (id, attrs) =
            app.entity(json!({"name": name, "attrs": [{"name": "site", "type": 1, "referral": [site]}]}));
        (id, attrs["site"])
    };
    let ((rack, racks), (_, rooms)) = (refers("rack"), refers("room"));
    for n in 0..60 {
        let state = if n < 20 { "closed" } else { "open" };
        let attrs = json!([{"id": site_attrs["state"], "value": state}]);
        app.entry(site, json!({"name": format!("site {n:02}"), "attrs": attrs}));
    }
    let rule = json!({"conditions": [{"attr_id": site_attrs["state"], "str_cond": "closed"}], "action": {"prevent_from_id": rack}});
    app.put(&format!("/entity/api/v2/{site}/"), json!({"isolation_rules": [rule]})).expect(202);
    let found = column(&candidates(&app, racks, ""), "name");
    assert_eq!((found.len(), &found[0], &found[39]), (40, &json!("site 20"), &json!("site 59")));
    let found = column(&candidates(&app, rooms, ""), "name");
    assert_eq!((found.len(), &found[0]), (50, &json!("site 00")), "only racks are not meant to see them");
}

fn labels_of_entries_that_an_attribute_may_refer_to(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (place, of_place) = app.entity(json!({"name": "place", "attrs": [{"name": "city", "type": 2}]}));
    app.entry(place, json!({"name": "a", "attrs": [{"id": of_place["city"], "value": "Tokyo"}]}));
    app.entry(place, json!({"name": "b"}));
    let attr = |code: i32, label: &str| json!({"name": format!("{code}{label}"), "type": code, "referral": [place], "display_attr": label});
    let attrs = [(1, "city"), (1025, "city"), (2049, "city"), (3073, "city"), (3081, "city"), (1, "no such")];
    let (_, attrs) = app.entity(json!({"name": "e", "attrs": attrs.map(|(code, label)| attr(code, label))}));
    for (name, id) in attrs {
        let has_label = name.ends_with("city") && !name.starts_with("3081");
        let expected = [if has_label { json!("Tokyo") } else { Value::Null }, Value::Null];
        assert_eq!(column(&candidates(&app, id, ""), "display_label"), expected, "{name}");
    }
}

fn a_deleted_definition_refers_to_nothing(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "o", "type": 1, "referral": [target]}]}));
    let entry = app.entry(entity, json!({"name": "x", "attrs": [{"id": attrs["o"], "value": null}]}));
    let detail = app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json();
    let own = detail["attrs"][0]["id"].as_i64().unwrap();
    app.put(&format!("/entity/api/v2/{entity}/"), json!({"attrs": [{"id": attrs["o"], "is_deleted": true}]}))
        .expect(202);
    for id in [attrs["o"], own, entry, entity] {
        let answer = app.get(&format!("/entry/api/v2/{id}/attr_referrals/")).expect(404);
        assert_eq!(answer.codes(), ["AE-230000"], "{id}");
    }
}

fn types_that_refer_to_nothing_have_no_candidates(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let codes = [2, 4, 8, 32, 128, 256, 512, 1026, 1280, 1536];
    let attr = |code: i32| json!({"name": code.to_string(), "type": code, "choices": [{"label": "a"}]});
    let (_, attrs) = app.entity(json!({"name": "e", "attrs": codes.map(attr)}));
    for (code, id) in attrs {
        let answer = app.get(&format!("/entry/api/v2/{id}/attr_referrals/")).expect(400);
        assert_eq!(answer.codes(), ["AE-121000"], "{code}");
    }
}

fn values_that_are_gone_do_not_refer(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let one = app.entry(target, json!({"name": "one"}));
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "os", "type": 1025, "referral": [target]}]}));
    let refer =
        |name: &str| app.entry(entity, json!({"name": name, "attrs": [{"id": attrs["os"], "value": [one]}]}));
    let (past, back) = (refer("past"), refer("back"));
    app.put(&format!("/entry/api/v2/{past}/"), json!({"attrs": [{"id": attrs["os"], "value": []}]}))
        .expect(202);
    app.delete(&format!("/entry/api/v2/{back}/")).expect(204);
    assert_eq!(referrers(&app, one, "")["count"], 0);
    app.post(&format!("/entry/api/v2/{back}/restore/"), json!({})).expect(201);
    // What is deleted is referred to all the same.
    app.delete(&format!("/entry/api/v2/{one}/")).expect(204);
    assert_eq!(column(&referrers(&app, one, "")["results"], "id"), [json!(back)]);
}

fn keywords_are_no_patterns(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let one = app.entry(target, json!({"name": "one"}));
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "o", "type": 1, "referral": [target]}]}));
    for name in ["100%", "a_b", "Web-1", "web.2"] {
        app.entry(entity, json!({"name": name, "attrs": [{"id": attrs["o"], "value": one}]}));
        app.entry(target, json!({"name": name}));
        group(&app, name, None, &[]);
    }
    let (_, of_group) = app.entity(json!({"name": "g", "attrs": [{"name": "g", "type": 16}]}));
    for (keyword, names) in [
        ("WEB", vec!["Web-1", "web.2"]),
        (".", vec!["web.2"]),
        ("%5Eweb", vec![]),
        ("%25", vec!["100%"]),
        ("_", vec!["a_b"]),
        ("%28", vec![]),
    ] {
        let query = format!("?keyword={keyword}");
        let page = referrers(&app, one, &query);
        assert_eq!(
            (&page["count"], column(&page["results"], "name")),
            (&json!(names.len()), names.iter().map(|name| json!(name)).collect())
        );
        for attr in [attrs["o"], of_group["g"]] {
            assert_eq!(column(&candidates(&app, attr, &query), "name"), names, "{keyword}");
        }
    }
}
