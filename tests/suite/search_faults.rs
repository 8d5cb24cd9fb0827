//! Searches among others: those that take too long, those beside writers, and those in which plugins have a say.

use crate::contract::{ADMIN, close, person};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::entity::open_to_fill;
use pagoda_core::services::entry::{self, EntryInput};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::user as store_users;
use pagoda_plugin_sdk::hook::{HookInfo, HookReg};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::ObjectKind;
use pagoda_plugin_sdk::payload::{SearchBeforeQuery, SearchResults, UserBeforePermissionCheck};
use pagoda_plugin_sdk::{HookContext, HookResult, PluginDecl, Reject};
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;

on_both_databases! {
    what_takes_too_long_is_cut_off_and_harms_nobody;
    a_search_beside_a_writer_sees_all_of_it_or_nothing;
    plugins_change_refuse_and_hide;
}

const ADVANCED: &str = "/entry/api/v2/advanced_search/";

const EXPORT: &str = "/entry/api/v2/advanced_search_result_export/";

/// Something that has to look at every entry, and to ask eight times.
fn expensive(entity: i64) -> Value {
    let infos = vec![json!({"name": "s", "filter_key": 4, "keyword": "w|x"}); 8];
    let sort = json!({"target_attrname": "s", "order": "desc"});
    json!({"entities": [entity], "attrinfo": infos, "sort": sort})
}

fn what_takes_too_long_is_cut_off_and_harms_nobody(database: Database) {
    let limit =
        |config: &mut pagoda_core::config::Config| config.limits.search_timeout = Duration::from_millis(1);
    let Some(app) = TestApp::with(database, Contributions::default(), limit) else { return };
    let (entity, attrs) = app.entity(json!({"name": "many", "attrs": [{"name": "s", "type": 2}]}));
    let first = app.entry(entity, json!({"name": "n", "attrs": [{"id": attrs["s"], "value": "vw"}]}));
    let other = json!({"name": "o", "attrs": [{"id": attrs["s"], "value": "vx"}]});
    app.entry(entity, other);
    for part in 0..3 {
        let names: Vec<String> = (0..1_000).map(|number| format!("n{part}-{number}")).collect();
        app.post(&format!("/entry/api/v2/{first}/copy/"), json!({"copy_entry_names": names})).expect(200);
    }
    for _ in 0..20 {
        let refused = app.post(ADVANCED, expensive(entity));
        assert_eq!(refused.status, 503);
        assert!(refused.body.contains("search_timeout_s"), "{}", refused.body);
        assert!(refused.header("retry-after").is_some());
        // The same connections serve others, without that limit.
        app.get(&format!("/entity/api/v2/{entity}/entries/?search=n2-99&ordering=name")).expect(200);
    }
    app.entry(entity, json!({"name": "more"}));
}

fn a_search_beside_a_writer_sees_all_of_it_or_nothing(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}, {"name": "list", "type": 1026}]}));
    let search = |keyword: &str| {
        let body = json!({"entities": [entity], "attrinfo": [{"name": "s", "keyword": keyword}, {"name": "list", "keyword": "b"}]});
        app.post(ADVANCED, body).expect(200).json()
    };
    let admin = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(store_users::by_id(&mut op.db, ADMIN)?))
        .unwrap()
        .unwrap();
    let runner = crate::agreement::as_user(&app, &admin);
    let (written, go_on) = (mpsc::channel(), mpsc::channel());
    std::thread::scope(|scope| {
        let (tell, wait) = (written.0, go_on.1);
        let attrs = &attrs;
        scope.spawn(move || {
            runner
                .run_blocking(Mode::Write, |op| {
                    let row = open_to_fill(op, entity)?;
                    for number in 0..50 {
                        let values = json!([{"id": attrs["s"], "value": "import"}, {"id": attrs["list"], "value": ["a", "b"]}]);
                        let body = json!({"name": format!("n{number}"), "attrs": values});
                        entry::create(op, &row, EntryInput::read(&body, true)?)?;
                    }
                    tell.send(()).unwrap();
                    wait.recv_timeout(Duration::from_secs(60)).unwrap();
                    Ok(())
                })
                .unwrap();
        });
        written.1.recv_timeout(Duration::from_secs(60)).unwrap();
        // Not waiting for the writer, which waits for this.
        assert_eq!(search("import")["total_count"], 0);
        assert_eq!(app.get("/entry/api/v2/search/?query=import").json(), json!([]));
        go_on.0.send(()).unwrap();
    });
    let found = search("import");
    assert_eq!((&found["total_count"], found["values"].as_array().unwrap().len()), (&json!(50), 50));
    for row in found["values"].as_array().unwrap() {
        assert_eq!(row["attrs"]["list"]["value"], json!({"as_array_string": ["a", "b"]}), "{row}");
    }
}

static PLUGIN: PluginDecl = PluginDecl::new("search-guard", "Guards searches", "1");

fn change(_: &mut HookContext, payload: &mut SearchBeforeQuery) -> HookResult {
    if payload.query.to_string().contains("forbidden") {
        return Err(Reject::new("nobody searches for that").into());
    }
    if payload.query["query"] == "alias" {
        payload.query["query"] = json!("open");
    }
    if payload.query["search"] == "alias" {
        payload.query["search"] = json!("open");
    }
    if payload.query["attrinfo"][0]["keyword"] == "alias" {
        payload.query["attrinfo"][0]["keyword"] = json!("open");
    }
    if payload.query["attrinfo"][0]["keyword"] == "broken" {
        payload.query["attrinfo"] = json!(1);
    }
    Ok(())
}

fn hide(_: &mut HookContext, payload: &mut SearchResults) -> HookResult {
    payload.rows.retain(|row| !row.to_string().contains("hidden"));
    Ok(())
}

fn veto(_: &mut HookContext, payload: &UserBeforePermissionCheck) -> HookResult {
    if payload.object.kind == ObjectKind::Entry && payload.object.name.contains("vetoed") {
        return Err(Reject::new("not for you").into());
    }
    Ok(())
}

fn plugins_change_refuse_and_hide(database: Database) {
    let contributions = Contributions::default()
        .with_plugin(&PLUGIN)
        .with_hook::<hooks::pagoda::search::before_query>(HookReg {
            info: HookInfo::new(&PLUGIN, "change"),
            handler: change,
        })
        .with_hook::<hooks::pagoda::search::results_filter>(HookReg {
            info: HookInfo::new(&PLUGIN, "hide"),
            handler: hide,
        })
        .with_hook::<hooks::user::before_permission_check>(HookReg {
            info: HookInfo::new(&PLUGIN, "veto"),
            handler: veto,
        });
    let Some(app) = TestApp::with(database, contributions, |_| {}) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    for name in ["open-1", "open-hidden", "open-vetoed", "open-2"] {
        app.entry(entity, json!({"name": name, "attrs": [{"id": attrs["s"], "value": "open"}]}));
    }
    let advanced =
        |keyword: &str| json!({"entities": [entity], "attrinfo": [{"name": "s", "keyword": keyword}]});
    for keyword in ["open", "alias"] {
        let found = app.post(ADVANCED, advanced(keyword)).expect(200).json();
        assert_eq!(crate::contract::search::names(&found), "open-1 open-2", "{keyword}");
        assert_eq!(found["total_count"], 3, "without the one that a plugin takes the permission for");
        let simple = app.get(&format!("/entry/api/v2/search/?query={keyword}")).json();
        assert_eq!(crate::contract::search::column(&simple, "name"), "open-1 open-2", "{keyword}");
        let list =
            app.get(&format!("/entity/api/v2/{entity}/entries/?search={keyword}&ordering=name")).json();
        assert_eq!(
            crate::contract::search::column(&list["results"], "name"),
            "open-1 open-2 open-vetoed",
            "{keyword}"
        );
    }
    let page = json!({"entry_offset": 2, "entry_limit": 1});
    let mut second = advanced("open");
    second.as_object_mut().unwrap().extend(page.as_object().unwrap().clone());
    assert_eq!(app.post(ADVANCED, second).expect(200).json()["values"], json!([]), "the hidden one");
    for (style, expected) in [("csv", "Name,Entity,s\nopen-1,e,open\nopen-2,e,open\n"), ("yaml", "")] {
        let export = |keyword: &str| {
            let mut body = advanced(keyword);
            body["export_style"] = json!(style);
            app.post(EXPORT, body)
        };
        export("alias").expect(200);
        let job = app.get("/job/api/v2/jobs?limit=1").json()["results"][0]["id"].clone();
        let file = app.get(&format!("/job/api/v2/{job}/download")).expect(200).body;
        assert!(file.contains(expected) && file.contains("open-2"), "{file}");
        assert!(!file.contains("hidden") && !file.contains("vetoed"), "{file}");
        assert!(export("forbidden").expect(400).body.contains("nobody searches for that"));
        export("broken").expect(400);
    }
    for refused in [
        app.post(ADVANCED, advanced("forbidden")),
        app.get("/entry/api/v2/search/?query=forbidden"),
        app.get(&format!("/entity/api/v2/{entity}/entries/?search=forbidden")),
        app.post(
            "/entry/api/v2/advanced_search_chain/",
            json!({"entities": ["e"], "attrs": [{"name": "s", "value": "forbidden"}]}),
        ),
    ] {
        assert!(refused.expect(400).body.contains("nobody searches for that"));
    }
    // What a plugin makes of it is judged as what was sent.
    app.post(ADVANCED, advanced("broken")).expect(400);
    let (_, guest) = person(&app, "guest");
    close(&app, entity);
    assert_eq!(app.with_token(&guest, "POST", ADVANCED, Some(&advanced("open"))).json()["count"], 0);
}
