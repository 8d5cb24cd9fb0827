//! Real records: a trimmed copy of the PCI ID database through the API, with both plugins on.

use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_example_pci_ids::report::Silent;
use pagoda_example_pci_ids::{Options, load, parse};
use serde_json::json;
use std::path::Path;

on_both_databases! {
    the_sample_is_loaded_once_however_often_it_is_tried;
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
