//! A plugin's share of the server: so many of its calls run at a time, the rest waits in order, and beyond
//! that it is told to come back. What waits here holds no thread and no connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a share is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Operations of its routes.
    Routes,
    /// Operations of what observes others' operations. Apart from its routes, or a flood of these would hold
    /// up every operation that the plugin observes.
    Hooks,
    /// Calls of its routes that are plain functions, and so take a thread.
    Calls,
}

impl Kind {
    /// As a label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::Hooks => "hooks",
            Self::Calls => "calls",
        }
    }

    /// What there are too many of, for people.
    const fn what(self) -> &'static str {
        match self {
            Self::Routes => "operations",
            Self::Hooks => "operations in hooks",
            Self::Calls => "plain routes",
        }
    }
}

/// A plugin has no place and may not wait for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin} is busy: {running} of its {} run and {waiting} wait; try again", kind.what())]
pub struct Crowded {
    /// Its id.
    pub plugin: &'static str,
    /// Of which of its shares.
    pub kind: Kind,
    running: usize,
    waiting: usize,
}

/// Places, given back when dropped.
#[derive(Debug)]
#[must_use = "dropped, the place is another's"]
pub struct Place {
    _own: OwnedSemaphorePermit,
    _common: OwnedSemaphorePermit,
}

/// The places of one plugin for one kind of work.
#[derive(Debug)]
pub struct Share {
    plugin: &'static str,
    kind: Kind,
    most: usize,
    places: Arc<Semaphore>,
    most_waiting: usize,
    waiting: AtomicUsize,
    refused: AtomicU64,
    patience: Duration,
}

/// One that waits, as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Share {
    fn new(plugin: &'static str, kind: Kind, most: usize, rules: &Rules) -> Self {
        let most = most.max(1);
        Self {
            plugin,
            kind,
            most,
            places: Arc::new(Semaphore::new(most)),
            most_waiting: rules.most_waiting,
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            patience: rules.patience,
        }
    }

    /// A place, and one of those that all plugins have in `common`, if nobody has to be waited for. A place that is
    /// free is nobody's: those that wait are handed theirs.
    fn try_take(&self, common: &Arc<Semaphore>) -> Option<Place> {
        let own = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let common = Arc::clone(common).try_acquire_owned().ok()?;
        Some(Place { _own: own, _common: common })
    }

    /// The same, waiting if need be. Its own place comes first: a plugin does not stand in the common queue with
    /// more than these.
    async fn take(&self, common: &Arc<Semaphore>) -> Result<Place, Crowded> {
        if let Some(place) = self.try_take(common) {
            return Ok(place);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        let both = async {
            let own = Arc::clone(&self.places).acquire_owned().await.ok()?;
            let common = Arc::clone(common).acquire_owned().await.ok()?;
            Some(Place { _own: own, _common: common })
        };
        let taken = match before < self.most_waiting {
            true => tokio::time::timeout(self.patience, both).await.ok().flatten(),
            false => None,
        };
        drop(waiting);
        taken.ok_or_else(|| self.crowded())
    }

    fn crowded(&self) -> Crowded {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let Load { running, waiting, .. } = self.load();
        Crowded { plugin: self.plugin, kind: self.kind, running, waiting }
    }

    /// What it is used for now.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            plugin: self.plugin,
            kind: self.kind,
            running: self.most.saturating_sub(self.places.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

/// What a share is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The plugin.
    pub plugin: &'static str,
    /// What the share is for.
    pub kind: Kind,
    /// Places that are taken.
    pub running: usize,
    /// Calls that wait for one.
    pub waiting: usize,
    /// Calls that were told to come back, so far.
    pub refused: u64,
}

/// How shares are measured.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Connections to the database.
    pub connections: usize,
    /// Whether the database has one writer, which everybody waits for.
    pub one_writer: bool,
    /// Places for blocking work of the whole server.
    pub places: usize,
    /// Operations of one plugin at a time; absent means the usual share.
    pub operations: Option<usize>,
    /// Calls of one plugin that may wait, for each kind of work.
    pub most_waiting: usize,
    /// How long one waits.
    pub patience: Duration,
}

impl Rules {
    /// Operations of one plugin at a time: half of the connections, but no more than a quarter of the places.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations.unwrap_or((self.connections / 2).min(self.places / 4)).max(1)
    }

    /// Operations of all plugins at a time: a quarter of the connections is left to the core, at least one.
    fn all_operations(&self) -> usize {
        self.connections.saturating_sub((self.connections / 4).max(1)).max(1)
    }
}

/// The shares of one plugin, by [`Kind`].
#[derive(Debug)]
struct Shares {
    routes: Share,
    hooks: Share,
    calls: Share,
}

/// The shares of all plugins.
#[derive(Debug)]
pub struct PluginShares {
    shares: HashMap<&'static str, Shares>,
    operations: Arc<Semaphore>,
    /// One writing operation of plugins stands in the queue for the only writer, however many there are.
    writer: Option<Arc<Semaphore>>,
    calls: Arc<Semaphore>,
    rules: Rules,
}

impl PluginShares {
    /// Shares for these plugins.
    #[must_use]
    pub fn new(plugins: impl IntoIterator<Item = &'static str>, rules: Rules) -> Self {
        let of = |plugin| Shares {
            routes: Share::new(plugin, Kind::Routes, rules.operations(), &rules),
            hooks: Share::new(plugin, Kind::Hooks, rules.operations(), &rules),
            calls: Share::new(plugin, Kind::Calls, rules.places / 4, &rules),
        };
        Self {
            shares: plugins.into_iter().map(|plugin| (plugin, of(plugin))).collect(),
            operations: Arc::new(Semaphore::new(rules.all_operations())),
            writer: rules.one_writer.then(|| Arc::new(Semaphore::new(1))),
            calls: Arc::new(Semaphore::new((rules.places * 3 / 4).max(1))),
            rules,
        }
    }

    /// A place for work of a plugin, waiting in a runtime if need be; none is needed by one that is not known here.
    ///
    /// # Errors
    /// [`Crowded`]
    pub async fn take(&self, plugin: &str, kind: Kind, writes: bool) -> Result<Option<Place>, Crowded> {
        let Some((share, common)) = self.find(plugin, kind, writes) else { return Ok(None) };
        share.take(common).await.map(Some)
    }

    /// The same, if nobody has to be waited for.
    #[must_use]
    pub fn try_take(&self, plugin: &str, kind: Kind, writes: bool) -> Option<Option<Place>> {
        let Some((share, common)) = self.find(plugin, kind, writes) else { return Some(None) };
        share.try_take(common).map(Some)
    }

    fn find(&self, plugin: &str, kind: Kind, writes: bool) -> Option<(&Share, &Arc<Semaphore>)> {
        let shares = self.shares.get(plugin)?;
        let connections = self.writer.as_ref().filter(|_| writes).unwrap_or(&self.operations);
        Some(match kind {
            Kind::Routes => (&shares.routes, connections),
            Kind::Hooks => (&shares.hooks, connections),
            Kind::Calls => (&shares.calls, &self.calls),
        })
    }

    /// How shares were measured.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What all shares are used for, by plugin.
    #[must_use]
    pub fn loads(&self) -> Vec<Load> {
        let mut plugins: Vec<_> = self.shares.iter().collect();
        plugins.sort_by_key(|(plugin, _)| **plugin);
        let of = |shares: &Shares| [shares.routes.load(), shares.hooks.load(), shares.calls.load()];
        plugins.into_iter().flat_map(|(_, shares)| of(shares)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Crowded, Kind, PluginShares, Rules};
    use std::sync::Arc;
    use std::time::Duration;

    const RULES: Rules = Rules {
        connections: 8,
        one_writer: false,
        places: 256,
        operations: None,
        most_waiting: 2,
        patience: Duration::from_secs(60),
    };

    fn with(rules: Rules) -> Arc<PluginShares> {
        Arc::new(PluginShares::new(["a", "b", "c"], rules))
    }

    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn shares_leave_something_to_the_core() {
        let of = |connections| {
            let rules = Rules { connections, ..RULES };
            (rules.operations(), rules.all_operations())
        };
        assert_eq!([1, 2, 4, 8, 32, 1_000].map(of), [(1, 1), (1, 1), (2, 3), (4, 6), (16, 24), (64, 750)]);
        assert_eq!(Rules { operations: Some(7), ..RULES }.operations(), 7);
    }

    #[tokio::test]
    async fn what_finds_no_place_waits_in_order_and_then_is_refused() {
        let shares = with(RULES);
        let mut running = Vec::new();
        for _ in 0..4 {
            running.push(shares.take("a", Kind::Routes, false).await.unwrap());
        }
        let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..2 {
            let (shares, done) = (Arc::clone(&shares), done.clone());
            tokio::spawn(async move {
                let place = shares.take("a", Kind::Routes, false).await.unwrap();
                done.send((number, place)).unwrap();
            });
            settle().await;
        }
        let refused = shares.take("a", Kind::Routes, false).await.unwrap_err();
        let Crowded { plugin, .. } = &refused;
        assert_eq!(*plugin, "a");
        assert_eq!(refused.to_string(), "plugin a is busy: 4 of its operations run and 2 wait; try again");
        assert!(shares.take("b", Kind::Routes, false).await.is_ok(), "others have their own share");
        assert!(shares.take("a", Kind::Hooks, false).await.is_ok());
        drop(running.pop());
        assert_eq!(order.recv().await.unwrap().0, 0);
        drop(running.pop());
        assert_eq!(order.recv().await.unwrap().0, 1);
        let loads = shares.loads();
        assert_eq!((loads[0].running, loads[0].waiting, loads[0].refused), (2, 0, 1));
    }

    #[tokio::test]
    async fn all_plugins_together_leave_a_quarter() {
        let shares = with(RULES);
        let mut running = Vec::new();
        for plugin in ["a", "a", "a", "b", "b", "b"] {
            running.push(shares.take(plugin, Kind::Routes, true).await.unwrap());
        }
        let waits = shares.take("c", Kind::Routes, false);
        assert!(tokio::time::timeout(Duration::from_millis(1), waits).await.is_err());
        // Whoever gave up waiting waits no more.
        assert_eq!(shares.loads()[6].waiting, 0);
        drop(running.pop());
        assert!(shares.take("c", Kind::Routes, false).await.is_ok());
    }

    #[tokio::test]
    async fn one_write_of_plugins_at_a_time_where_there_is_one_writer() {
        let shares = with(Rules { one_writer: true, patience: Duration::from_millis(1), ..RULES });
        let first = shares.take("a", Kind::Routes, true).await.unwrap();
        assert!(shares.take("b", Kind::Routes, true).await.is_err());
        assert!(shares.take("b", Kind::Routes, false).await.is_ok());
        drop(first);
        assert!(shares.take("b", Kind::Routes, true).await.is_ok());
    }
}
