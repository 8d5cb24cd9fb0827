//! The crates that a plugin brings into the server besides the SDK.

use super::cargo::{Metadata, Node, Package};
use super::{Finding, rules};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The name of the SDK, below which everything is its own affair.
const SDK: &str = "pagoda-plugin-sdk";

/// A plugin's crates.
pub(super) struct Tree<'a> {
    packages: BTreeMap<&'a str, &'a Package>,
    nodes: BTreeMap<&'a str, &'a Node>,
}

/// A crate of a tree, and the plugin's own dependency through which it is there.
pub(super) struct Member<'a> {
    pub(super) package: &'a Package,
    through: &'a str,
    /// What the one that asks for it asks of it; empty for the plugin itself.
    features: Vec<String>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(metadata: &'a Metadata) -> Self {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        Self {
            packages: metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect(),
            nodes: nodes.map(|node| (node.id.as_str(), node)).collect(),
        }
    }

    fn below(&self, id: &str) -> impl Iterator<Item = &'a Package> {
        let edges = self.nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
        let real: Vec<_> = edges.iter().filter(|edge| edge.is_real()).collect();
        real.into_iter().filter_map(|edge| self.packages.get(edge.pkg.as_str()).copied())
    }

    /// Every crate that the SDK has anyway.
    fn of_the_sdk(&self) -> BTreeSet<&'a str> {
        let mut waiting: Vec<&Package> =
            self.packages.values().copied().filter(|package| package.name == SDK).collect();
        let mut found = BTreeSet::new();
        while let Some(package) = waiting.pop() {
            if found.insert(package.id.as_str()) {
                waiting.extend(self.below(&package.id));
            }
        }
        found
    }

    /// All crates of a plugin but those of the SDK, nearest first.
    pub(super) fn members(&self, plugin: &'a Package) -> Vec<Member<'a>> {
        let mut known = self.of_the_sdk();
        known.insert(&plugin.id);
        let mut waiting: VecDeque<(&'a Package, Option<&'a str>)> = VecDeque::from([(plugin, None)]);
        let mut found = Vec::new();
        while let Some((package, through)) = waiting.pop_front() {
            for below in self.below(&package.id) {
                let through = through.unwrap_or(&below.name);
                if !known.insert(&below.id) {
                    continue;
                }
                let asked = package.dependencies.iter().filter(|asked| asked.name == below.name);
                let asked = asked.filter(|asked| asked.kind.as_deref() != Some("dev"));
                let features = asked.flat_map(|asked| asked.features.iter().cloned()).collect();
                found.push(Member { package: below, through, features });
                // What is behind the host is the host's.
                if below.name != "pagoda-core" {
                    waiting.push_back((below, Some(through)));
                }
            }
        }
        found
    }
}

/// What there is to say about the names of a plugin's crates.
pub(super) fn judge(plugin: &Package, manifest: &str, members: &[Member<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |what: String, why, through: &str| {
        let mut finding = Finding::new("dependency", &plugin.name, (manifest.to_owned(), 1, 1), what, why);
        finding.through = Some(through.to_owned());
        findings.push(finding);
    };
    for Member { package, through, features } in members {
        let (name, direct) = (package.name.as_str(), package.name == *through);
        let by = if direct { String::new() } else { format!(" through {through}") };
        if let Some(why) = rules::dependency(name, direct) {
            say(format!("depends on {name}{by}"), why, through);
        }
        if name == "tokio"
            && let Some((asked, why)) = rules::tokio(features)
        {
            say(format!("depends on tokio with {}{by}", asked.join(", ")), why, through);
        }
    }
    findings
}
