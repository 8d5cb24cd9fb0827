//! What searches find, as files. *Source: spec, search §6, and case 202.*

use super::search::{World, every_type, referred};
use super::{close, person};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::ctx::OpCtx;
use pagoda_core::services::job::{self, Operation, Sealed};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::user;
use pagoda_core::store::queries::user::by_id;
use pagoda_core::wire::yaml;
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    case_entry_202_who_refers_to_what_is_found;
    case_platform_142_a_file_is_downloaded;
    case_platform_149_the_same_export_is_not_begun_twice;
    every_type_in_a_table;
    every_type_in_a_document;
    joined_attributes_are_columns;
    all_entities_in_one_file;
    what_may_not_be_read_is_blank;
    the_answer_is_the_request_as_it_was_understood;
    what_is_wrong_with_an_export;
    an_export_that_takes_too_long_fails;
    a_job_that_was_called_off_leaves_no_file;
}

const EXPORT: &str = "/entry/api/v2/advanced_search_result_export/";

/// An export, and its job.
#[track_caller]
fn export_as(app: &TestApp, token: &str, body: &Value) -> Value {
    app.with_token(token, "POST", EXPORT, Some(body)).expect(200);
    let jobs = app.with_token(token, "GET", "/job/api/v2/jobs", None).expect(200).json();
    jobs["results"][0].clone()
}

fn file_of(app: &TestApp, token: &str, job: &Value, query: &str) -> Vec<u8> {
    let path = format!("/job/api/v2/{}/download{query}", job["id"]);
    app.with_token(token, "GET", &path, None).expect(200).bytes
}

/// The file of an export of the entity.
#[track_caller]
fn file(world: &World, style: &str, mut body: Value) -> String {
    for (key, default) in [("entities", json!([world.entity])), ("attrinfo", json!([]))] {
        if body.get(key).is_none() {
            body[key] = default;
        }
    }
    body["export_style"] = json!(style);
    let token = &world.app.token;
    let job = export_as(&world.app, token, &body);
    String::from_utf8(file_of(&world.app, token, &job, "")).unwrap()
}

fn document(world: &World, body: Value) -> Value {
    yaml::parse(file(world, "yaml", body).as_bytes()).unwrap()
}

fn case_entry_202_who_refers_to_what_is_found(database: Database) {
    let Some((world, ..)) = referred(database) else { return };
    let with = json!({"has_referral": true});
    assert_eq!(
        file(&world, "csv", with.clone()),
        "Name,Entity,Referral\na,e,['e-1 / one']\nb,e,\"['e-1 / one', 'e-2 / two']\"\nc,e,[]\n"
    );
    let shown = document(&world, with);
    let referrals = |at: usize| shown[0]["entries"][at]["referrals"].clone();
    assert_eq!(referrals(0), json!([{"entity": "one", "entry": "e-1"}]));
    assert_eq!(referrals(2), json!([]));
    for without in [json!({}), json!({"has_referral": false, "referral_name": "e-1"})] {
        assert_eq!(file(&world, "csv", without.clone()), "Name,Entity\na,e\nb,e\nc,e\n");
        assert_eq!(document(&world, without)[0]["entries"][0].get("referrals"), None);
    }
    let by = json!({"has_referral": true, "referral_name": "e-2"});
    assert_eq!(file(&world, "csv", by), "Name,Entity,Referral\nb,e,\"['e-1 / one', 'e-2 / two']\"\n");
}

fn case_platform_142_a_file_is_downloaded(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    world.entry("a", &[("s", json!("日本 \u{1f5fc}"))]);
    let (_, token) = person(&world.app, "u");
    let body = json!({"entities": [world.entity], "attrinfo": [{"name": "s"}], "export_style": "csv"});
    let job = export_as(&world.app, &token, &body);
    assert_eq!(
        (&job["operation"], &job["status"], &job["text"], &job["target"]),
        (&json!(22), &json!(2), &json!("search_results.csv"), &Value::Null)
    );
    let path = format!("/job/api/v2/{}/download", job["id"]);
    let answer = world.app.with_token(&token, "GET", &path, None).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/force-download"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"search_results.csv\""));
    assert_eq!(answer.body, "Name,Entity,s\na,e,日本 \u{1f5fc}\n");
    let japanese = file_of(&world.app, &token, &job, "?encode=shift_jis");
    assert_eq!(japanese, b"Name,Entity,s\na,e,\x93\xfa\x96\x7b ?\n");
    let refused = |token: &str, query: &str, status: u16| {
        world.app.with_token(token, "GET", &format!("{path}{query}"), None).expect(status)
    };
    assert_eq!(refused(&token, "?encode=latin1", 400).codes(), ["AE-250000"]);
    assert!(refused(&world.app.token, "", 403).json().is_string(), "not even administrators");
    // It goes with its job.
    Runner::of_server(&world.app.host, None)
        .run_blocking(Mode::Write, |op| {
            op.now = pagoda_plugin_sdk::time::Timestamp::from_micros(op.now.as_micros() + 3 * 86_400_000_000);
            job::forget(op, 1, 100)
        })
        .unwrap();
    assert_eq!(refused(&token, "", 404).codes(), ["AE-230000"]);
}

fn case_platform_149_the_same_export_is_not_begun_twice(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    let app = &world.app;
    let body = json!({"entities": [world.entity], "attrinfo": [{"name": "s", "keyword": "x"}], "export_style": "csv"});
    let other_order = json!({"export_style": "csv", "attrinfo": [{"keyword": "x", "name": "s"}], "entities": [world.entity.to_string()]});
    let job = export_as(app, &app.token, &body);
    assert_eq!(app.post(EXPORT, other_order.clone()).expect(200).json()["entities"], json!([world.entity]));
    // As while it is being worked on.
    let user = app.get("/user/api/v2/").json()["results"][0]["id"].as_i64().unwrap();
    Runner::of_server(&app.host, None)
        .run_blocking(Mode::Write, |op| {
            let row =
                pagoda_core::store::queries::job::by_id(&mut op.db, job["id"].as_i64().unwrap())?.unwrap();
            assert_eq!(row.owner_id, user);
            let now = op.now.as_micros();
            Ok(pagoda_core::store::queries::job::set_status(&mut op.db, row.id, 5, "", now)?)
        })
        .unwrap();
    assert_eq!(app.post(EXPORT, body).expect(400).codes(), ["AE-121000"]);
    assert_eq!(app.post(EXPORT, other_order).expect(400).codes(), ["AE-121000"]);
    let changed = json!({"entities": [world.entity], "attrinfo": [{"name": "s", "keyword": "y"}], "export_style": "csv"});
    app.post(EXPORT, changed).expect(200);
    let (_, token) = person(app, "u");
    let same = json!({"entities": [world.entity], "attrinfo": [{"name": "s", "keyword": "x"}], "export_style": "csv"});
    app.with_token(&token, "POST", EXPORT, Some(&same)).expect(200);
}

/// The names of the attributes of [`every_type`], in the order of this file.
const TYPES: [&str; 19] = [
    "string", "text", "flag", "day", "time", "number", "object", "group", "role", "choice", "named",
    "strings", "numbers", "objects", "groups", "roles", "choices", "nameds", "flaggeds",
];

fn all_types() -> Value {
    TYPES.iter().map(|name| json!({ "name": name })).collect()
}

fn every_type_in_a_table(database: Database) {
    let Some((world, _)) = every_type(database) else { return };
    world.entry("later", &[("strings", json!(["n10", "n9", "\"x\", y"]))]);
    let table = file(&world, "csv", json!({"attrinfo": all_types()}));
    let mut lines = table.split('\n');
    assert_eq!(lines.next().unwrap(), format!("Name,Entity,{}", TYPES.join(",")));
    assert_eq!(
        lines.by_ref().take(3).collect::<Vec<_>>().join("\n"),
        "full,e,s,t,True,2024-01-31,2024-01-31T12:00:00+00:00,1.5,to,g,r,Red,key: to,\"x\ny\",1,to,g,r,Red,key: to,\"alone: \nkey: to\""
    );
    assert_eq!(
        lines.by_ref().take(3).collect::<Vec<_>>().join("\n"),
        "later,e,,,False,,,,,,,,: ,\"\"\"x\"\", y\nn9\nn10\",,,,,,,"
    );
    assert_eq!(lines.collect::<Vec<_>>(), ["none,e,,,False,,,,,,,,: ,,,,,,,,", ""]);
}

fn every_type_in_a_document(database: Database) {
    let Some((world, _)) = every_type(database) else { return };
    let shown = document(&world, json!({"attrinfo": all_types()}));
    assert_eq!(shown[0]["entity"], "e");
    let entries = shown[0]["entries"].as_array().unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["full", "none"]
    );
    let value = |entry: usize, name: &str| {
        let attrs = entries[entry]["attrs"].as_array().unwrap();
        attrs.iter().find(|attr| attr["name"] == name).unwrap_or_else(|| panic!("{name}"))["value"].clone()
    };
    let to = json!({"entity": "other", "name": "to"});
    for (name, set, blank) in [
        ("string", json!("s"), json!("")),
        ("text", json!("t"), json!("")),
        ("flag", json!(true), json!(false)),
        ("day", json!("2024-01-31"), json!("")),
        ("time", json!("2024-01-31T12:00:00+00:00"), json!("")),
        ("number", json!(1.5), json!(null)),
        ("object", to.clone(), json!(null)),
        ("group", json!("g"), json!(null)),
        ("role", json!("r"), json!(null)),
        ("choice", json!("c1"), json!(null)),
        ("named", json!({"key": to}), json!({})),
        ("strings", json!(["x", "y"]), json!([])),
        ("numbers", json!([1]), json!([])),
        ("objects", json!([to]), json!([])),
        ("groups", json!(["g"]), json!([])),
        ("roles", json!(["r"]), json!([])),
        ("choices", json!(["c1"]), json!([])),
        ("nameds", json!([{"key": to}]), json!([])),
        (
            "flaggeds",
            json!([{"key": {"entity": "other", "name": "to", "boolean": true}}, {"alone": null, "boolean": true}]),
            json!([]),
        ),
    ] {
        assert_eq!((value(0, name), value(1, name)), (set, blank), "{name}");
    }
    assert_eq!(file(&world, "yaml", json!({"hint_entry": {"filter_key": 1, "keyword": "nobody"}})), "[]\n");
    // What a document makes of texts that it must quote.
    let name = "- a: 'b' #\n";
    world.entry(
        "quoted",
        &[("text", json!("line\n\n  second: \"x\"\n")), ("strings", json!([name, "", "null"]))],
    );
    let attrs = json!([{"name": "text"}, {"name": "strings"}]);
    let hint = json!({"filter_key": 1, "keyword": "quoted"});
    let shown = document(&world, json!({"attrinfo": attrs, "hint_entry": hint}));
    let values = super::column(&shown[0]["entries"][0]["attrs"], "value");
    assert!(values.contains(&json!("line\n\n  second: \"x\"\n")), "{shown}");
    assert!(
        values.iter().any(|value| value.as_array().is_some_and(|list| list.contains(&json!("null")))),
        "{shown}"
    );
}

fn joined_attributes_are_columns(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let vendors = World::within(app, "vendor", json!([{"name": "country", "type": 2}]));
    let acme = vendors.entry("acme", &[("country", json!("JP"))]);
    let umbra = vendors.entry("umbra", &[("country", json!("DE"))]);
    let attrs = json!([{"name": "used", "type": 1025, "referral": [vendors.entity]}]);
    let world = World::within(vendors.app, "device", attrs);
    world.entry("a", &[("used", json!([umbra, acme]))]);
    world.entry("b", &[]);
    let body = |keyword: &str| {
        let join = json!([{"name": "used", "attrinfo": [{"name": "country", "keyword": keyword}]}]);
        json!({"attrinfo": [{"name": "used"}], "join_attrs": join, "has_referral": true})
    };
    assert_eq!(
        file(&world, "csv", body("")),
        "Name,used,country\na,\"acme\numbra\",DE\na,\"acme\numbra\",JP\nb,,\n"
    );
    assert_eq!(file(&world, "csv", body("jp")), "Name,used,country\na,\"acme\numbra\",JP\n");
    let shown = document(&world, body(""));
    assert_eq!(super::column(&shown[0]["entries"], "name"), ["a", "b"], "each once");
    assert_eq!(super::column(&shown[0]["entries"][0]["attrs"], "name"), ["used"]);
}

fn all_entities_in_one_file(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let attrs = json!([{"name": "s", "type": 2}]);
    let zeta = World::within(app, "zeta", attrs.clone());
    zeta.entry("z", &[("s", json!("1"))]);
    let alpha = World::within(zeta.app, "alpha", attrs);
    alpha.entry("a", &[]);
    let (bare, _) = alpha.app.entity(json!({"name": "bare"}));
    alpha.app.entry(bare, json!({"name": "nothing"}));
    let all = json!({"attrinfo": [{"name": "s"}], "is_all_entities": true, "entities": []});
    assert_eq!(file(&alpha, "csv", all.clone()), "Name,Entity,s\na,alpha,\nz,zeta,1\n");
    let shown = document(&alpha, all.clone());
    assert_eq!(super::column(&shown, "entity"), ["alpha", "zeta"]);
    let mut asked = all;
    asked["export_style"] = json!("yaml");
    let echo = alpha.app.post(EXPORT, asked).expect(200).json();
    assert_eq!(echo["entities"], json!([alpha.entity, zeta.entity]));
    // An entity that has no such attribute has nothing to say, unless nothing was asked for.
    let some = |attrinfo: Value| {
        file(&alpha, "csv", json!({"entities": [bare, alpha.entity], "attrinfo": attrinfo}))
    };
    assert_eq!(some(json!([{"name": "s"}])), "Name,Entity,s\na,alpha,\n");
    assert_eq!(some(json!([])), "Name,Entity\nnothing,bare\na,alpha\n");
}

fn what_may_not_be_read_is_blank(database: Database) {
    let attrs = json!([{"name": "open", "type": 2}, {"name": "shut", "type": 2}]);
    let Some(world) = World::new(database, attrs) else { return };
    let app = &world.app;
    let values = [("open", json!("x")), ("shut", json!("y"))];
    let [a, _] = ["a", "b"].map(|name| world.entry(name, &values));
    close(app, a);
    close(app, world.attrs["shut"]);
    let (_, token) = person(app, "u");
    let body = |style: &str| json!({"entities": [world.entity], "attrinfo": [{"name": "open"}, {"name": "shut"}], "export_style": style});
    let job = export_as(app, &token, &body("csv"));
    assert_eq!(file_of(app, &token, &job, ""), b"Name,Entity,open,shut\na,e,,\nb,e,x,\n");
    let job = export_as(app, &token, &body("yaml"));
    let shown = yaml::parse(&file_of(app, &token, &job, "")).unwrap();
    let entries = &shown[0]["entries"];
    assert_eq!(
        (super::column(entries, "name"), &entries[0]["attrs"]),
        (vec![json!("a"), json!("b")], &json!([]))
    );
    assert_eq!(entries[1]["attrs"], json!([{"name": "open", "value": "x"}]));
    close(app, world.entity);
    let job = export_as(app, &token, &body("csv"));
    assert_eq!(file_of(app, &token, &job, ""), b"Name,Entity,open,shut\n");
}

fn the_answer_is_the_request_as_it_was_understood(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "floor", "type": 2}])) else { return };
    let id = world.entity;
    let minimal = json!({"entities": [id.to_string()], "attrinfo": [{"name": "floor", "more": 1}], "export_style": "csv", "other": true});
    assert_eq!(
        world.app.post(EXPORT, minimal).expect(200).json(),
        json!({"entities": [id], "attrinfo": [{"name": "floor"}], "is_all_entities": false, "export_style": "csv"})
    );
    let whole = json!({
        "entities": [id], "attrinfo": [{"name": "floor", "filter_key": "3", "keyword": 1}], "export_style": "yaml",
        "join_attrs": [{"name": "nobody", "offset": "0", "attrinfo": [{"name": "x", "keyword": ""}], "x": 1}],
        "hint_entry": {"filter_key": 1, "keyword": "a"}, "has_referral": "true", "referral_name": "r", "is_all_entities": "false",
    });
    assert_eq!(
        world.app.post(EXPORT, whole).expect(200).json(),
        json!({
            "entities": [id], "attrinfo": [{"name": "floor", "filter_key": 3, "keyword": "1"}], "export_style": "yaml",
            "join_attrs": [{"name": "nobody", "offset": 0, "attrinfo": [{"name": "x", "keyword": ""}]}],
            "hint_entry": {"filter_key": 1, "keyword": "a"}, "has_referral": true, "referral_name": "r", "is_all_entities": false,
        })
    );
}

fn what_is_wrong_with_an_export(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    let codes = |mut body: Value| {
        for (key, default) in
            [("entities", json!([world.entity])), ("attrinfo", json!([])), ("export_style", json!("csv"))]
        {
            if body.get(key).is_none() {
                body[key] = default;
            }
        }
        world.app.post(EXPORT, body).expect(400).codes().join(", ")
    };
    let all = world.app.post(EXPORT, json!({"has_referral": "x"})).expect(400).codes();
    for field in
        ["entities AE-113000", "attrinfo AE-113000", "export_style AE-113000", "has_referral AE-121000"]
    {
        assert!(all.iter().any(|code| code == field), "{field}: {all:?}");
    }
    let twice = json!([world.entity, world.entity]);
    for (body, expected) in [
        (json!({"entities": [999_999]}), "entities AE-121000"),
        (json!({"entities": twice}), "entities AE-121000"),
        (json!({"entities": ["x"]}), "entities.0 AE-121000"),
        (json!({"export_style": "CSV"}), "export_style AE-121000"),
        (json!({"export_style": null}), "export_style AE-121000"),
        (json!({"referral_name": ""}), "referral_name AE-999999"),
        (json!({"referral_name": " "}), "referral_name AE-999999"),
        (json!({"is_all_entities": true, "attrinfo": [{"name": "nobody"}]}), "non_field_errors AE-121000"),
    ] {
        assert_eq!(codes(body.clone()), expected, "{body}");
    }
    assert_eq!(world.app.post(EXPORT, json!([])).expect(400).codes(), ["non_field_errors AE-121000"]);
    // One that was deleted was one.
    let (gone, _) = world.app.entity(json!({"name": "gone"}));
    world.app.delete(&format!("/entity/api/v2/{gone}/")).expect(202);
    assert_eq!(file(&world, "csv", json!({"entities": [gone, world.entity]})), "Name,Entity\n");
    let jobs = world.app.get("/job/api/v2/jobs").json();
    assert_eq!(super::column(&jobs["results"], "operation").iter().filter(|code| **code == 22).count(), 1);
}

fn an_export_that_takes_too_long_fails(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::default(), |config| {
        config.limits.search_timeout = Duration::from_micros(1)
    }) else {
        return;
    };
    let world = World::within(app, "e", json!([{"name": "s", "type": 2}]));
    world.entry("a", &[("s", json!("x"))]);
    let body = json!({"entities": [world.entity], "attrinfo": [{"name": "s", "keyword": "x"}], "export_style": "csv"});
    let answer = world.app.post(EXPORT, body).expect(503);
    assert!(answer.body.contains("search_timeout_s"), "{}", answer.body);
    let jobs = world.app.get("/job/api/v2/jobs").json();
    assert_eq!((&jobs["results"][0]["operation"], &jobs["results"][0]["status"]), (&json!(22), &json!(3)));
    let path = format!("/job/api/v2/{}/download", jobs["results"][0]["id"]);
    assert_eq!(world.app.get(&path).expect(400).codes(), ["AE-270000"]);
}

fn a_job_that_was_called_off_leaves_no_file(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let admin = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(user::model(&by_id(&mut op.db, 1)?.unwrap())))
        .unwrap();
    let runner = Runner::of_server(&app.host, Some(admin));
    let begin = |op: &mut OpCtx| job::begin(op, Operation::ExportSearchResult, None, &json!({}));
    let running = runner.run_blocking(Mode::Write, begin).unwrap();
    let path = format!("/job/api/v2/{}/", running.id);
    app.delete(&path).expect(204);
    let file = Sealed::of(Sealed::open()).unwrap();
    runner
        .run_blocking(Mode::Write, |op| {
            assert!(job::was_canceled(op, running)?);
            job::keep(op, running, "f.csv", &file)
        })
        .unwrap();
    let shown = app.get(&path).expect(200).json();
    assert_eq!((&shown["status"], &shown["text"]), (&json!(6), &json!("")));
    assert_eq!(app.get(&format!("{path}download")).expect(400).codes(), ["AE-270000"]);
}
