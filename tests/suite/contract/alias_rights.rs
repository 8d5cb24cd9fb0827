//! Who may give and take aliases, and what is said first. *Source: spec, entry §2 and §12.*

use super::{close, grant, person, role};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    aliases_are_given_and_taken_by_those_who_may_write;
    what_is_wrong_with_many_aliases_is_said_in_order;
}

const ALIAS: &str = "/entry/api/v2/alias/";
const BULK: &str = "/entry/api/v2/alias/bulk/";

/// Server, an entry of "e" that is closed, one that is open, the id and token of a guest.
fn scene(database: Database) -> Option<(TestApp, i64, i64, (i64, String))> {
    let app = TestApp::bare(database)?;
    let guest = person(&app, "guest");
    let (entity, _) = app.entity(json!({"name": "e"}));
    let [closed, open] = ["closed", "open"].map(|name| app.entry(entity, json!({"name": name})));
    close(&app, closed);
    Some((app, closed, open, guest))
}

fn asked(name: &str, entry: i64) -> Value {
    json!({"name": name, "entry": entry})
}

fn aliases_are_given_and_taken_by_those_who_may_write(database: Database) {
    let Some((app, closed, open, (guest, token))) = scene(database) else { return };
    let (_, reader) = app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    let made = app.post(ALIAS, asked("a", closed)).expect(201).json();
    let own = app.post(ALIAS, asked("b", open)).expect(201).json();
    let denied = |answer: Answer| assert_eq!(answer.expect(403).codes(), ["AE-210000"]);
    let send = |token: &str, entry: i64, alias: &Value| {
        denied(app.with_token(token, "POST", ALIAS, Some(&asked("c", entry))));
        denied(app.with_token(token, "POST", BULK, Some(&json!([asked("c", entry)]))));
        denied(app.with_token(token, "DELETE", &format!("{ALIAS}{}", alias["id"]), None));
    };
    send(&token, closed, &made);
    send(&reader, open, &own);
    let list = |token: &str, entry: i64| {
        app.with_token(token, "GET", &format!("/entry/api/v2/{entry}/alias/"), None)
    };
    denied(list(&token, closed));
    assert_eq!(list(&reader, open).expect(200).json()["results"], json!([own]));
    // Reading is not enough to give one.
    let readers = role(&app, "readers", &json!({"users": [guest]}));
    grant(&app, closed, readers, 2);
    send(&token, closed, &made);
    assert_eq!(list(&token, closed).expect(200).json()["results"], json!([made]));
    grant(&app, closed, readers, 4);
    app.with_token(&token, "POST", ALIAS, Some(&asked("c", closed))).expect(201);
    app.with_token(&token, "DELETE", &format!("{ALIAS}{}", made["id"]), None).expect(204);
}

fn what_is_wrong_with_many_aliases_is_said_in_order(database: Database) {
    let Some((app, closed, open, (_, token))) = scene(database) else { return };
    let twice = json!([asked("a", open), asked("a", open), {"entry": "x"}, 1]);
    let answer = app.post(BULK, twice).expect(400);
    assert_eq!(
        (answer.codes(), answer.json()[0]["code"].as_str()),
        (vec!["AE-220000".into()], Some("AE-220000"))
    );
    let nameless = json!({"name": "", "entry": closed});
    let answer = app.with_token(&token, "POST", ALIAS, Some(&nameless)).expect(403);
    assert_eq!(answer.codes(), ["AE-210000"]);
    let denied = json!([asked("a", open), asked("b", closed), {"entry": "x"}, asked("open", open)]);
    let answer = app.with_token(&token, "POST", BULK, Some(&denied)).expect(403);
    assert_eq!(answer.codes(), ["AE-210000"]);
    for entry in [open, closed] {
        let list = app.get(&format!("/entry/api/v2/{entry}/alias/")).expect(200).json();
        assert_eq!(list["count"], 0, "nothing was given");
    }
}
