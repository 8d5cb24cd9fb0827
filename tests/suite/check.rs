//! `plugins check` over sources: a fixture that does everything, the plugins of this repository, and none.

use crate::process::command;
use pagoda_core::cli::check::{Looked, look, text};
use pagoda_plugin_sdk::PluginDecl;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn dirty(sources: &Path) -> Looked {
    // As the compiler would say it, were the fixture built.
    static DIRTY: PluginDecl = PluginDecl::new("dirty", "Dirty", "0.1.0").at("src/lib.rs", 6);
    look(&[&DIRTY], sources).pop().unwrap()
}

#[test]
fn everything_that_goes_past_the_sdk_is_found_with_its_place() {
    let looked = dirty(&root().join("tests/fixtures/plugins/dirty"));
    assert_eq!(looked.not_looked_at, None);
    let shown = |finding: &pagoda_core::cli::check::Finding| {
        format!("{}:{}:{}: {}", finding.file, finding.line, finding.column, finding.what)
    };
    let mut found: Vec<String> = looked.findings.iter().map(shown).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "Cargo.toml:1:1: depends on reqwest through helper",
            "Cargo.toml:1:1: depends on rusqlite",
            "Cargo.toml:1:1: depends on tokio with net",
            "build.rs:1:1: has a build script",
            "helper/src/lib.rs:1:23: uses std::process::Command",
            "src/hooks.rs:11:1: has extern \"C\"",
            "src/hooks.rs:1:5: calls std s",
            "src/hooks.rs:4:14: uses std::env::set_var",
            "src/hooks.rs:4:5: has an unsafe block",
            "src/hooks.rs:5:25: uses std::process::exit",
            "src/hooks.rs:5:5: uses std::thread::spawn",
            "src/hooks.rs:6:15: uses std::env::var",
            "src/hooks.rs:9:1: has an unsafe impl",
            "src/lib.rs:12:1: has include!",
            "src/lib.rs:4:11: uses std::fs",
            "src/lib.rs:4:20: uses std::net::TcpStream",
        ]
    );
    // What the SDK brings, and what only tests use, is no finding of the plugin's; empty crates were read.
    assert_eq!(looked.read, ["dirty", "helper", "rusqlite", "tokio", "reqwest"]);
    assert!(looked.findings.iter().all(|finding| !finding.why.is_empty()));
    let said = text(&[looked]).unwrap();
    assert!(
        said.contains(
            "plugin dirty: src/lib.rs:4:11: uses std::fs: plugins keep data through the bridges; files are the operator's\n"
        ),
        "{said}"
    );
}

#[test]
fn the_plugins_of_this_repository_are_looked_at_by_the_binary_that_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let root = root();
    let check = |more: &[&str]| {
        let mut command = command(directory.path());
        command.args(["plugins", "check", "--sources"]).arg(&root).args(more);
        let output = command.output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        (output.status.code(), out, err)
    };
    let (status, out, err) = check(&["--json"]);
    assert_eq!(status, Some(0), "{err}");
    let looked: Value = serde_json::from_str(&out).unwrap();
    let of =
        |id: &str| looked.as_array().unwrap().iter().find(|looked| looked["plugin"] == id).unwrap().clone();
    for (id, package, files) in
        [("hello-world-plugin", "pagoda-hello-world", 4), ("naming-policy", "pagoda-naming-policy", 5)]
    {
        let looked = of(id);
        assert_eq!(looked["findings"], serde_json::json!([]), "{looked}");
        assert_eq!(looked["not_looked_at"], Value::Null);
        assert_eq!((&looked["read"][0], &looked["files"]), (&package.into(), &files.into()));
    }
    let chaos = of("chaos");
    let whats: Vec<_> = chaos["findings"].as_array().unwrap().iter().map(|it| it["what"].clone()).collect();
    assert_eq!(whats, ["uses std::thread::sleep"]);
    assert_eq!(chaos["findings"][0]["file"], "plugins/chaos/src/fault.rs");
    assert_eq!(chaos["by_name"], serde_json::json!(["futures-timer"]));

    let (status, out, _) = check(&[]);
    assert_eq!(status, Some(0));
    for line in [
        "no problems",
        "plugin chaos: plugins/chaos/src/fault.rs:",
        "plugin naming-policy: nothing to report in 5",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let (status, out, err) = check(&["--strict"]);
    assert_eq!(status, Some(1));
    assert!(
        out.contains("uses std::thread::sleep") && err.contains("something to say about 1 plugin"),
        "{err}"
    );
}

#[test]
fn sources_that_are_not_there_are_said_and_no_silence() {
    let directory = tempfile::tempdir().unwrap();
    let output = command(directory.path()).args(["plugins", "check"]).output().unwrap();
    assert!(output.status.success());
    let out = String::from_utf8(output.stdout).unwrap();
    for plugin in ["chaos", "hello-world-plugin", "naming-policy"] {
        let line = format!("plugin {plugin}: sources not found under . (cargo: ");
        assert!(
            out.lines().any(|said| said.starts_with(&line) && said.ends_with("; not looked at")),
            "{out}"
        );
    }
    let no_cargo =
        command(directory.path()).args(["plugins", "check"]).env("CARGO", "/no/cargo").output().unwrap();
    let out = String::from_utf8(no_cargo.stdout).unwrap();
    assert!(out.contains("(cargo cannot be started: "), "{out}");
    let strict = command(directory.path()).args(["plugins", "check", "--strict"]).output().unwrap();
    assert_eq!(strict.status.code(), Some(1));
    // Other sources: found by cargo, and not those of the plugins.
    let fixture = root().join("tests/fixtures/plugins/dirty");
    let other =
        command(directory.path()).args(["plugins", "check", "--sources"]).arg(fixture).output().unwrap();
    let out = String::from_utf8(other.stdout).unwrap();
    assert!(out.contains("(no crate there declares it); not looked at"), "{out}");
}
