//! Cases E: access rules.

use super::{ADMIN, acl_path, close, column, grant, group, permission, person, role};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_plugin_sdk::model::Level;
use serde_json::{Value, json};

on_both_databases! {
    case_platform_082_invalid_levels_are_denied;
    case_platform_083_grants_include_lower_levels;
    case_platform_085_default_permission_is_a_level_for_everybody;
    case_platform_086_administrators_may_everything;
    case_platform_088_members_and_administrators_of_a_role_have_its_grants;
    case_platform_089_deletion_leaves_an_inactive_object;
    case_platform_091_parents_are_shown;
    case_platform_092_a_private_object_is_not_shown;
    case_platform_094_what_is_not_sent_stays;
    case_platform_095_nobody_locks_everybody_out;
    case_platform_097_nothing_changes_nothing;
    case_platform_098_a_full_role_lets_an_object_be_closed;
    case_platform_100_the_last_full_role_stays;
    case_platform_101_the_full_role_may_be_a_foreign_one;
    case_platform_103_changing_needs_full;
    case_platform_104_history_begins_with_the_creation;
    case_platform_106_grants_are_in_the_history;
    case_platform_107_definitions_are_in_the_history_of_their_entity;
    superiors_must_grant_the_level_themselves;
    read_only_users_never_have_more_than_readable;
    input_is_judged_field_by_field;
    what_was_refused_changed_nothing;
    every_method_and_object_has_its_status;
    the_answer_shows_the_new_state;
    the_history_of_what_has_none_is_empty;
    names_of_the_history_are_those_of_the_time;
    roles_that_are_named_must_be_ones_own_unless_nobody_is_locked_out;
    the_history_has_roles_as_they_are_called_now;
    deleted_objects_are_reached_by_their_rules;
}

/// An entity with an attribute and an entry that has a value, and a guest.
struct Scene {
    app: TestApp,
    entity: i64,
    attr: i64,
    entry: i64,
    attribute: i64,
    guest: i64,
    token: String,
}

impl Scene {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
        let attr = attrs["s"];
        let entry = app.entry(entity, json!({"name": "x", "attrs": [{"id": attr, "value": "v"}]}));
        let shown = app.get(&format!("/entry/api/v2/{entry}/")).json();
        let attribute = shown["attrs"][0]["id"].as_i64().unwrap();
        let (guest, token) = person(&app, "guest");
        Some(Self { app, entity, attr, entry, attribute, guest, token })
    }

    fn guest(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.app.with_token(&self.token, method, path, body.as_ref())
    }

    fn put(&self, object: i64, body: Value) -> Answer {
        self.guest("PUT", &acl_path(object), Some(body))
    }

    fn shown(&self, object: i64) -> Value {
        self.app.get(&acl_path(object)).expect(200).json()
    }

    fn history(&self, object: i64) -> Vec<Value> {
        let path = format!("{}/history", acl_path(object));
        self.app.get(&path).expect(200).json().as_array().unwrap().clone()
    }
}

fn case_platform_082_invalid_levels_are_denied(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    for code in [-1, 0, 3, 5, 6, 7, 9, 16] {
        assert_eq!(Level::from_code(code), None, "{code} is no level, so nobody can be asked for it");
        let body = json!({"default_permission": code});
        assert_eq!(scene.put(scene.entity, body).expect(400).codes(), ["default_permission AE-121000"]);
    }
    assert_eq!(scene.shown(scene.entity)["default_permission"], 1);
}

fn case_platform_083_grants_include_lower_levels(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({"users": [scene.guest]}));
    close(&scene.app, scene.entity);
    for level in [1, 2, 4, 8] {
        grant(&scene.app, scene.entity, role, level);
        assert_eq!(permission(&scene.app, &scene.token, scene.entity), i64::from(level));
        let path = format!("/entity/api/v2/{}/", scene.entity);
        scene.guest("GET", &path, None).expect(if level >= 2 { 200 } else { 403 });
        let status = if level >= 4 { 202 } else { 403 };
        scene.guest("PUT", &path, Some(json!({"note": "n"}))).expect(status);
    }
}

fn case_platform_085_default_permission_is_a_level_for_everybody(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let made = scene.guest("POST", "/entity/api/v2/", Some(json!({"name": "own"}))).expect(202).json();
    let own = made["id"].as_i64().unwrap();
    for level in [2, 4, 8] {
        scene.app.put(&acl_path(own), json!({"is_public": false, "default_permission": level})).expect(200);
        assert_eq!(permission(&scene.app, &scene.token, own), level, "the creator has no more than others");
    }
}

fn case_platform_086_administrators_may_everything(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    for object in [scene.entity, scene.attr, scene.entry, scene.attribute] {
        close(&scene.app, object);
    }
    assert_eq!(permission(&scene.app, &scene.app.token, scene.entity), 8);
    assert_eq!(scene.app.get(&format!("/entry/api/v2/{}/", scene.entry)).expect(200).json()["permission"], 8);
}

fn case_platform_088_members_and_administrators_of_a_role_have_its_grants(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let (member, member_token) = person(&scene.app, "member");
    let (admin, admin_token) = person(&scene.app, "role-admin");
    let role = role(&scene.app, "r", &json!({"users": [member], "admin_users": [admin]}));
    close(&scene.app, scene.entity);
    grant(&scene.app, scene.entity, role, 8);
    for (token, level) in [(&member_token, 8), (&admin_token, 8), (&scene.token, 1)] {
        assert_eq!(permission(&scene.app, token, scene.entity), level);
    }
    // A role that is deleted grants nothing any more.
    scene.app.delete(&format!("/role/api/v2/{role}")).expect(204);
    assert_eq!(permission(&scene.app, &member_token, scene.entity), 1);
}

fn case_platform_089_deletion_leaves_an_inactive_object(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    scene.guest("DELETE", &format!("/entry/api/v2/{}/", scene.entry), None).expect(204);
    let shown = scene.app.get(&format!("/entry/api/v2/{}/", scene.entry)).expect(200).json();
    assert!(shown["name"].as_str().unwrap().starts_with("x_deleted_"), "{shown}");
    assert_eq!((&shown["is_active"], &shown["deleted_user"]["username"]), (&json!(false), &json!("guest")));
    assert!(shown["deleted_time"].is_string());
    // Its rules can still be reached.
    assert_eq!(scene.shown(scene.entry)["name"], shown["name"]);
}

fn case_platform_091_parents_are_shown(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let cases = [
        (scene.entity, 1, Value::Null),
        (scene.attr, 2, json!({"id": scene.entity, "name": "e", "is_public": true})),
        (scene.entry, 4, json!({"id": scene.entity, "name": "e", "is_public": true})),
        (scene.attribute, 8, json!({"id": scene.entry, "name": "x", "is_public": true})),
    ];
    for (object, objtype, parent) in cases {
        let shown = scene.guest("GET", &acl_path(object), None).expect(200).json();
        let keys: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["id", "name", "is_public", "default_permission", "objtype", "roles", "parent"]);
        assert_eq!((&shown["objtype"], &shown["parent"]), (&json!(objtype), &parent));
        assert_eq!((&shown["id"], &shown["roles"]), (&json!(object), &json!([])));
    }
}

fn case_platform_092_a_private_object_is_not_shown(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    close(&scene.app, scene.entity);
    for path in [acl_path(scene.entity), format!("{}/history", acl_path(scene.entity))] {
        assert_eq!(scene.guest("GET", &path, None).expect(403).codes(), ["AE-210000"]);
    }
}

fn case_platform_094_what_is_not_sent_stays(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({"users": [scene.guest]}));
    let all = json!({
        "is_public": false, "default_permission": 2, "acl_settings": [{"member_id": role, "value": 8}],
    });
    scene.put(scene.entity, all).expect(200);
    let state = |is_public: bool, default_permission: i32, level: i32| {
        let shown = scene.shown(scene.entity);
        assert_eq!(shown["is_public"], is_public);
        assert_eq!(shown["default_permission"], default_permission);
        assert_eq!(shown["roles"][0]["current_permission"], level);
    };
    state(false, 2, 8);
    scene.put(scene.entity, json!({"is_public": true})).expect(200);
    state(true, 2, 8);
    scene.put(scene.entity, json!({"default_permission": "8"})).expect(200);
    state(true, 8, 8);
    scene
        .put(scene.entity, json!({"acl_settings": [{"member_id": role.to_string(), "value": "1"}]}))
        .expect(200);
    state(true, 8, 1);
}

fn case_platform_095_nobody_locks_everybody_out(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({"users": [scene.guest]}));
    for body in [
        json!({"is_public": false}),
        json!({"is_public": false, "acl": [{"member_id": role, "value": 8}]}),
        json!({"is_public": false, "default_permission": 4}),
        json!({"is_public": false, "acl_settings": [{"member_id": role, "value": 4}]}),
    ] {
        assert_eq!(scene.put(scene.entity, body).expect(403).codes(), ["AE-210000"]);
    }
    assert_eq!(scene.shown(scene.entity)["is_public"], true);
    // Administrators may, and so may others where the default is full.
    scene.put(scene.entity, json!({"is_public": false, "default_permission": 8})).expect(200);
    scene.app.put(&acl_path(scene.entity), json!({"default_permission": 1})).expect(200);
}

fn case_platform_097_nothing_changes_nothing(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let before = scene.shown(scene.entity);
    let steps = scene.history(scene.entity).len();
    assert_eq!(scene.put(scene.entity, json!({})).expect(200).json()["is_public"], true);
    scene.put(scene.entity, json!({"name": "other", "is_public": "true", "acl_settings": []})).expect(200);
    assert_eq!(scene.shown(scene.entity), before);
    assert_eq!(scene.history(scene.entity).len(), steps);
}

fn case_platform_098_a_full_role_lets_an_object_be_closed(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({"users": [scene.guest]}));
    grant(&scene.app, scene.entity, role, 8);
    scene.put(scene.entity, json!({"is_public": false})).expect(200);
    assert_eq!(permission(&scene.app, &scene.token, scene.entity), 8);
}

fn case_platform_100_the_last_full_role_stays(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({"users": [scene.guest]}));
    close(&scene.app, scene.entity);
    grant(&scene.app, scene.entity, role, 8);
    for level in [1, 2, 4] {
        let body = json!({"acl_settings": [{"member_id": role, "value": level}]});
        scene.put(scene.entity, body).expect(403);
    }
    assert_eq!(permission(&scene.app, &scene.token, scene.entity), 8);
}

fn case_platform_101_the_full_role_may_be_a_foreign_one(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let foreign = role(&scene.app, "foreign", &json!({}));
    let own = role(&scene.app, "own", &json!({"users": [scene.guest]}));
    grant(&scene.app, scene.entity, foreign, 8);
    let full = |role: i64| json!({"is_public": false, "acl_settings": [{"member_id": role, "value": 8}]});
    // A role that is named must be one's own.
    scene.put(scene.entity, full(foreign)).expect(403);
    scene.put(scene.entity, full(own)).expect(200);
    // The foreign one remains, so one's own may go.
    scene.put(scene.entity, json!({"acl_settings": [{"member_id": own, "value": 1}]})).expect(200);
    scene.put(scene.entity, json!({})).expect(403);
    // A deleted role does not count.
    scene.app.put(&acl_path(scene.entity), json!({"is_public": true})).expect(200);
    scene.app.delete(&format!("/role/api/v2/{foreign}")).expect(204);
    scene.put(scene.entity, json!({"is_public": false})).expect(403);
}

fn case_platform_103_changing_needs_full(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({"users": [scene.guest]}));
    close(&scene.app, scene.entity);
    for (level, status) in [(1, 403), (2, 403), (4, 403), (8, 200)] {
        grant(&scene.app, scene.entity, role, level);
        let answer = scene.put(scene.entity, json!({"default_permission": 2})).expect(status);
        assert_eq!(scene.shown(scene.entity)["default_permission"], if status == 200 { 2 } else { 1 });
        assert!(status == 200 || answer.codes() == ["AE-210000"]);
    }
}

fn case_platform_104_history_begins_with_the_creation(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let made = scene.guest("POST", "/entity/api/v2/", Some(json!({"name": "own"}))).expect(202).json();
    let steps = scene.history(made["id"].as_i64().unwrap());
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0]["user"], json!({"id": scene.guest, "username": "guest"}));
    assert_eq!(steps[0]["name"], "own");
    let time = steps[0]["time"].as_str().unwrap();
    assert!(time.ends_with("+09:00") && time.contains('.'), "{time}");
    let made = json!([
        {"action": "create", "target": "is_public", "before": null, "after": true},
        {"action": "create", "target": "default_permission", "before": null, "after": 1},
    ]);
    assert_eq!(steps[0]["changes"], made);
    // An entity with definitions has a step for each, and an entry has its own.
    let names = column(&json!(scene.history(scene.entity)), "name");
    assert_eq!(names, ["s", "e"]);
    assert_eq!(scene.history(scene.entry).len(), 1);
}

fn case_platform_106_grants_are_in_the_history(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({}));
    let newest = || scene.history(scene.entity)[0]["changes"].clone();
    let change = |action: &str, before: i32, after: i32| json!([{"action": action, "target": "r", "before": before, "after": after}]);
    grant(&scene.app, scene.entity, role, 4);
    assert_eq!(newest(), change("create", 1, 4));
    let steps = scene.history(scene.entity).len();
    grant(&scene.app, scene.entity, role, 2);
    assert_eq!(newest(), change("update", 4, 2));
    assert_eq!(scene.history(scene.entity).len(), steps + 1);
    // The same again is no change.
    grant(&scene.app, scene.entity, role, 2);
    assert_eq!(scene.history(scene.entity).len(), steps + 1);
    grant(&scene.app, scene.entity, role, 1);
    assert_eq!(newest(), change("delete", 2, 1));
    // A removal and a grant next to it are one change.
    grant(&scene.app, scene.entity, role, 8);
    assert_eq!(newest(), change("update", 2, 8));
    assert_eq!(scene.history(scene.entity).len(), steps + 2);
    // One request: flags first, then the roles in their order; the last one is the newest.
    let other = super::role(&scene.app, "other", &json!({}));
    let all = json!({"is_public": false, "default_permission": 2, "acl_settings": [
        {"member_id": other, "value": 2}, {"member_id": role, "value": 1},
    ]});
    scene.app.put(&acl_path(scene.entity), all).expect(200);
    let steps = scene.history(scene.entity);
    let targets: Vec<_> = steps.iter().take(3).map(|step| column(&step["changes"], "target")).collect();
    assert_eq!(targets, [vec!["r"], vec!["other"], vec!["default_permission", "is_public"]]);
    assert_eq!(
        steps[2]["changes"][1],
        json!({"action": "update", "target": "is_public", "before": true, "after": false})
    );
    // What it was made with is not what it is now.
    assert_eq!(column(&steps.last().unwrap()["changes"], "after"), [json!(true), json!(1)]);
}

fn case_platform_107_definitions_are_in_the_history_of_their_entity(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({}));
    grant(&scene.app, scene.attr, role, 2);
    let newest = &scene.history(scene.entity)[0];
    assert_eq!((&newest["name"], &newest["user"]["id"]), (&json!("s"), &json!(ADMIN)));
    assert_eq!(newest["changes"], json!([{"action": "create", "target": "r", "before": 1, "after": 2}]));
    assert_eq!(&scene.history(scene.attr)[0], newest);
    // A definition that is gone takes its steps along.
    let path = format!("/entity/api/v2/{}/", scene.entity);
    scene.app.put(&path, json!({"attrs": [{"id": scene.attr, "is_deleted": true}]})).expect(202);
    assert_eq!(column(&json!(scene.history(scene.entity)), "name"), ["e"]);
}

fn superiors_must_grant_the_level_themselves(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({"users": [scene.guest]}));
    let entry = format!("/entry/api/v2/{}/", scene.entry);
    close(&scene.app, scene.entity);
    grant(&scene.app, scene.entry, role, 8);
    scene.guest("GET", &entry, None).expect(403);
    // The routes of access rules ask superiors too: nothing below a closed entity is open.
    for object in [scene.attr, scene.entry, scene.attribute] {
        assert_eq!(scene.guest("GET", &acl_path(object), None).expect(403).codes(), ["AE-210000"]);
        scene.put(object, json!({"default_permission": 8})).expect(403);
        scene.guest("GET", &format!("{}/history", acl_path(object)), None).expect(403);
    }
    grant(&scene.app, scene.entity, role, 2);
    assert_eq!(scene.guest("GET", &entry, None).expect(200).json()["permission"], 2);
    let change = json!({"attrs": [{"id": scene.attr, "value": "w"}]});
    scene.guest("PUT", &entry, Some(change.clone())).expect(403);
    grant(&scene.app, scene.entity, role, 4);
    scene.guest("PUT", &entry, Some(change)).expect(202);
    assert_eq!(scene.guest("GET", &entry, None).json()["permission"], 4);
    // A definition and an instance close the value alone.
    for object in [scene.attr, scene.attribute] {
        close(&scene.app, object);
        let shown = scene.guest("GET", &entry, None).expect(200).json();
        assert_eq!(shown["attrs"][0]["is_readable"], false);
        grant(&scene.app, object, role, 2);
        let shown = scene.guest("GET", &entry, None).expect(200).json();
        assert_eq!(shown["attrs"][0]["is_readable"], true);
        grant(&scene.app, object, role, 4);
    }
    let other = json!({"attrs": [{"id": scene.attr, "value": "u"}]});
    scene.guest("PUT", &entry, Some(other)).expect(202);
}

fn read_only_users_never_have_more_than_readable(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let (reader, token) = scene.app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    assert_eq!(permission(&scene.app, &token, scene.entity), 2, "although it is public");
    let role = role(&scene.app, "r", &json!({"admin_users": [reader]}));
    close(&scene.app, scene.entity);
    assert_eq!(permission(&scene.app, &token, scene.entity), 1);
    grant(&scene.app, scene.entity, role, 8);
    assert_eq!(permission(&scene.app, &token, scene.entity), 2);
    scene.app.with_token(&token, "GET", &acl_path(scene.entity), None).expect(200);
    scene.app.with_token(&token, "PUT", &acl_path(scene.entity), Some(&json!({}))).expect(403);
}

fn input_is_judged_field_by_field(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({}));
    let settings = |list: Value| json!({"acl_settings": list});
    let cases = [
        (
            json!({"is_public": "hoge", "default_permission": 3}),
            vec!["default_permission AE-121000", "is_public AE-121000"],
        ),
        (
            json!({"is_public": null, "default_permission": null, "acl_settings": null}),
            vec!["acl_settings AE-999999", "default_permission AE-999999", "is_public AE-999999"],
        ),
        (json!({"default_permission": "x"}), vec!["default_permission AE-121000"]),
        (settings(json!({})), vec!["acl_settings.non_field_errors AE-121000"]),
        (settings(json!([{"member_id": role}])), vec!["acl_settings.value AE-113000"]),
        (
            settings(json!([{"member_id": null, "value": true}])),
            vec!["acl_settings.member_id AE-999999", "acl_settings.value AE-121000"],
        ),
        (settings(json!([{"member_id": role, "value": 0}])), vec!["acl_settings.value AE-121000"]),
        (settings(json!([7])), vec!["acl_settings.non_field_errors AE-121000"]),
        (settings(json!([{"member_id": 999, "value": 2}])), vec!["non_field_errors AE-230000"]),
        (
            settings(json!([{"member_id": role, "value": 2}, {"member_id": role, "value": 2}])),
            vec!["non_field_errors AE-230000"],
        ),
        (json!([]), vec!["non_field_errors AE-121000"]),
    ];
    for (body, codes) in cases {
        let answer = scene.app.put(&acl_path(scene.entity), body.clone()).expect(400);
        assert_eq!(answer.codes(), codes, "{body}");
    }
    let two = settings(json!([{"member_id": role, "value": 2}, {"member_id": role}]));
    let answer = scene.app.put(&acl_path(scene.entity), two).expect(400).json();
    assert_eq!(
        (&answer["acl_settings"][0], answer["acl_settings"][1]["value"][0]["code"].as_str()),
        (&json!({}), Some("AE-113000"))
    );
}

fn what_was_refused_changed_nothing(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({}));
    let before = scene.shown(scene.entity);
    for value in [json!(0), json!(3)] {
        let body = json!({"is_public": false, "acl_settings": [{"member_id": role, "value": value}]});
        scene.app.put(&acl_path(scene.entity), body).expect(400);
    }
    assert_eq!(scene.shown(scene.entity), before);
    assert_eq!(scene.history(scene.entity).len(), 2);
}

fn every_method_and_object_has_its_status(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    for path in [acl_path(99_999), format!("{}/history", acl_path(99_999))] {
        assert_eq!(scene.guest("GET", &path, None).expect(404).codes(), ["AE-230000"]);
    }
    assert_eq!(scene.put(99_999, json!([])).expect(404).codes(), ["AE-230000"]);
    for method in ["POST", "PATCH", "DELETE"] {
        assert_eq!(scene.guest(method, &acl_path(scene.entity), None).expect(405).codes(), ["AE-999999"]);
    }
    let anonymous = scene.app.request("GET", &acl_path(99_999), &[], None);
    assert_eq!(anonymous.expect(403).codes(), ["AE-000000"]);
    for path in ["/acl/api/v2/acls/", "/acl/api/v2/acls", "/acl/api/v2/acls/x"] {
        scene.guest("GET", path, None).expect(404);
    }
    // Whether one may comes before what one sent.
    close(&scene.app, scene.entity);
    let authorization = format!("Token {}", scene.token);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let broken = scene.app.request("PUT", &acl_path(scene.entity), &headers, Some(b"{"));
    assert_eq!(broken.expect(403).codes(), ["AE-210000"]);
}

fn the_answer_shows_the_new_state(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let one = role(&scene.app, "one", &json!({"users": [scene.guest]}));
    let two = role(&scene.app, "two", &json!({"groups": [group(&scene.app, "g", None, &[scene.guest])]}));
    let foreign = role(&scene.app, "foreign", &json!({}));
    let body = json!({"is_public": false, "default_permission": 2, "acl_settings": [{"member_id": one, "value": 8}]});
    let answer = scene.put(scene.entity, body).expect(200).json();
    assert_eq!((&answer["is_public"], &answer["default_permission"]), (&json!(false), &json!(2)));
    let own = json!([
        {"id": one, "name": "one", "description": "", "current_permission": 8},
        {"id": two, "name": "two", "description": "", "current_permission": 1},
    ]);
    assert_eq!(answer["roles"], own);
    assert_eq!(scene.guest("GET", &acl_path(scene.entity), None).json(), answer);
    // Administrators see all active roles.
    scene.app.delete(&format!("/role/api/v2/{two}")).expect(204);
    assert_eq!(column(&scene.shown(scene.entity)["roles"], "id"), [json!(one), json!(foreign)]);
}

fn the_history_of_what_has_none_is_empty(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({}));
    grant(&scene.app, scene.attribute, role, 2);
    assert_eq!(scene.history(scene.attribute), Vec::<Value>::new());
    let shown = scene.shown(scene.attribute);
    assert_eq!(shown["roles"][0]["current_permission"], 2);
}

fn names_of_the_history_are_those_of_the_time(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let role = role(&scene.app, "r", &json!({}));
    let path = format!("/entity/api/v2/{}/", scene.entity);
    scene.app.put(&acl_path(scene.entity), json!({"default_permission": 2})).expect(200);
    grant(&scene.app, scene.entity, role, 2);
    for name in ["second", "third"] {
        scene.app.put(&path, json!({"name": name})).expect(202);
    }
    scene.app.put(&acl_path(scene.entity), json!({"default_permission": 4})).expect(200);
    let names = column(&json!(scene.history(scene.entity)), "name");
    assert_eq!(names, ["third", "third", "e", "s", "e"], "flags as it was called, roles as it is called");
    scene.app.put(&format!("/entry/api/v2/{}/", scene.entry), json!({"name": "y"})).expect(202);
    assert_eq!(column(&json!(scene.history(scene.entry)), "name"), ["x"]);
}

fn roles_that_are_named_must_be_ones_own_unless_nobody_is_locked_out(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let own = role(&scene.app, "own", &json!({"users": [scene.guest]}));
    let foreign = role(&scene.app, "foreign", &json!({}));
    let gone = role(&scene.app, "gone", &json!({"users": [scene.guest]}));
    scene.app.delete(&format!("/role/api/v2/{gone}")).expect(204);
    let with = |also: i64| {
        json!({"is_public": false, "acl_settings": [
            {"member_id": own, "value": 8}, {"member_id": also, "value": 2},
        ]})
    };
    for other in [foreign, gone] {
        assert_eq!(scene.put(scene.entity, with(other)).expect(403).codes(), ["AE-210000"]);
    }
    let levels = || column(&scene.shown(scene.entity)["roles"], "current_permission");
    assert_eq!((levels(), &scene.shown(scene.entity)["is_public"]), (vec![json!(1), json!(1)], &json!(true)));
    // Where the object ends up public, or with full for everybody, any role may be named.
    let settings = |level: i32| json!([{"member_id": foreign, "value": level}]);
    scene.put(scene.entity, json!({"acl_settings": settings(2)})).expect(200);
    assert_eq!(levels(), [1, 2]);
    let body = json!({"is_public": false, "default_permission": 8, "acl_settings": settings(4)});
    scene.put(scene.entity, body).expect(200);
    assert_eq!(levels(), [1, 4]);
    let body = json!({"is_public": true, "default_permission": 1, "acl_settings": settings(8)});
    scene.put(scene.entity, body).expect(200);
    assert_eq!(levels(), [1, 8]);
    // A role that is gone with its full level counts for nothing, also while others hold less.
    scene
        .app
        .put(&acl_path(scene.entity), json!({"acl_settings": [{"member_id": own, "value": 4}]}))
        .expect(200);
    scene.put(scene.entity, json!({"is_public": false, "default_permission": 4})).expect(200);
    scene.app.put(&acl_path(scene.entity), json!({"is_public": true})).expect(200);
    scene.app.delete(&format!("/role/api/v2/{foreign}")).expect(204);
    scene.put(scene.entity, json!({"is_public": false})).expect(403);
}

fn the_history_has_roles_as_they_are_called_now(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let id = role(&scene.app, "r", &json!({}));
    grant(&scene.app, scene.entity, id, 2);
    let target = || scene.history(scene.entity)[0]["changes"][0]["target"].as_str().unwrap().to_owned();
    assert_eq!(target(), "r");
    let path = format!("/role/api/v2/{id}");
    scene.app.put(&path, json!({"name": "renamed", "admin_users": [ADMIN]})).expect(200);
    assert_eq!(target(), "renamed");
    scene.app.delete(&path).expect(204);
    assert!(target().starts_with("renamed_deleted_"), "{}", target());
}

fn deleted_objects_are_reached_by_their_rules(database: Database) {
    let Some(scene) = Scene::new(database) else { return };
    let (gone, attrs) = scene.app.entity(json!({"name": "gone", "attrs": [{"name": "a", "type": 2}]}));
    scene.guest("DELETE", &format!("/entry/api/v2/{}/", scene.entry), None).expect(204);
    let path = format!("/entity/api/v2/{gone}/");
    scene.app.put(&path, json!({"attrs": [{"id": attrs["a"], "is_deleted": true}]})).expect(202);
    scene.guest("DELETE", &path, None).expect(202);
    for object in [scene.entry, gone, attrs["a"]] {
        let shown = scene.guest("GET", &acl_path(object), None).expect(200).json();
        assert!(shown["name"].as_str().unwrap().contains("_deleted_"), "{shown}");
        let steps = scene.history(object).len();
        let changed = scene.put(object, json!({"default_permission": 2})).expect(200).json();
        assert_eq!(changed["default_permission"], 2);
        let newest = &scene.history(object)[0];
        assert_eq!(newest["changes"][0]["target"], "default_permission");
        assert_eq!(scene.history(object).len(), steps + 1);
    }
}
