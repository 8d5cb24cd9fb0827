//! Days and points in time as values. *Source: spec, attribute-types §2, §3, §5.*

use super::column;
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_databases! {
    forms_of_points_in_time;
    forms_of_days;
    what_is_no_point_in_time;
    what_is_no_day;
}

fn world(database: Database) -> Option<(TestApp, i64, BTreeMap<String, i64>)> {
    let app = TestApp::bare(database)?;
    let attrs = json!([{"name": "day", "type": 32}, {"name": "time", "type": 128}]);
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
    Some((app, entity, attrs))
}

fn forms_of_points_in_time(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    for (index, (sent, stored)) in [
        ("2024-02-01T00:00:00Z", "2024-02-01T00:00:00"),
        ("2024-02-01t00:00:00z", "2024-02-01T00:00:00"),
        ("2024-02-01T09:00:00+09:00", "2024-02-01T00:00:00"),
        ("2024-02-01T09:00:00+0900", "2024-02-01T00:00:00"),
        ("2024-01-31T18:30:00-0530", "2024-02-01T00:00:00"),
        ("20240201T000000Z", "2024-02-01T00:00:00"),
        ("2024-02-01T00:00Z", "2024-02-01T00:00:00"),
        ("2024-02-01T00:00:00.5Z", "2024-02-01T00:00:00.500000"),
        ("2024-02-01T00:00:00.123456Z", "2024-02-01T00:00:00.123456"),
        // Without an offset in the server's zone.
        ("2024-02-01T09:00:00", "2024-02-01T00:00:00"),
        ("2024-02-01", "2024-01-31T15:00:00"),
        ("20240201", "2024-01-31T15:00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59"),
    ]
    .into_iter()
    .enumerate()
    {
        let attrs = json!([{"id": attrs["time"], "value": sent}]);
        let entry = app.entry(entity, json!({"name": index.to_string(), "attrs": attrs}));
        assert_eq!(app.value(entry, "time"), json!({"as_string": format!("{stored}Z")}), "{sent}");
        let page = app.get(&format!("/entry/api/v2/{entry}/histories/")).expect(200).json();
        let shown = column(&page["results"], "curr_value");
        assert_eq!(shown, [json!({"as_string": format!("{stored}+00:00")})], "{sent}");
    }
}

fn forms_of_days(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    for (index, (sent, stored)) in [
        ("2024-02-01", "2024-02-01"),
        ("2024-2-1", "2024-02-01"),
        ("2024-02-29", "2024-02-29"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
    ]
    .into_iter()
    .enumerate()
    {
        let attrs = json!([{"id": attrs["day"], "value": sent}]);
        let entry = app.entry(entity, json!({"name": index.to_string(), "attrs": attrs}));
        assert_eq!(app.value(entry, "day"), json!({"as_string": stored}), "{sent}");
    }
    // Whatever counts as false is no day.
    for (index, nothing) in
        [json!(null), json!(""), json!(false), json!(0), json!([]), json!({})].into_iter().enumerate()
    {
        let attrs = json!([{"id": attrs["day"], "value": nothing}]);
        let entry = app.entry(entity, json!({"name": format!("none {index}"), "attrs": attrs}));
        assert_eq!(app.value(entry, "day"), json!({"as_string": ""}), "{nothing}");
    }
}

/// Each of these is refused, alike in a creation and in an update.
fn refuse(app: &TestApp, entity: i64, attr: i64, wrong: &[Value]) {
    let entry = app.entry(entity, json!({"name": "x"}));
    for value in wrong {
        let attrs = json!([{"id": attr, "value": value}]);
        let shown = value.to_string().chars().take(60).collect::<String>();
        for answer in [
            app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": "y", "attrs": attrs})),
            app.put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": attrs})),
        ] {
            assert_eq!(answer.expect(400).codes(), ["non_field_errors AE-121000"], "{shown}");
        }
    }
    assert_eq!(app.entry_names(entity), ["x"]);
}

fn what_is_no_point_in_time(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let wrong = [
        "yesterday",
        " ",
        "2024-01-02T03:04[Europe/Paris]",
        "2024-01-02T03:04+01:00[Europe/Paris]",
        "2024-01-02T03:04:05Z[UTC]",
        "0000-01-01T00:00:00Z",
        "0000-01-01",
        "-000001-01-01T00:00:00Z",
        "-2024-01-01T00:00:00Z",
        "+010000-01-01T00:00:00Z",
        // Before the first and after the last one in UTC.
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2024-13-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-02-01T25:00:00Z",
        "2024-02-01T00:00:00+99:00",
        "12:00:00",
    ];
    let mut wrong: Vec<Value> = wrong.iter().map(|text| json!(text)).collect();
    // Too long is no form of its own here.
    wrong.extend([json!("2".repeat(65_537)), json!(format!("2024-02-01T00:00:00.{}Z", "0".repeat(65_537)))]);
    refuse(&app, entity, attrs["time"], &wrong);
}

fn what_is_no_day(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let wrong = [
        "today",
        " ",
        "2024/02/01",
        "20240201",
        "24-02-01",
        "0000-01-01",
        "-2024-01-01",
        "10000-01-01",
        "2024-02-30",
        "2024-02-01T00:00:00Z",
        "2024-02",
        "2024-02-001",
    ];
    let mut wrong: Vec<Value> = wrong.iter().map(|text| json!(text)).collect();
    wrong.extend([json!("2".repeat(65_537)), json!(format!("2024-02-01{}", " ".repeat(65_537)))]);
    refuse(&app, entity, attrs["day"], &wrong);
}
