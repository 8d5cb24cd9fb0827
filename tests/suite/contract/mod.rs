//! The wire contract, case by case: a test's name has the number of its case.
//!
//! `entry_nnn` is a case about entities and entries, `platform_nnn` one about everything else.

mod access;
mod activity;
mod alias_rights;
mod bulk;
mod bulk_rights;
mod bulk_values;
mod categories;
mod coercion;
mod copy;
mod count;
mod deleted_entities;
mod entities;
mod entity_complaints;
mod entity_entries;
mod entity_history;
mod entries;
mod groups;
mod history_writes;
mod isolation;
mod jobs;
mod moments;
mod name_rules;
mod names;
mod parties;
pub(crate) mod passwords;
mod past_values;
mod references;
mod requests;
mod roles;
mod rollbacks;
pub(crate) mod search;
mod search_chain;
mod search_export;
pub(crate) mod users;
mod value_rules;
mod values;
mod webhooks;
mod write_jobs;

use crate::agreement::as_user;
use crate::server::{Answer, TestApp};
use pagoda_core::services::ctx::OpCtx;
use pagoda_core::services::error::OpError;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::user as store_users;
use serde_json::{Value, json};

/// The administrator that every server begins with.
pub(crate) const ADMIN: i64 = 1;

/// Makes an ordinary user and returns its id and token.
pub(crate) fn person(app: &TestApp, name: &str) -> (i64, String) {
    app.user(|user| name.clone_into(&mut user.username))
}

/// Makes a group.
pub(crate) fn group(app: &TestApp, name: &str, parent: Option<i64>, members: &[i64]) -> i64 {
    let body = json!({"name": name, "parent_group": parent, "members": members});
    app.post("/group/api/v2/groups", body).expect(201).json()["id"].as_i64().unwrap()
}

/// Makes a role; without administrators the first one is.
pub(crate) fn role(app: &TestApp, name: &str, ties: &Value) -> i64 {
    let mut body = json!({"name": name, "admin_users": [ADMIN]});
    if ties.get("admin_users").is_some() || ties.get("admin_groups").is_some() {
        body = json!({"name": name});
    }
    for (key, value) in ties.as_object().unwrap() {
        body[key] = value.clone();
    }
    app.post("/role/api/v2/", body).expect(201).json()["id"].as_i64().unwrap()
}

pub(crate) fn acl_path(object: i64) -> String {
    format!("/acl/api/v2/acls/{object}")
}

/// Closes an object to all who have no role.
pub(crate) fn close(app: &TestApp, object: i64) {
    app.put(&acl_path(object), json!({"is_public": false, "default_permission": 1})).expect(200);
}

/// Sets the level of a role on an object.
pub(crate) fn grant(app: &TestApp, object: i64, role: i64, level: i32) {
    let body = json!({"acl_settings": [{"member_id": role, "value": level}]});
    app.put(&acl_path(object), body).expect(200);
}

/// What somebody may do with an entity, as lists show it.
pub(crate) fn permission(app: &TestApp, token: &str, entity: i64) -> i64 {
    let list = app.with_token(token, "GET", "/entity/api/v2/?limit=1000", None).expect(200).json();
    let found = list["results"].as_array().unwrap().iter().find(|row| row["id"] == entity);
    found.unwrap()["permission"].as_i64().unwrap()
}

/// A request with a body in YAML.
pub(crate) fn send_yaml(app: &TestApp, token: &str, path: &str, body: &str) -> Answer {
    let authorization = format!("Token {token}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/yaml")];
    app.request("POST", path, &headers, Some(body.as_bytes()))
}

/// The values of one key in a list.
pub(crate) fn column(list: &Value, key: &str) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|row| row[key].clone()).collect()
}

/// The complaints about one field of a body that has no others, without their messages.
pub(crate) fn complaints(answer: Answer, field: &str) -> Value {
    fn bare(value: &Value) -> Value {
        match value {
            Value::Object(fields) if fields.contains_key("message") => fields["code"].clone(),
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), bare(value))).collect(),
            Value::Array(items) => items.iter().map(bare).collect(),
            other => other.clone(),
        }
    }
    let body = answer.expect(400).json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    bare(&body[field])
}

/// How many statements it costs when the administrator does this.
pub(crate) fn cost(app: &TestApp, work: impl Fn(&mut OpCtx) -> Result<(), OpError>) -> u64 {
    let row = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(store_users::by_id(&mut op.db, ADMIN)?))
        .unwrap()
        .unwrap();
    as_user(app, &row)
        .run_blocking(Mode::Write, |op| {
            let before = op.db.statements;
            work(op)?;
            Ok(op.db.statements - before)
        })
        .unwrap()
}
