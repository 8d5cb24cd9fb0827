//! Acting as the plugin itself, in transactions of its own.

use super::{Bridges, Data, Gate, arrived, carry, enter, enter_to_read, typed};
use std::marker::PhantomData;
use std::sync::Arc;

/// The way to data as the plugin itself, from `ctx.as_plugin()`.
///
/// What happens behind it is done by the account `plugin:<id>`: its access rules hold, and its name stands in
/// the history of what it writes. The request remains that of whoever sent it, and Observe handlers of what
/// was written see them.
pub struct AsPlugin<C> {
    /// Or the name of the point whose handler runs inside a transaction.
    gate: Result<Arc<dyn Gate>, &'static str>,
    carries: PhantomData<fn() -> C>,
}

impl<C> std::fmt::Debug for AsPlugin<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsPlugin").finish_non_exhaustive()
    }
}

impl<C> AsPlugin<C> {
    /// Made only where `C` may act as the plugin.
    pub(crate) fn new(gate: Result<Arc<dyn Gate>, &'static str>) -> Self {
        Self { gate, carries: PhantomData }
    }

    fn gate(&self) -> anyhow::Result<&dyn Gate> {
        match &self.gate {
            Ok(gate) => Ok(gate.as_ref()),
            Err(point) => {
                anyhow::bail!("{point} runs inside a transaction: use `ctx.db_as_plugin(|db| …)`")
            }
        }
    }

    /// Runs `work` in one transaction off the async threads: committed if it returns `Ok`, rolled back
    /// otherwise.
    ///
    /// # Errors
    /// What `work` returned, why there was no transaction, or why the plugin cannot act as itself.
    pub async fn data<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.bridges(|bridges| work(&mut bridges.data())).await
    }

    /// As [`AsPlugin::data`], where nothing is written; a write is refused.
    ///
    /// # Errors
    /// As [`AsPlugin::data`].
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let work = |manager: &mut dyn super::BridgeManager| {
            typed::as_plugin(manager, |manager| work(&mut Data::new(manager.data())))
        };
        enter_to_read(self.gate()?, work).await
    }

    /// As [`AsPlugin::data`], with all bridges.
    ///
    /// # Errors
    /// As [`AsPlugin::data`].
    pub async fn bridges<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Bridges<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let work = |manager: &mut dyn super::BridgeManager| {
            typed::as_plugin(manager, |manager| work(&mut Bridges::new(manager)))
        };
        enter(self.gate()?, work).await
    }

    /// As [`AsPlugin::data`], from a plain function.
    ///
    /// # Errors
    /// As [`AsPlugin::data`].
    pub fn data_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (work, value) =
            carry(|manager| typed::as_plugin(manager, |manager| work(&mut Data::new(manager.data()))));
        self.gate()?.enter_blocking(work)?;
        arrived(&value)
    }
}
