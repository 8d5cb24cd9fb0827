//! The search along references. *Source: spec, search §5.*

use super::search::column;
use super::{close, person};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    case_entry_200_conditions_along_references;
    entry_200_what_is_wrong_with_a_chain;
    entry_200_steps_that_find_too_much;
    a_chain_links_by_id;
    a_chain_shows_what_may_be_read;
}

const CHAIN: &str = "/entry/api/v2/advanced_search_chain/";

/// Machines with ports that have addresses, and services that run on machines.
struct World {
    app: TestApp,
    machine: i64,
    web: i64,
}

impl World {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (address, _) = app.entity(json!({"name": "Address"}));
        let [one, two] = ["10.0.0.1", "10.0.0.2"].map(|name| app.entry(address, json!({"name": name})));
        let port = json!({"name": "Port", "attrs": [{"name": "IP address", "type": 1, "referral": [address]}, {"name": "speed", "type": 2}]});
        let (port, of_port) = app.entity(port);
        let ports = [("eth0", one, "10G"), ("eth1", two, "1G")].map(|(name, address, speed)| {
            let attrs = json!([{"id": of_port["IP address"], "value": address}, {"id": of_port["speed"], "value": speed}]);
            app.entry(port, json!({"name": name, "attrs": attrs}))
        });
        let machine = json!({"name": "VM", "attrs": [{"name": "Ports", "type": 1025, "referral": [port]}, {"name": "os", "type": 2}]});
        let (machine, of_machine) = app.entity(machine);
        let make = |name: &str, ports: &[i64], os: &str| {
            let attrs =
                json!([{"id": of_machine["Ports"], "value": ports}, {"id": of_machine["os"], "value": os}]);
            app.entry(machine, json!({"name": name, "attrs": attrs}))
        };
        let web = make("web-1", &ports[..1], "Linux");
        let other = make("web-2", &ports[1..], "BSD");
        make("db-1", &[], "");
        let service = json!({"name": "Service", "attrs": [{"name": "runs on", "type": 1025, "referral": [machine]}, {"name": "tier", "type": 2}]});
        let (service, of_service) = app.entity(service);
        for (name, on, tier) in [("shop", vec![web, other], "gold"), ("blog", vec![other], "tin")] {
            let attrs = json!([{"id": of_service["runs on"], "value": on}, {"id": of_service["tier"], "value": tier}]);
            app.entry(service, json!({"name": name, "attrs": attrs}));
        }
        Some(Self { app, machine, web })
    }

    fn ask(&self, body: Value) -> Value {
        self.app.post(CHAIN, body).expect(200).json()
    }

    #[track_caller]
    fn names(&self, mut body: Value) -> String {
        if body.get("entities").is_none() {
            body["entities"] = json!(["VM"]);
        }
        column(&self.ask(body), "name")
    }
}

fn case_entry_200_conditions_along_references(database: Database) {
    let Some(world) = World::new(database) else { return };
    let address = |value: &str| json!({"name": "Ports", "attrs": [{"name": "IP address", "value": value}]});
    for (body, expected) in [
        (json!({"attrs": [address("10.0.0.1")]}), "web-1"),
        (json!({"attrs": [address("10.0.0")]}), "web-1 web-2"),
        (json!({"attrs": [address("^10.0.0.2$|nothing")]}), "web-2"),
        (json!({"attrs": [{"name": "Ports", "attrs": [{"name": "speed", "value": "1G"}]}]}), "web-2"),
        (
            json!({"attrs": [{"name": "Ports", "attrs": [{"name": "speed", "value": "G"}, {"name": "IP address", "value": ".2"}]}]}),
            "web-2",
        ),
        (
            json!({"attrs": [{"name": "Ports", "is_any": true, "attrs": [{"name": "speed", "value": "10G"}, {"name": "IP address", "value": ".2"}]}]}),
            "web-1 web-2",
        ),
        (json!({"attrs": [{"name": "os", "value": "bsd"}]}), "web-2"),
        (json!({"attrs": [{"name": "os", "value": ""}]}), "db-1"),
        (json!({"attrs": [{"name": "os"}]}), "web-1 web-2 db-1"),
        (json!({"attrs": [{"name": "Ports", "value": "eth1"}]}), "web-2"),
        // A value replaces what the nodes below find, which only open the gate.
        (
            json!({"attrs": [{"name": "Ports", "value": "eth1", "attrs": [{"name": "speed", "value": "10G"}]}]}),
            "web-2",
        ),
        (
            json!({"attrs": [{"name": "Ports", "value": "eth1", "attrs": [{"name": "speed", "value": "none"}]}]}),
            "",
        ),
        (json!({"refers": [{"entity": "Service"}]}), "web-1 web-2"),
        (json!({"refers": [{"entity": "Service", "entry": "shop"}]}), "web-1 web-2"),
        (json!({"refers": [{"entity": "Service", "entry": "^blog$"}]}), "web-2"),
        (json!({"refers": [{"entity": "Service", "attrs": [{"name": "tier", "value": "tin"}]}]}), "web-2"),
        (
            json!({"refers": [{"entity": "Service", "entry": "shop"}], "attrs": [address("10.0.0.1")]}),
            "web-1",
        ),
        // A true intersection: one part that finds nothing is nothing.
        (json!({"refers": [{"entity": "Service", "entry": "shop"}], "attrs": [address("none")]}), ""),
        (
            json!({"is_any": true, "refers": [{"entity": "Service", "entry": "blog"}], "attrs": [address("10.0.0.1")]}),
            "web-1 web-2",
        ),
        (
            json!({"is_any": true, "refers": [{"entity": "Service", "entry": "blog"}], "attrs": [address("none")]}),
            "web-2",
        ),
        (
            json!({"is_any": true, "attrs": [{"name": "os", "value": "linux"}, {"name": "os", "value": ""}]}),
            "web-1 db-1",
        ),
        (json!({"hint_item_name": "2$", "attrs": [{"name": "os"}]}), "web-2"),
        (json!({"hint_item_name": "web&2|db", "attrs": [{"name": "os"}]}), "web-2 db-1"),
        (json!({}), ""),
        (json!({"entities": ["unknown"], "attrs": [{"name": "os"}]}), ""),
        // Both on one node, nested.
        (
            json!({"entities": ["Port"], "refers": [{"entity": "VM", "attrs": [{"name": "os", "value": "linux"}], "refers": [{"entity": "Service", "entry": "shop"}]}]}),
            "eth0",
        ),
        (
            json!({"entities": ["Port"], "refers": [{"entity": "VM", "attrs": [{"name": "os", "value": "linux"}], "refers": [{"entity": "Service", "entry": "blog"}]}]}),
            "",
        ),
        (
            json!({"entities": ["Address"], "refers": [{"entity": "Port", "refers": [{"entity": "VM", "entry": "web-1"}]}]}),
            "10.0.0.1",
        ),
    ] {
        assert_eq!(world.names(body.clone()), expected, "{body}");
    }
    let by_id = world
        .ask(json!({"entities": [world.machine.to_string()], "attrs": [{"name": "os", "value": "linux"}]}));
    let detail = world.app.get(&format!("/entity/api/v2/{}/entries/?search=web-1", world.machine)).json();
    assert_eq!(by_id, detail["results"], "as lists show them");
    assert_eq!(by_id[0]["id"], world.web);
}

fn entry_200_what_is_wrong_with_a_chain(database: Database) {
    let Some(world) = World::new(database) else { return };
    let long = "x".repeat(201);
    for (body, path, code) in [
        (json!([]), "/non_field_errors/0/code", "AE-121000"),
        (json!({"attrs": []}), "/entities/0/code", "AE-113000"),
        (json!({"entities": "VM"}), "/entities/0/code", "AE-121000"),
        (json!({"entities": [], "attrs": {}}), "/attrs/0/code", "AE-121000"),
        (json!({"entities": [], "refers": 1}), "/refers/0/code", "AE-121000"),
        (json!({"entities": [], "attrs": [{}]}), "/attrs/0/name/0/code", "AE-113000"),
        (
            json!({"entities": [], "attrs": [{"name": "os"}, {"name": "nowhere"}]}),
            "/attrs/1/name/0/code",
            "AE-121000",
        ),
        (
            json!({"entities": [], "attrs": [{"name": "os", "value": long}]}),
            "/attrs/0/value/0/code",
            "AE-122000",
        ),
        (json!({"entities": [], "attrs": [1]}), "/attrs/0/non_field_errors/0/code", "AE-121000"),
        (json!({"entities": [], "refers": [{"entry": "x"}]}), "/refers/0/entity/0/code", "AE-113000"),
        (json!({"entities": [], "refers": [{"entity": "nowhere"}]}), "/refers/0/entity/0/code", "AE-121000"),
        (
            json!({"entities": [], "attrs": [{"name": "Ports", "attrs": [{"value": "x"}]}]}),
            "/non_field_errors/0/code",
            "AE-121000",
        ),
        (
            json!({"entities": [], "refers": [{"entity": "VM", "attrs": [{}]}]}),
            "/non_field_errors/0/code",
            "AE-121000",
        ),
        (
            json!({"entities": ["VM"], "attrs": [{"name": "Ports", "attrs": [{"name": "os"}]}]}),
            "/non_field_errors/0/code",
            "AE-121000",
        ),
        (
            json!({"entities": ["VM"], "attrs": [{"name": "os", "attrs": [{"name": "os"}]}]}),
            "/non_field_errors/0/code",
            "AE-121000",
        ),
    ] {
        let complaints = world.app.post(CHAIN, body.clone()).expect(400).json();
        assert_eq!(complaints.pointer(path), Some(&json!(code)), "{body}: {complaints}");
    }
    let mut deep = json!([{"name": "Ports"}]);
    for _ in 0..60 {
        deep = json!([{"name": "Ports", "attrs": deep}]);
    }
    world.app.post(CHAIN, json!({"entities": ["VM"], "attrs": deep})).expect(400);
}

fn entry_200_steps_that_find_too_much(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, attrs) = app.entity(json!({"name": "many", "attrs": [{"name": "s", "type": 2}]}));
    let (_, of_source) =
        app.entity(json!({"name": "source", "attrs": [{"name": "to", "type": 1, "referral": [target]}]}));
    assert_eq!(of_source.len(), 1);
    let original = app.entry(target, json!({"name": "n", "attrs": [{"id": attrs["s"], "value": "v"}]}));
    let copy = |from: usize, to: usize| {
        let names: Vec<String> = (from..to).map(|number| format!("n{number}")).collect();
        app.post(&format!("/entry/api/v2/{original}/copy/"), json!({"copy_entry_names": names})).expect(200);
    };
    copy(1, 1_000);
    let leaf = json!({"entities": ["many"], "attrs": [{"name": "s", "value": "v"}]});
    let nested =
        json!({"entities": ["source"], "attrs": [{"name": "to", "attrs": [{"name": "s", "value": "v"}]}]});
    assert_eq!(app.post(CHAIN, leaf.clone()).expect(200).json().as_array().unwrap().len(), 1_000);
    app.post(CHAIN, nested.clone()).expect(200);
    copy(1_000, 1_001);
    for body in [leaf, nested] {
        let refused = app.post(CHAIN, body).expect(400).json();
        assert!(refused["reason"].as_str().unwrap().contains("1000"), "{refused}");
    }
}

/// Names may be alike, and have what means something in keywords.
fn a_chain_links_by_id(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (one, of_one) = app.entity(json!({"name": "one", "attrs": [{"name": "s", "type": 2}]}));
    let (two, _) = app.entity(json!({"name": "two"}));
    let right = app.entry(one, json!({"name": "a|b", "attrs": [{"id": of_one["s"], "value": "x"}]}));
    let wrong = app.entry(two, json!({"name": "a|b"}));
    let (top, of_top) =
        app.entity(json!({"name": "top", "attrs": [{"name": "to", "type": 1, "referral": [one, two]}]}));
    for (name, to) in [("hit", right), ("miss", wrong)] {
        app.entry(top, json!({"name": name, "attrs": [{"id": of_top["to"], "value": to}]}));
    }
    let body =
        json!({"entities": ["top"], "attrs": [{"name": "to", "attrs": [{"name": "s", "value": "x"}]}]});
    assert_eq!(column(&app.post(CHAIN, body).expect(200).json(), "name"), "hit");
}

fn a_chain_shows_what_may_be_read(database: Database) {
    let Some(world) = World::new(database) else { return };
    close(&world.app, world.web);
    let (_, token) = person(&world.app, "u");
    let ask = |body: &Value| world.app.with_token(&token, "POST", CHAIN, Some(body)).expect(200).json();
    let services = json!({"entities": ["VM"], "refers": [{"entity": "Service"}]});
    let found = ask(&services);
    assert_eq!(column(&found, "name"), "web-2");
    assert_eq!(found[0]["permission"], 8);
    assert_eq!(found[0]["schema"]["permission"], 8);
    close(&world.app, world.machine);
    assert_eq!(ask(&services), json!([]));
}
