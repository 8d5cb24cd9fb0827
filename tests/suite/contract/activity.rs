//! Cases C: what a user did. *Source: spec, auth-user §4.11.*

use super::{acl_path, close, column, grant, group, person, role};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::{Value, json};

on_both_databases! {
    case_platform_056_what_somebody_did_newest_first;
    case_platform_058_062_a_period_has_no_count;
    case_platform_059_values_that_were_replaced_meanwhile;
    case_platform_061_064_parameters_that_make_no_sense;
    case_platform_065_what_may_not_be_read_is_not_there;
    case_platform_067_068_references_have_a_model;
    periods_have_ends_and_no_more_than_sixty_days;
    the_ten_newest_are_counted_before_it_is_known_who_may_read_them;
    records_have_exactly_these_keys;
}

fn ask(app: &TestApp, token: &str, id: i64, query: &str) -> Answer {
    app.with_token(token, "GET", &format!("/user/api/v2/{id}/activity{query}"), None)
}

fn list(app: &TestApp, token: &str, id: i64, query: &str) -> Vec<Value> {
    ask(app, token, id, query).expect(200).json().as_array().unwrap().clone()
}

/// Moves all that was written until now into the past.
fn age(app: &TestApp, minutes: i64) {
    let by = minutes * 60_000_000;
    let sql = format!(
        "UPDATE attr_value SET created_time = created_time - {by}; UPDATE entry SET created_time = created_time - {by}"
    );
    let runner = Runner::of_server(&app.host, None);
    runner.run_blocking(Mode::Write, |op| Ok(op.db.execute_batch(&sql)?)).unwrap();
}

fn moment(minutes_ago: i64) -> String {
    let at = Timestamp::now().as_micros() - minutes_ago * 60_000_000;
    Timestamp::from_micros(at).utc_iso().replace("+00:00", "Z")
}

fn send(app: &TestApp, token: &str, method: &str, path: &str, body: Value) -> Answer {
    app.with_token(token, method, path, Some(&body))
}

fn case_platform_056_what_somebody_did_newest_first(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = person(&app, "guest");
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}, {"name": "b", "type": 2}]}));
    let value = |name: &str, value: &str| json!({"id": attrs[name], "value": value});
    let known = app.entry(entity, json!({"name": "known", "attrs": [value("a", "1")]}));
    send(&app, &token, "PUT", &format!("/entry/api/v2/{known}/"), json!({"attrs": [value("a", "2")]}))
        .expect(202);
    let body = json!({"name": "made", "attrs": [value("a", "x"), value("b", "y")]});
    let made = send(&app, &token, "POST", &format!("/entity/api/v2/{entity}/entries/"), body).expect(202);
    let made = made.json()["id"].as_i64().unwrap();
    app.with_token(&token, "DELETE", &format!("/entry/api/v2/{made}/"), None).expect(204);
    let all = list(&app, &token, id, "");
    assert_eq!(column(&json!(all), "action_type"), ["delete", "update", "update", "create", "update"]);
    assert!(all.iter().all(|record| record["target_type"] == "item"));
    assert!(all[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    let model = json!({"id": entity, "name": "e"});
    assert_eq!((&all[3]["target"]["item_id"], &all[3]["target"]["model"]), (&json!(made), &model));
    assert!(all[0]["target"]["name"].as_str().unwrap().starts_with("made_deleted_"));
    let names: Vec<&Value> = [1, 2].iter().map(|n| &all[*n]["target"]["attr"]["attribute_name"]).collect();
    assert_eq!(names, ["b", "a"], "the last attribute first");
    let update = &all[4]["target"];
    assert_eq!((&update["item_id"], &update["item_name"]), (&json!(known), &json!("known")));
    assert_eq!(update["model"], json!({"model_id": entity, "model_name": "e"}));
    let attr = &update["attr"];
    assert_eq!((&attr["attribute_id"], &attr["type"]), (&json!(attrs["a"]), &json!(2)));
    assert_eq!(
        (&attr["curr_value"]["value"], &attr["curr_value"]["user"]["username"]),
        (&json!("2"), &json!("guest"))
    );
    assert_eq!(
        (&attr["prev_value"]["value"], &attr["prev_value"]["user"]),
        (&json!("1"), &json!({"user_id": 1, "username": "admin"}))
    );
    assert_eq!(all[1]["target"]["attr"]["prev_value"], Value::Null);
    assert_eq!(ask(&app, &token, 999_999, "").expect(404).codes(), ["AE-230000"]);
}

fn case_platform_058_062_a_period_has_no_count(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.entry(entity, json!({"name": "old"}));
    age(&app, 60);
    for n in 0..10 {
        app.entry(entity, json!({"name": format!("new {n}")}));
    }
    let of = |query: &str| list(&app, &app.token, 1, query).len();
    assert_eq!(of("?within_minutes=30"), 10);
    app.entry(entity, json!({"name": "one more"}));
    assert_eq!(of(""), 10, "the newest");
    assert_eq!(of("?within_minutes=90"), 12);
    let five_days = format!("?since={}&to={}", moment(-1), moment(5 * 24 * 60));
    assert_eq!(of(&five_days), 12);
    assert_eq!(of(&format!("?since={}&to={}", moment(30), moment(90))), 1);
    assert_eq!(of(&format!("?since={}&within_minutes=10", moment(55))), 1);
    // Without a zone it is UTC.
    let bare = |minutes| moment(minutes).replace('Z', "");
    assert_eq!(of(&format!("?since={}&to={}", bare(30), moment(90))), 1);
    // A blank between day and time separates them; one after the time is the `+` of an offset.
    let blank = |minutes| bare(minutes).replace('T', "%20");
    let plus = |minutes| format!("{}+00:00", bare(minutes));
    for (since, to) in [
        (bare(30), bare(90)),
        (moment(30), bare(90)),
        (plus(30), plus(90)),
        (blank(30), plus(90).replace('+', "%2B")),
        (format!("{}+00:00", blank(30)), blank(90)),
    ] {
        assert_eq!(of(&format!("?since={since}&to={to}")), 1, "{since} {to}");
    }
    // No end is the end of time.
    assert_eq!(of("?since=9999-12-31T23:59:59Z"), 12);
    assert_eq!(of("?since=9999-12-31T23:59:59.999999"), 12);
    assert_eq!(of("?since=2024-01-31T12:00:00"), 0);
}

fn case_platform_059_values_that_were_replaced_meanwhile(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 256}]}));
    let value = |value: i64| json!([{"id": attrs["a"], "value": value}]);
    let entry = app.entry(entity, json!({"name": "x", "attrs": value(1)}));
    for n in 2..4 {
        age(&app, 20);
        app.put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": value(n)})).expect(202);
    }
    let found = list(&app, &app.token, 1, &format!("?since={}&within_minutes=60", moment(10)));
    let values: Vec<&Value> = found
        .iter()
        .filter(|record| record["action_type"] == "update")
        .map(|record| &record["target"]["attr"]["curr_value"]["value"])
        .collect();
    assert_eq!(values, [2, 1]);
}

fn case_platform_061_064_parameters_that_make_no_sense(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for (query, key) in [
        ("within_minutes=abc".to_owned(), "within_minutes"),
        ("within_minutes=0".to_owned(), "within_minutes"),
        ("within_minutes=-5".to_owned(), "within_minutes"),
        ("within_minutes=1.5".to_owned(), "within_minutes"),
        ("within_minutes=".to_owned(), "within_minutes"),
        ("within_minutes=99999999999999999999".to_owned(), "within_minutes"),
        ("since=&within_minutes=x".to_owned(), "since"),
        ("since=x&to=y&within_minutes=z".to_owned(), "since"),
        ("to=yesterday&within_minutes=z".to_owned(), "to"),
        (format!("since={}&to={}", moment(10), moment(5)), "to"),
        (format!("to={}", moment(-10)), "to"),
        (format!("since={}&to={}", moment(0), moment(61 * 24 * 60)), "to"),
    ] {
        let answer = ask(&app, &app.token, 1, &format!("?{query}")).expect(400).json();
        assert!(answer[key].is_string() && answer.as_object().unwrap().len() == 1, "{query}: {answer}");
    }
    ask(&app, &app.token, 1, "?within_minutes=9999999999999").expect(200);
    assert_eq!(
        app.request("GET", "/user/api/v2/1/activity?since=x", &[], None).expect(403).codes(),
        ["AE-000000"]
    );
    // Who is asked about comes first.
    let (gone, _) = person(&app, "gone");
    app.delete(&format!("/user/api/v2/{gone}/")).expect(204);
    for id in [gone, 999_999] {
        assert_eq!(ask(&app, &app.token, id, "?since=x").expect(404).codes(), ["AE-230000"]);
    }
}

fn case_platform_065_what_may_not_be_read_is_not_there(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (viewer, token) = person(&app, "viewer");
    let reader = role(&app, "reader", &json!({"users": [viewer]}));
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}, {"name": "b", "type": 2}]}));
    let value = |name: &str| json!({"id": attrs[name], "value": "x"});
    let entry = app.entry(entity, json!({"name": "x", "attrs": [value("a"), value("b")]}));
    let gone = app.entry(entity, json!({"name": "gone"}));
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    let all = list(&app, &token, 1, "").len();
    assert_eq!(all, 7, "two creations, four values, a deletion");
    let shown = app.get(&format!("/entry/api/v2/{entry}/")).json();
    let instance =
        shown["attrs"].as_array().unwrap().iter().find(|attr| attr["schema"]["name"] == "a").unwrap();
    let instance = instance["id"].as_i64().unwrap();
    close(&app, instance);
    assert_eq!(list(&app, &token, 1, "").len(), all - 1, "one value of one entry");
    app.put(&acl_path(instance), json!({"is_public": true})).expect(200);
    close(&app, attrs["b"]);
    assert_eq!(list(&app, &token, 1, "").len(), all - 2);
    close(&app, entry);
    assert_eq!(list(&app, &token, 1, "").len(), 3, "what is about the other entry");
    grant(&app, entry, reader, 2);
    close(&app, entity);
    assert!(list(&app, &token, 1, "").is_empty());
    let cost = |minutes: i64| {
        crate::statements::cost(&app, || drop(list(&app, &token, 1, &format!("?within_minutes={minutes}")))).0
    };
    assert_eq!(cost(1), cost(1000));
}

fn case_platform_067_068_references_have_a_model(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "t"}));
    let one = app.entry(target, json!({"name": "one"}));
    let ops = group(&app, "ops", None, &[]);
    let reader = role(&app, "reader", &json!({}));
    let choices = json!([{"value": "1", "label": "One"}]);
    let referring = |name: &str, code: i32| json!({"name": name, "type": code, "referral": [target]});
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [
        referring("object", 1), referring("objects", 1025), referring("named", 2049), referring("list", 3073),
        {"name": "group", "type": 16}, {"name": "groups", "type": 1040}, {"name": "role", "type": 64},
        {"name": "roles", "type": 1088}, {"name": "select", "type": 512, "choices": choices},
        {"name": "choices", "type": 1536, "choices": choices}, {"name": "day", "type": 32}, {"name": "number", "type": 256},
        {"name": "numbers", "type": 1280}, {"name": "flag", "type": 8}, {"name": "text", "type": 4},
        {"name": "strings", "type": 1026}, {"name": "date", "type": 32}, {"name": "moment", "type": 128},
        {"name": "no moment", "type": 128}, {"name": "no number", "type": 256}, {"name": "no object", "type": 1, "referral": [target]},
        {"name": "no choice", "type": 512, "choices": choices}, referring("half", 2049),
    ]}));
    let given = [
        ("object", json!(one)),
        ("objects", json!([one])),
        ("named", json!({"name": "n", "id": one})),
        ("list", json!([{"name": "n", "id": one}, {"name": "m", "id": null}])),
        ("group", json!(ops)),
        ("groups", json!([ops])),
        ("role", json!(reader)),
        ("roles", json!([reader])),
        ("select", json!("1")),
        ("choices", json!(["1"])),
        ("day", json!("")),
        ("number", json!(1.5)),
        ("numbers", json!([1, null])),
        ("flag", json!(true)),
        ("text", json!("a\nb")),
        ("strings", json!(["b", "a"])),
        ("date", json!("2024-2-1")),
        ("moment", json!("2024-02-01T00:00:00Z")),
        ("no moment", json!("")),
        ("no number", Value::Null),
        ("no object", Value::Null),
        ("no choice", json!("")),
        ("half", json!({"name": "n", "id": null})),
    ];
    let body: Value = given.iter().map(|(name, value)| json!({"id": attrs[*name], "value": value})).collect();
    app.entry(entity, json!({"name": "x", "attrs": body}));
    let found = list(&app, &app.token, 1, "?within_minutes=5");
    let value = |name: &str| {
        let record = found.iter().find(|record| record["target"]["attr"]["attribute_name"] == name);
        record.unwrap()["target"]["attr"]["curr_value"]["value"].clone()
    };
    let shown = json!({"id": one, "name": "one", "model": {"id": target, "name": "t"}});
    let party = |id: i64, name: &str| json!({"id": id, "name": name});
    for (name, expected) in [
        ("object", shown.clone()),
        ("objects", json!([shown])),
        ("named", json!({"name": "n", "object": shown})),
        ("list", json!([{"name": "n", "object": shown}, {"name": "m", "object": null}])),
        ("group", party(ops, "ops")),
        ("groups", json!([party(ops, "ops")])),
        ("role", party(reader, "reader")),
        ("roles", json!([party(reader, "reader")])),
        ("select", json!({"value": "1", "label": "One"})),
        ("choices", json!([{"value": "1", "label": "One"}])),
        ("day", Value::Null),
        ("number", json!(1.5)),
        ("numbers", json!([1, null])),
        ("flag", json!(true)),
        ("text", json!("a\nb")),
        ("strings", json!(["b", "a"])),
        ("date", json!("2024-02-01")),
        ("moment", json!("2024-02-01T00:00:00+00:00")),
        ("no moment", Value::Null),
        ("no number", Value::Null),
        ("no object", Value::Null),
        ("no choice", Value::Null),
        ("half", json!({"name": "n", "object": null})),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
}

fn periods_have_ends_and_no_more_than_sixty_days(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.entry(entity, json!({"name": "old"}));
    age(&app, 24 * 60);
    app.entry(entity, json!({"name": "new"}));
    let names = |query: &str| -> Vec<Value> {
        let found = list(&app, &app.token, 1, query);
        found.iter().map(|record| record["target"]["name"].clone()).collect()
    };
    let day = 24 * 60;
    // `to` alone reaches to now, and wins over minutes; `since` alone reaches back to the beginning.
    assert_eq!(names(&format!("?to={}&within_minutes=1", moment(2 * day))), ["new", "old"]);
    assert_eq!(names(&format!("?since={}", moment(60))), ["old"]);
    // Both ends belong to it.
    let old = list(&app, &app.token, 1, &format!("?since={}", moment(60)));
    let exactly = old[0]["timestamp"].as_str().unwrap();
    assert_eq!(names(&format!("?since={exactly}&to={exactly}")), ["old"]);
    assert_eq!(names(&format!("?to={}", moment(60 * day - 1))).len(), 2);
    for query in
        [format!("?to={}", moment(60 * day)), format!("?since={}&to={}", moment(0), moment(60 * day + 1))]
    {
        assert!(ask(&app, &app.token, 1, &query).expect(400).json()["to"].is_string(), "{query}");
    }
}

fn the_ten_newest_are_counted_before_it_is_known_who_may_read_them(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "guest");
    let (entity, _) = app.entity(json!({"name": "e"}));
    let made: Vec<i64> = (0..14).map(|n| app.entry(entity, json!({"name": format!("n{n:02}")}))).collect();
    app.delete(&format!("/entry/api/v2/{}/", made[0])).expect(204);
    assert_eq!(list(&app, &token, 1, "").len(), 11, "ten of each kind");
    for id in &made[4..] {
        close(&app, *id);
    }
    assert_eq!(list(&app, &token, 1, "").len(), 1);
    assert_eq!(list(&app, &token, 1, "?within_minutes=5").len(), 5);
}

fn records_have_exactly_these_keys(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "n", "attrs": [{"id": attrs["a"], "value": "x"}]}));
    let found = list(&app, &app.token, 1, "");
    let at = found[0]["timestamp"].as_str().unwrap();
    assert!(at.len() == 27 && at.ends_with('Z'), "{at}");
    let version = found[0]["target"]["attr"]["curr_value"]["attribute_value_id"].as_i64().unwrap();
    let expected = json!([
        {"action_type": "update", "target_type": "item", "timestamp": at, "target": {
            "item_id": entry, "item_name": "n", "model": {"model_id": entity, "model_name": "e"},
            "attr": {
                "attribute_id": attrs["a"], "attribute_name": "a", "type": 2, "prev_value": null,
                "curr_value": {
                    "attribute_value_id": version, "value": "x", "user": {"user_id": 1, "username": "admin"},
                },
            },
        }},
        {"action_type": "create", "target_type": "item", "timestamp": at, "target": {
            "item_id": entry, "name": "n", "model": {"id": entity, "name": "e"},
        }},
    ]);
    assert_eq!(json!(found), expected);
}
