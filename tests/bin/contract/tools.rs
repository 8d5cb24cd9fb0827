//! The tools of others: pinned with their hashes in `tests/contract/`, installed below the build's own directory.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Installed tools.
#[derive(Debug)]
pub(crate) struct Tools {
    programs: PathBuf,
    sources: PathBuf,
}

impl Tools {
    /// Those of `requirements.txt`.
    pub(crate) fn python() -> anyhow::Result<Self> {
        let (home, sources) = (home("python")?, sources());
        let programs = home.join("bin");
        if !programs.join("pip").exists() {
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        }
        let mut install = Command::new(programs.join("pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]);
        succeed(install.arg(sources.join("requirements.txt")))?;
        Ok(Self { programs, sources })
    }

    /// Those of `package.json`.
    pub(crate) fn node() -> anyhow::Result<Self> {
        let (home, sources) = (home("node")?, sources());
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(sources.join(file), home.join(file))?;
        }
        let mut install = Command::new("npm");
        succeed(install.current_dir(&home).args([
            "ci",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]))?;
        Ok(Self { programs: home.join("node_modules/.bin"), sources })
    }

    /// One of them; it finds the others.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(all) {
            command.env("PATH", path);
        }
        command
    }

    /// What configures them.
    pub(crate) fn sources(&self) -> &Path {
        &self.sources
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract")
}

/// Where tools of a kind are: beside the programs of the build.
fn home(kind: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(Path::parent).context("this program has no directory")?;
    let home = target.join("contract").join(kind);
    std::fs::create_dir_all(&home)?;
    Ok(home)
}

pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?} failed");
    Ok(())
}
