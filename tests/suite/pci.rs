//! Real records: a trimmed copy of the PCI ID database through the API, with both plugins on.

use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_example_pci_ids::parse::Key;
use pagoda_example_pci_ids::report::Silent;
use pagoda_example_pci_ids::{Options, load, parse};
use serde_json::json;
use std::path::Path;

on_both_databases! {
    the_sample_is_loaded_once_however_often_it_is_tried;
    devices_are_found_by_vendor_and_subsystem;
}

/// The search of the example's README.
fn devices_are_found_by_vendor_and_subsystem(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pci-ids/data/pci.ids.sample");
    let file = parse::parse(&std::fs::read(&sample).unwrap());
    load(&Options::new(&sample, &app.base, &app.token), &mut Silent).unwrap();
    let entities = app.get("/entity/api/v2/?search=pci-device").json();
    let search = json!({
        "entities": [entities["results"][0]["id"]],
        "attrinfo": [{"name": "vendor", "keyword": "broadcom"}, {"name": "subsystem_id", "keyword": "^1028:"}, {"name": "parent"}],
        "join_attrs": [{"name": "parent", "attrinfo": [{"name": "device_id"}, {"name": "label", "filter_key": 2}]}],
        "is_output_all": false,
    });
    let found = app.post("/entry/api/v2/advanced_search/", search).expect(200).json();
    let label = |key: Key| {
        file.vendors.iter().find(|vendor| vendor.key == key.vendor()).unwrap().label.to_lowercase()
    };
    let mut expected: Vec<(String, String)> = file
        .subsystems
        .iter()
        .filter(|record| label(record.key).contains("broadcom"))
        .filter_map(|record| match record.key {
            Key::Subsystem { device, subvendor: 0x1028, .. } => {
                Some((record.entry_name(), format!("{device:04x}")))
            }
            _ => None,
        })
        .collect();
    expected.sort();
    let rows = found["values"].as_array().unwrap().iter().map(|row| {
        let device = &row["attrs"]["parent.device_id"]["value"]["as_string"];
        (row["entry"]["name"].as_str().unwrap().to_owned(), device.as_str().unwrap().to_owned())
    });
    assert!(!expected.is_empty());
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    assert_eq!((&found["count"], &found["total_count"]), (&json!(expected.len()), &json!(expected.len())));
}

fn the_sample_is_loaded_once_however_often_it_is_tried(database: Database) {
    let plugins = Contributions::of(&[&pagoda_hello_world::PLUGIN, &pagoda_naming_policy::PLUGIN]);
    let policy = json!({"entities": {
        "pci-vendor": {"trim": true, "collapse_blanks": true, "case": "upper"},
        "pci-device": {"trim": true, "collapse_blanks": true, "max_length": 60, "message": "too long for a label"},
    }});
    let change = |config: &mut pagoda_core::config::Config| {
        config.plugins.sections.insert("naming-policy".to_owned(), policy);
    };
    let Some(app) = TestApp::with(database, plugins, change) else { return };
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pci-ids/data/pci.ids.sample");
    let file = parse::parse(&std::fs::read(&sample).unwrap());
    let mut options = Options::new(&sample, &app.base, &app.token);
    options.expect = true;

    let summary = load(&options, &mut Silent).unwrap();
    assert!(summary.stopped.is_none() && summary.failed.is_empty(), "{summary}");
    assert!(summary.checks.iter().all(|check| check.holds()), "{summary}");
    assert_eq!(usize::try_from(summary.vendors.created).unwrap(), file.vendors.len(), "{summary}");
    // The policy changed names and refused some, and both is said.
    assert!(summary.changed.iter().any(|changed| changed.stored == changed.sent.to_uppercase()), "{summary}");
    let refused = summary.devices.refused + summary.subsystems.refused;
    assert!(refused > 0, "{summary}");
    let stored = summary.devices.created + summary.subsystems.created;
    assert_eq!(
        usize::try_from(stored + refused).unwrap(),
        file.devices.len() + file.subsystems.len(),
        "{summary}"
    );

    let again = load(&options, &mut Silent).unwrap();
    let created = again.vendors.created + again.devices.created + again.subsystems.created;
    assert_eq!(created, 0, "{again}");
    assert!(again.checks.iter().all(|check| check.holds()), "{again}");
}
