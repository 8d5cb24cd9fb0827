//! Names of entries: given, made, had before, other ones. *Source: spec, entry §3.3, §3.4, §11, §12.*

use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    entry_104_an_alias_takes_a_name;
    entry_122_names_made_of_attributes;
    entry_124_names_follow_through_chains_and_circles;
    entry_134_labels_of_referred_entries;
    entry_136_labels_in_lists_and_histories;
    entry_143_names_that_are_taken;
    entry_151_restoring_needs_the_name;
    entry_160_names_that_an_entry_had;
    entry_161_the_name_before_is_known_across_pages;
    entry_163_going_back_to_a_name;
    entry_167_aliases;
    names_by_id_are_given_once;
    many_aliases_at_once;
    lists_show_and_search_aliases;
}

fn rack(app: &TestApp) -> i64 {
    app.entity(json!({"name": "rack"})).0
}

fn name_of(app: &TestApp, entry: i64) -> String {
    app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json()["name"].as_str().unwrap().to_owned()
}

fn put(app: &TestApp, entry: i64, body: Value) -> crate::server::Answer {
    app.put(&format!("/entry/api/v2/{entry}/"), body)
}

fn alias(app: &TestApp, entry: i64, name: &str) -> i64 {
    let answer = app.post("/entry/api/v2/alias/", json!({"name": name, "entry": entry})).expect(201).json();
    assert_eq!(answer, json!({"id": answer["id"], "name": name, "entry": entry}));
    answer["id"].as_i64().unwrap()
}

fn entry_104_an_alias_takes_a_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let entry = app.entry(rack, json!({"name": "r1"}));
    alias(&app, entry, "other");
    let path = format!("/entity/api/v2/{rack}/entries/");
    assert_eq!(app.post(&path, json!({"name": "other"})).expect(400).codes(), ["non_field_errors AE-220000"]);
    // Not in another entity, and not once the entry is gone.
    let (shelf, _) = app.entity(json!({"name": "shelf"}));
    app.entry(shelf, json!({"name": "other"}));
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    app.entry(rack, json!({"name": "other"}));
}

/// *Source: spec, entry §3.4, with its own example.*
fn entry_122_names_made_of_attributes(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (balancers, _) = app.entity(json!({"name": "balancer"}));
    let lb = app.entry(balancers, json!({"name": "LB0001"}));
    let (service, attrs) = app.entity(json!({"name": "service", "item_name_type": "AT", "attrs": [
        {"name": "number", "type": 256, "name_order": 4, "name_prefix": " #"},
        {"name": "LB", "type": 1, "referral": [balancers], "name_order": 1, "name_prefix": "[", "name_postfix": "]"},
        {"name": "domain", "type": 2, "name_order": 2, "name_prefix": " "},
        {"name": "port", "type": 2, "name_order": 3, "name_prefix": ":"},
        {"name": "note", "type": 4}, {"name": "flag", "type": 8}]}));
    let values = |number: Value| {
        json!([{"id": attrs["LB"], "value": lb}, {"id": attrs["domain"], "value": "app.example.com"},
            {"id": attrs["port"], "value": "80"}, {"id": attrs["number"], "value": number}, {"id": attrs["note"], "value": "x"}])
    };
    let entry = app.entry(service, json!({"name": "submitted", "attrs": values(json!(100))}));
    assert_eq!(name_of(&app, entry), "[LB0001] app.example.com:80 #100");
    // What is not set is left out; a number is not padded.
    put(
        &app,
        entry,
        json!({"attrs": [{"id": attrs["LB"], "value": null}, {"id": attrs["number"], "value": 1.5}]}),
    )
    .expect(202);
    assert_eq!(name_of(&app, entry), " app.example.com:80 #1.5");
    put(&app, entry, json!({"attrs": values(json!(100))})).expect(202);
    // A second one of the name says of which it is the copy, and keeps that name.
    let copy = app.entry(service, json!({"name": "submitted", "attrs": values(json!(100))}));
    let name = name_of(&app, copy);
    assert!(
        name.starts_with(&format!("[LB0001] app.example.com:80 #100 -- duplicate of ID:{entry} -- ")),
        "{name}"
    );
    put(&app, copy, json!({"attrs": [{"id": attrs["note"], "value": "y"}]})).expect(202);
    assert_eq!(name_of(&app, copy), name);
    // Once the first one is gone the name is free.
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    put(&app, copy, json!({"attrs": [{"id": attrs["note"], "value": "z"}]})).expect(202);
    assert_eq!(name_of(&app, copy), "[LB0001] app.example.com:80 #100");
    // The submitted name is judged all the same.
    let path = format!("/entity/api/v2/{service}/entries/");
    assert_eq!(app.post(&path, json!({"name": "a\tb"})).expect(400).codes(), ["name AE-250000"]);
}

fn entry_124_names_follow_through_chains_and_circles(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (a, root) = app.entity(
        json!({"name": "a", "item_name_type": "AT", "attrs": [{"name": "text", "type": 2, "name_order": 1}]}),
    );
    let after = |name: &str, of: i64| {
        app.entity(json!({"name": name, "item_name_type": "AT", "attrs": [
            {"name": "ref", "type": 1, "referral": [of], "name_order": 1, "name_prefix": format!("{name}<"), "name_postfix": ">"}]}))
    };
    let (b, of_b) = after("b", a);
    let (c, of_c) = after("c", b);
    let first = app.entry(a, json!({"name": "x", "attrs": [{"id": root["text"], "value": "one"}]}));
    let second = app.entry(b, json!({"name": "x", "attrs": [{"id": of_b["ref"], "value": first}]}));
    let third = app.entry(c, json!({"name": "x", "attrs": [{"id": of_c["ref"], "value": second}]}));
    assert_eq!(name_of(&app, third), "c<b<one>>");
    put(&app, first, json!({"attrs": [{"id": root["text"], "value": "two"}]})).expect(202);
    assert_eq!([second, third].map(|entry| name_of(&app, entry)), ["b<two>", "c<b<two>>"]);
    // A circle: any active entry may be referred to.
    let one = app.entry(b, json!({"name": "one"}));
    let other = app.entry(b, json!({"name": "x", "attrs": [{"id": of_b["ref"], "value": one}]}));
    put(&app, one, json!({"attrs": [{"id": of_b["ref"], "value": other}]})).expect(202);
    assert_eq!(name_of(&app, one), "b<b<one>>");
    assert_eq!(name_of(&app, other), "b<b<b<one>>>");
}

/// A desk whose attributes all refer to a place: server, desk, place, an entry without a city, how many attributes.
fn labelled(database: Database) -> Option<(TestApp, i64, i64, i64, usize)> {
    let app = TestApp::bare(database)?;
    let (countries, _) = app.entity(json!({"name": "country"}));
    let (places, of_place) = app.entity(json!({"name": "place", "attrs": [
        {"name": "city", "type": 2}, {"name": "floors", "type": 256}, {"name": "open", "type": 8},
        {"name": "since", "type": 32}, {"name": "parent", "type": 1, "referral": [countries]}]}));
    let parent = app.entry(places, json!({"name": "japan"}));
    let place = app.entry(places, json!({"name": "hq", "attrs": [
        {"id": of_place["city"], "value": "tokyo"}, {"id": of_place["floors"], "value": 12.0}, {"id": of_place["open"], "value": true},
        {"id": of_place["since"], "value": "2024-02-01"}, {"id": of_place["parent"], "value": parent}]}));
    let attr = |name: &str, attr_type: i32, label: &str| json!({"name": name, "type": attr_type, "referral": [places], "display_attr": label});
    let (desks, attrs) = app.entity(json!({"name": "desk", "attrs": [
        attr("city", 1, "city"), attr("floors", 1, "floors"), attr("open", 1, "open"), attr("since", 1, "since"),
        attr("parent", 1, "parent"), attr("nothing", 1, "no such"), attr("plain", 1, ""),
        attr("list", 1025, "city"), attr("named", 2049, "city"), attr("names", 3073, "city"), attr("flags", 3081, "city")]}));
    let named = json!({"name": "n", "id": place});
    let value = |name: &str| match name {
        "list" => json!([place, parent]),
        "named" => named.clone(),
        "names" | "flags" => json!([named]),
        _ => json!(place),
    };
    let given: Vec<Value> = attrs.iter().map(|(name, id)| json!({"id": id, "value": value(name)})).collect();
    let desk = app.entry(desks, json!({"name": "d", "attrs": given}));
    Some((app, desk, place, parent, attrs.len()))
}

fn entry_134_labels_of_referred_entries(database: Database) {
    let Some((app, desk, ..)) = labelled(database) else { return };
    for (attr, label) in
        [("city", "tokyo"), ("floors", "12"), ("open", "true"), ("since", "2024-02-01"), ("parent", "japan")]
    {
        assert_eq!(app.value(desk, attr)["as_object"]["display_label"], label, "{attr}");
    }
    for attr in ["nothing", "plain"] {
        let shown = app.value(desk, attr);
        assert!(shown["as_object"].get("display_label").is_none(), "{attr}: {shown}");
    }
}

fn entry_136_labels_in_lists_and_histories(database: Database) {
    let Some((app, desk, place, parent, attrs)) = labelled(database) else { return };
    let list = app.value(desk, "list")["as_array_object"].clone();
    assert_eq!((&list[0]["id"], &list[0]["display_label"]), (&json!(place), &json!("tokyo")));
    // It has no city.
    assert_eq!((&list[1]["id"], list[1].get("display_label")), (&json!(parent), None));
    assert_eq!(app.value(desk, "named")["as_named_object"]["object"]["display_label"], "tokyo");
    assert_eq!(app.value(desk, "names")["as_array_named_object"][0]["object"]["display_label"], "tokyo");
    let flags = app.value(desk, "flags")["as_array_named_object"][0].clone();
    assert!(flags["object"].get("display_label").is_none() && flags["boolean"] == false, "{flags}");
    let history = app.get(&format!("/entry/api/v2/{desk}/histories/?limit=100")).expect(200).json();
    let rows = history["results"].as_array().unwrap();
    let of = |name: &str| &rows.iter().find(|row| row["parent_attr"]["name"] == name).unwrap()["curr_value"];
    assert_eq!(of("list")["as_array_object"][0]["display_label"], "tokyo");
    assert_eq!(rows.len(), attrs);
}

fn entry_143_names_that_are_taken(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let (entry, other) = (app.entry(rack, json!({"name": "r1"})), app.entry(rack, json!({"name": "r2"})));
    alias(&app, entry, "own");
    alias(&app, other, "foreign");
    for (name, codes) in [
        ("r2", "name AE-220000"),
        ("a\tb", "name AE-250000"),
        ("foreign", "non_field_errors AE-220000"),
        ("own", "non_field_errors AE-220000"),
    ] {
        assert_eq!(put(&app, entry, json!({"name": name})).expect(400).codes(), [codes], "{name}");
    }
    put(&app, entry, json!({"name": "r1"})).expect(202);
    assert_eq!(name_of(&app, entry), "r1");
}

fn entry_151_restoring_needs_the_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let entry = app.entry(rack, json!({"name": "r1"}));
    let (path, restore) = (format!("/entry/api/v2/{entry}/"), format!("/entry/api/v2/{entry}/restore/"));
    app.delete(&path).expect(204);
    let other = app.entry(rack, json!({"name": "r1"}));
    assert_eq!(app.post(&restore, json!({})).expect(400).codes(), ["AE-220000"]);
    put(&app, other, json!({"name": "r2"})).expect(202);
    let taken = alias(&app, other, "r1");
    assert_eq!(app.post(&restore, json!({})).expect(400).codes(), ["AE-220000"]);
    app.delete(&format!("/entry/api/v2/alias/{taken}")).expect(204);
    assert_eq!(app.post(&restore, json!({})).expect(201).json(), json!({}));
    assert_eq!(name_of(&app, entry), "r1");
}

fn history(app: &TestApp, entry: i64, query: &str) -> Value {
    app.get(&format!("/entry/api/v2/{entry}/self_histories/{query}")).expect(200).json()
}

fn entry_160_names_that_an_entry_had(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let entry = app.entry(rack, json!({"name": "r1"}));
    put(&app, entry, json!({"name": "r2"})).expect(202);
    // Neither a value nor the same name is a record.
    put(&app, entry, json!({"name": "r2", "attrs": []})).expect(202);
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    app.post(&format!("/entry/api/v2/{entry}/restore/"), json!({})).expect(201);
    let page = history(&app, entry, "");
    let rows = page["results"].as_array().unwrap();
    let told: Vec<(&str, Option<&str>, &str, &str)> = rows
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str();
            (
                text("name").unwrap(),
                text("prev_name"),
                text("history_type").unwrap(),
                text("history_user").unwrap(),
            )
        })
        .collect();
    assert!(told[1].0.starts_with("r2_deleted_"), "{told:?}");
    let deleted = told[1].0;
    assert_eq!(
        told,
        [
            ("r2", Some(deleted), "~", "admin"),
            (deleted, Some("r2"), "~", "admin"),
            ("r2", Some("r1"), "~", "admin"),
            ("r1", None, "+", "admin"),
        ]
    );
    assert_eq!(rows[0].as_object().unwrap().len(), 6);
    assert!(rows[0]["history_date"].as_str().unwrap().ends_with("+09:00"), "{}", rows[0]);
    app.get("/entry/api/v2/9999/self_histories/").expect(404);
}

fn entry_161_the_name_before_is_known_across_pages(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let entry = app.entry(rack(&app), json!({"name": "n0"}));
    for number in 1..=30 {
        put(&app, entry, json!({"name": format!("n{number}")})).expect(202);
    }
    let page = history(&app, entry, "?limit=30");
    let rows = page["results"].as_array().unwrap();
    assert_eq!((page["count"].as_i64(), rows.len()), (Some(31), 30));
    assert_eq!((&rows[29]["name"], &rows[29]["prev_name"]), (&json!("n1"), &json!("n0")));
    let rest = history(&app, entry, "?limit=30&offset=30");
    assert_eq!((&rest["results"][0]["name"], &rest["results"][0]["prev_name"]), (&json!("n0"), &Value::Null));
    assert!(page["next"].is_string() && rest["next"].is_null());
}

fn entry_163_going_back_to_a_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let (entry, other) = (app.entry(rack, json!({"name": "r1"})), app.entry(rack, json!({"name": "o1"})));
    put(&app, entry, json!({"name": "r2"})).expect(202);
    put(&app, other, json!({"name": "o2"})).expect(202);
    let oldest = |entry: i64| {
        history(&app, entry, "")["results"].as_array().unwrap().last().unwrap()["history_id"].clone()
    };
    let restore = |id: Value| {
        app.post(&format!("/entry/api/v2/{entry}/restore_self_history/"), json!({"history_id": id}))
    };
    let path = format!("/entry/api/v2/{entry}/restore_self_history/");
    assert_eq!(app.post(&path, json!({})).expect(400).codes(), ["history_id AE-113000"]);
    assert_eq!(restore(json!("x")).expect(400).codes(), ["history_id AE-121000"]);
    assert_eq!(restore(oldest(other)).expect(400).codes(), ["AE-230000"]);
    let taken = app.entry(rack, json!({"name": "r1"}));
    assert_eq!(restore(oldest(entry)).expect(400).codes(), ["AE-220000"]);
    put(&app, taken, json!({"name": "free"})).expect(202);
    let taken = alias(&app, taken, "r1");
    assert_eq!(restore(oldest(entry)).expect(400).codes(), ["AE-220000"]);
    app.delete(&format!("/entry/api/v2/alias/{taken}")).expect(204);
    let answer = restore(oldest(entry)).expect(200).json();
    assert_eq!((&answer["restored_name"], answer["message"].is_string()), (&json!("r1"), true));
    assert_eq!(name_of(&app, entry), "r1");
    let count = history(&app, entry, "")["count"].clone();
    assert_eq!(count, 3);
}

fn entry_167_aliases(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let (entry, other) = (app.entry(rack, json!({"name": "r1"})), app.entry(rack, json!({"name": "r2"})));
    let ids = [alias(&app, entry, "a"), alias(&app, entry, "b")];
    let refused = |body: Value| app.post("/entry/api/v2/alias/", body).expect(400).codes();
    assert_eq!(refused(json!({"name": "c"})), ["entry AE-113000"]);
    assert_eq!(refused(json!({"entry": entry})), ["name AE-113000"]);
    assert_eq!(refused(json!({"name": "", "entry": "x"})), ["entry AE-121000", "name AE-999999"]);
    assert_eq!(
        refused(json!({"name": "x".repeat(201), "entry": 9999})),
        ["entry AE-230000", "name AE-122000"]
    );
    for taken in ["a", "r1", "r2"] {
        assert_eq!(
            refused(json!({"name": taken, "entry": other})),
            ["non_field_errors AE-220000"],
            "{taken}"
        );
    }
    let list = app.get(&format!("/entry/api/v2/{entry}/alias/")).expect(200).json();
    let shown: Vec<i64> =
        list["results"].as_array().unwrap().iter().map(|alias| alias["id"].as_i64().unwrap()).collect();
    assert_eq!((list["count"].as_i64(), shown), (Some(2), ids.to_vec()));
    app.delete(&format!("/entry/api/v2/alias/{}", ids[0])).expect(204);
    app.delete(&format!("/entry/api/v2/alias/{}", ids[0])).expect(404);
    // Of a deleted entry they are out of reach.
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    app.delete(&format!("/entry/api/v2/alias/{}", ids[1])).expect(404);
    assert_eq!(app.get(&format!("/entry/api/v2/{entry}/alias/")).expect(200).json()["count"], 0);
    assert_eq!(refused(json!({"name": "c", "entry": entry})), ["entry AE-230000"]);
}

fn names_by_id_are_given_once(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) =
        app.entity(json!({"name": "e", "item_name_type": "ID", "attrs": [{"name": "a", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "submitted"}));
    let name = name_of(&app, entry);
    assert_eq!((name.len(), name.as_bytes()[14]), (36, b'4'), "{name}");
    put(&app, entry, json!({"attrs": [{"id": attrs["a"], "value": "x"}]})).expect(202);
    assert_eq!(name_of(&app, entry), name);
    // The submitted name was never its name.
    app.entry(entity, json!({"name": "submitted"}));
}

fn many_aliases_at_once(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let (entry, other) = (app.entry(rack, json!({"name": "r1"})), app.entry(rack, json!({"name": "r2"})));
    let post = |body: Value| app.post("/entry/api/v2/alias/bulk/", body);
    let one = |name: &str, entry: i64| json!({"name": name, "entry": entry});
    assert_eq!(post(json!([])).expect(200).json(), json!([]));
    let made = post(json!([one("a", entry), one("b", other)])).expect(200).json();
    assert_eq!((&made[0]["name"], &made[1]["entry"]), (&json!("a"), &json!(other)));
    assert_eq!(post(json!([one("c", entry), one("c", other)])).expect(400).codes(), ["AE-220000"]);
    let answer = post(json!([one("d", entry), {"entry": entry}, "x", one("a", other)])).expect(400).json();
    assert_eq!(answer[0], json!({}));
    assert_eq!(answer[1]["name"][0]["code"], "AE-113000");
    assert_eq!(answer[2]["non_field_errors"][0]["code"], "AE-121000");
    assert_eq!(answer[3], json!({}), "whether a name is free is asked once all can be read");
    let answer = post(json!([one("d", entry), one("a", other)])).expect(400).json();
    assert_eq!((&answer[0], &answer[1]["non_field_errors"][0]["code"]), (&json!({}), &json!("AE-220000")));
    assert_eq!(post(json!({})).expect(400).codes(), ["non_field_errors AE-121000"]);
    // All or none.
    assert_eq!(app.get(&format!("/entry/api/v2/{entry}/alias/")).json()["count"], 1);
}

fn lists_show_and_search_aliases(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let rack = rack(&app);
    let (entry, _) = (app.entry(rack, json!({"name": "r1"})), app.entry(rack, json!({"name": "r2"})));
    let ids = [alias(&app, entry, "Old one"), alias(&app, entry, "old two")];
    let list = |query: &str| app.get(&format!("/entity/api/v2/{rack}/entries/{query}")).expect(200).json();
    let all = list("");
    let shown = json!([{"id": ids[0], "name": "Old one", "entry": entry}, {"id": ids[1], "name": "old two", "entry": entry}]);
    assert_eq!((&all["results"][0]["aliases"], &all["results"][1]["aliases"]), (&shown, &json!([])));
    assert_eq!(list("?search=old")["count"], 0);
    // Once, however many of its aliases match.
    assert_eq!(list("?search=OLD&with_alias=1")["count"], 1);
    assert_eq!(list("?search=r1,two&with_alias=x")["count"], 1);
    assert_eq!(list("?search=old&with_alias=")["count"], 0);
}
