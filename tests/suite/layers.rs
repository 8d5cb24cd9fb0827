//! The layer rule: which crate may depend on which, and which room of the host may use which.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What a crate of ours may use of ours.
fn allowed(package: &Package, plugins: &[String]) -> Option<Vec<String>> {
    let sdk = || "pagoda-plugin-sdk".to_owned();
    let of = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    match package.name.as_str() {
        "pagoda-macros" => of(&[]),
        "pagoda-plugin-sdk" => of(&["pagoda-macros"]),
        "pagoda-core" => Some(vec![sdk()]),
        "pagoda" => Some(plugins.iter().cloned().chain(["pagoda-core".to_owned()]).collect()),
        name if plugins.iter().any(|plugin| plugin == name) => Some(vec![sdk()]),
        // Tests, benchmarks and examples span crates.
        _ => None,
    }
}

#[test]
fn crates_depend_in_one_direction() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let is_plugin =
        |package: &&Package| package.manifest_path.starts_with(metadata.workspace_root.join("plugins"));
    let plugins: Vec<String> =
        metadata.packages.iter().filter(is_plugin).map(|package| package.name.to_string()).collect();
    assert!(plugins.contains(&"pagoda-hello-world".to_owned()), "{plugins:?}");
    let ours: Vec<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let foreign_to_plugins = [
        "actix-web",
        "diesel",
        "diesel-async",
        "r2d2",
        "tokio-postgres",
        "libsqlite3-sys",
        "inventory",
        "linkme",
    ];
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(allowed) = allowed(package, &plugins) else { continue };
        let plugin = plugins.iter().any(|plugin| *plugin == package.name.as_str());
        for dependency in &package.dependencies {
            let (name, own) = (&dependency.name, ours.contains(&dependency.name));
            // Tests may use the support for tests, and the macros' examples the SDK that re-exports them.
            let for_tests = dependency.kind == DependencyKind::Development
                && (name == "pagoda-test-support" || package.name.as_str() == "pagoda-macros");
            if own && !allowed.contains(name) && !for_tests {
                wrong.push(format!("{} uses {name}", package.name));
            }
            if plugin && foreign_to_plugins.contains(&name.as_str()) {
                wrong.push(format!(
                    "{} uses {name}; the SDK is all that a plugin sees of the host",
                    package.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_binary_is_what_cargo_builds_by_default_and_plugins_are_optional() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let default: Vec<_> = metadata.workspace_default_members.iter().collect();
    let app = metadata.packages.iter().find(|package| package.name.as_str() == "pagoda").unwrap();
    assert_eq!(default, [&app.id]);
    assert!(app.features.get("default").is_none_or(Vec::is_empty), "default features: {:?}", app.features);
    for dependency in app.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
        // `libc` for one call to its allocator; see `app/src/allocator.rs`.
        assert!(
            ["pagoda-core", "libc"].contains(&dependency.name.as_str()) || dependency.optional,
            "{} is not optional",
            dependency.name
        );
    }
}

/// Which room of the host may name which. A room that is missing here may not exist.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", &["config", "confine", "http", "observe", "plugins", "replace", "server", "services", "store"]),
    (
        "server",
        &["auth", "config", "http", "limits", "mail", "observe", "plugins", "replace", "services", "store"],
    ),
    ("replace", &["config"]),
    ("http", &["auth", "config", "limits", "observe", "plugins", "services", "store", "ui", "wire"]),
    ("ui", &["plugins", "services"]),
    ("auth", &[]),
    ("limits", &[]),
    ("services", &["auth", "limits", "mail", "outbound", "plugins", "store", "wire"]),
    // The way back from a plugin into the services: the one arrow against the stream.
    ("plugins/bridge", &["plugins", "services", "store"]),
    ("plugins", &[]),
    ("outbound", &[]),
    ("mail", &["config"]),
    ("store", &[]),
    ("wire", &[]),
    ("config", &["plugins", "store"]),
    ("confine", &["config", "plugins", "store"]),
    // They look at everything and nothing looks at them; their list is shown.
    ("observe/alerts", &["config", "mail", "plugins", "services", "store"]),
    ("observe", &["config"]),
    ("lib.rs", &["cli"]),
];

#[test]
fn rooms_of_the_host_are_entered_in_one_direction() {
    let source = root().join("pagoda-core/src");
    let mut wrong = Vec::new();
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(files.len() > 50, "the scan found only {} files", files.len());
    for file in files {
        let inside = file.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        let room = ROOMS.iter().find(|(room, _)| {
            inside == *room || inside == format!("{room}.rs") || inside.starts_with(&format!("{room}/"))
        });
        let Some((room, may_use)) = room else {
            wrong.push(format!("{inside} is in no room that this test knows"));
            continue;
        };
        // Tests beside the code may use whatever they need to set the scene.
        if inside.ends_with("tests.rs") || inside.contains("/tests/") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]") {
            for used in line.match_indices("crate::").filter_map(|(at, _)| line.get(at + 7..)) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let own = used == *room || room.starts_with(&format!("{used}/"));
                let known = ROOMS.iter().any(|(room, _)| *room == used);
                if known && !own && !may_use.contains(&used.as_str()) && !line.trim_start().starts_with("//")
                {
                    wrong.push(format!("{inside}:{}: {room} uses {used}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What stands in one place only.
#[test]
fn sql_stays_in_the_store_and_statuses_in_http() {
    let source = root().join("pagoda-core/src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&file).unwrap();
        for (word, room) in [("diesel::", "store/"), ("actix_web::", "http/"), ("StatusCode", "http/")] {
            let elsewhere = !inside.starts_with(room) && inside != "server.rs" && !inside.starts_with("cli/");
            if elsewhere && text.contains(word) {
                found.entry(word).or_default().push(inside.clone());
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Traces are for who asks for them, and bring in no second client for HTTP and no second TLS.
#[test]
fn the_binary_has_traces_only_as_a_feature() {
    let packages = |features: &[&str]| -> Vec<String> {
        let tree = std::process::Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "-p",
                "pagoda",
                "-e",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p}",
            ])
            .args(features)
            .current_dir(root())
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let text = String::from_utf8(tree.stdout).unwrap();
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    let (plain, traced) = (packages(&[]), packages(&["--features", "otlp"]));
    assert!(plain.contains(&"actix-web".to_owned()), "{plain:?}");
    let of_traces = |package: &&String| package.contains("opentelemetry");
    assert_eq!(plain.iter().find(of_traces), None);
    assert!(traced.iter().any(|package| package == "tracing-opentelemetry"), "{traced:?}");
    for second in ["reqwest", "hyper", "tonic", "native-tls", "openssl", "aws-lc-rs"] {
        assert!(!traced.iter().any(|package| package == second), "{second}");
    }
}

/// Two versions of the registry would each see a part of the plugins; cargo refuses them.
#[test]
fn two_versions_of_the_sdk_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let sdk = root().join("pagoda-plugin-sdk");
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let manifest = format!(
        "[package]\nname = \"two\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         one = {{ package = \"pagoda-plugin-sdk\", path = {sdk:?} }}\n\
         other = {{ package = \"pagoda-plugin-sdk\", path = \"other\" }}\n"
    );
    write("Cargo.toml", &manifest);
    write("src/lib.rs", "");
    let links = std::fs::read_to_string(sdk.join("Cargo.toml")).unwrap();
    let links = links.lines().find(|line| line.starts_with("links")).unwrap().to_owned();
    let other = format!(
        "[package]\nname = \"pagoda-plugin-sdk\"\nversion = \"9.9.9\"\nedition = \"2024\"\n{links}\n"
    );
    write("other/Cargo.toml", &other);
    write("other/src/lib.rs", "");
    write("other/build.rs", "fn main() {}");
    let resolved = std::process::Command::new(env!("CARGO"))
        .args(["generate-lockfile", "--offline"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&resolved.stderr);
    assert!(!resolved.status.success() && text.contains("pagoda-plugin-registry"), "{text}");
}

/// Isolation is void under `panic = "abort"`; the host says so instead of compiling.
#[test]
fn the_host_does_not_compile_without_unwinding() {
    let message = |strategy: &str| {
        let compiled = std::process::Command::new("rustc")
            .args([
                "--edition",
                "2024",
                "--crate-type",
                "lib",
                "-C",
                strategy,
                "--emit",
                "metadata",
                "-o",
                "-",
            ])
            .arg(root().join("pagoda-core/src/lib.rs"))
            .output()
            .unwrap();
        // Without its dependencies it does not compile in either case; what counts is what is said.
        String::from_utf8_lossy(&compiled.stderr).contains("pagoda-core needs panic")
    };
    assert!(message("panic=abort"));
    assert!(!message("panic=unwind"));
}
