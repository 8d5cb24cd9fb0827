//! The document is valid, and generators of two languages make clients of it that compile.

use crate::server::Place;
use crate::tools::{Tools, succeed};
use std::path::Path;

/// Imports all modules of a package.
const IMPORT_ALL: &str = "
import importlib, pkgutil
package = importlib.import_module('pagoda_client')
for module in pkgutil.walk_packages(package.__path__, 'pagoda_client.'):
    importlib.import_module(module.name)
";

/// Makes the clients; whatever does not work is said by the tool that it does not work with.
pub(crate) fn make(python: &Tools, node: &Tools, place: &Place) -> anyhow::Result<bool> {
    let directory = tempfile::tempdir()?;
    let document = directory.path().join("openapi.json");
    std::fs::write(&document, place.run(&["openapi"])?)?;
    let client = directory.path();
    let mut holds = true;
    for outcome in [
        validate(python, &document),
        for_python(python, &document, client),
        for_typescript(node, &document, client),
    ] {
        if let Err(error) = outcome {
            crate::say(&format!("{error:#}"));
            holds = false;
        }
    }
    Ok(holds)
}

fn validate(python: &Tools, document: &Path) -> anyhow::Result<()> {
    succeed(python.program("openapi-spec-validator").arg(document))
}

fn for_python(python: &Tools, document: &Path, directory: &Path) -> anyhow::Result<()> {
    let client = directory.join("pagoda_client");
    let mut generate = python.program("openapi-python-client");
    generate.args(["generate", "--meta", "none", "--fail-on-warning", "--config"]);
    generate.arg(python.sources().join("python-client.yml"));
    succeed(generate.arg("--path").arg(document).arg("--output-path").arg(client))?;
    succeed(python.program("python").current_dir(directory).args(["-c", IMPORT_ALL]))
}

fn for_typescript(node: &Tools, document: &Path, directory: &Path) -> anyhow::Result<()> {
    let types = directory.join("pagoda.d.ts");
    succeed(node.program("openapi-typescript").arg(document).arg("-o").arg(&types))?;
    // An answer that is used, so that the types are not only well formed.
    let program = directory.join("program.ts");
    std::fs::write(
        &program,
        "import type { components } from \"./pagoda\";\n\
         const level: components[\"schemas\"][\"Permission\"] = 8;\n\
         export const created: components[\"schemas\"][\"Created\"] = { id: level, name: \"rack\", job: 1 };\n",
    )?;
    succeed(node.program("tsc").args(["--noEmit", "--strict", "--skipLibCheck", "false"]).arg(&program))
}
