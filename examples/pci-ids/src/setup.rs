//! Makes sure that the two entities exist and have the attributes that the loader writes.
//!
//! Nothing that is there is changed; attributes that are missing are added, so an interrupted start can be repeated.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{AttrId, Client, ClientError, EntityDetail, EntityId};

/// The name of the entity of vendors.
pub const VENDOR_ENTITY: &str = "pci-vendor";
/// The name of the entity of devices and subsystems.
pub const DEVICE_ENTITY: &str = "pci-device";

/// *Source:* the type codes of Pagoda's attributes.
const OBJECT: i64 = 1;
const STRING: i64 = 2;

/// The pause between two looks at an entity that the server still works on.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Why the entities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A request failed.
    #[error("setting up entity {entity}")]
    Client {
        /// Which entity.
        entity: &'static str,
        /// What happened.
        #[source]
        source: ClientError,
    },
    /// There is an attribute of the right name, but it cannot hold what it should.
    #[error("entity {entity} exists, but its attribute {attr} {reason}")]
    Mismatch {
        /// Which entity.
        entity: &'static str,
        /// Which attribute.
        attr: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// The server accepted the entity or its attributes, and they did not appear.
    #[error("entity {entity} was accepted, but is not ready after {seconds} s (missing: {missing})")]
    NotReady {
        /// Which entity.
        entity: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// What is missing.
        missing: String,
    },
}

/// The ids that the loader needs.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) vendor: EntitySchema,
    pub(crate) device: EntitySchema,
}

/// An entity and its attributes by name.
#[derive(Clone, Debug)]
pub(crate) struct EntitySchema {
    pub(crate) id: EntityId,
    attrs: HashMap<&'static str, AttrId>,
}

impl EntitySchema {
    /// The `attrs` of an entry from names and values; all names are those of [`ensure`].
    pub(crate) fn values<const N: usize>(&self, values: [(&str, Value); N]) -> Value {
        let known = values.into_iter().filter_map(|(name, value)| Some((self.attrs.get(name)?, value)));
        known.map(|(id, value)| json!({"id": id.0, "value": value})).collect()
    }
}

struct Attr {
    name: &'static str,
    mandatory: bool,
    refers: Option<EntityId>,
}

impl Attr {
    fn type_code(&self) -> i64 {
        if self.refers.is_some() { OBJECT } else { STRING }
    }

    fn body(&self, index: usize) -> Value {
        json!({
            "name": self.name,
            "type": self.type_code(),
            "index": index,
            "is_mandatory": self.mandatory,
            "referral": self.refers.iter().map(|id| id.0).collect::<Vec<_>>(),
        })
    }
}

/// Finds or creates both entities. Waits up to `patience` for the server to finish each step.
pub(crate) fn ensure(client: &Client, patience: Duration) -> Result<Schema, SetupError> {
    let string = |name| Attr { name, mandatory: false, refers: None };
    let refers = |name, to| Attr { name, mandatory: false, refers: Some(to) };

    let vendors = Setup { client, patience, entity: VENDOR_ENTITY };
    let note = "PCI vendors, loaded from pci.ids";
    let attrs = [Attr { mandatory: true, ..string("id") }, string("label")];
    let id = vendors.find_or_create(note, &attrs)?;
    let vendor = vendors.with_attrs(id, &attrs)?;

    let devices = Setup { client, patience, entity: DEVICE_ENTITY };
    let note = "PCI devices and subsystems, loaded from pci.ids";
    let mut attrs = vec![
        Attr { mandatory: true, ..refers("vendor", vendor.id) },
        string("device_id"),
        string("subsystem_id"),
        string("label"),
        string("kind"),
    ];
    let id = devices.find_or_create(note, &attrs)?;
    // It refers to its own entity, whose id is only known now.
    attrs.push(refers("parent", id));
    let device = devices.with_attrs(id, &attrs)?;
    Ok(Schema { vendor, device })
}

struct Setup<'a> {
    client: &'a Client,
    patience: Duration,
    entity: &'static str,
}

impl Setup<'_> {
    fn failed(&self, source: ClientError) -> SetupError {
        SetupError::Client { entity: self.entity, source }
    }

    fn find_or_create(&self, note: &str, attrs: &[Attr]) -> Result<EntityId, SetupError> {
        let attrs: Vec<Value> = attrs.iter().enumerate().map(|(index, attr)| attr.body(index)).collect();
        let body = json!({"name": self.entity, "note": note, "attrs": attrs});
        let mut attempt = 1;
        loop {
            if let Some(id) = self.client.find_entity(self.entity).map_err(|error| self.failed(error))? {
                return Ok(id);
            }
            match self.client.create_entity(&body) {
                Ok(Some(id)) => return Ok(id),
                Ok(None) => return self.appearing(),
                Err(ClientError::Lost { .. }) if attempt < self.client.retry().attempts => {}
                Err(error) => return Err(self.failed(error)),
            }
            std::thread::sleep(self.client.retry().pause(attempt, None));
            attempt += 1;
        }
    }

    /// Waits for a created entity whose id was not in the answer.
    fn appearing(&self) -> Result<EntityId, SetupError> {
        let begun = Instant::now();
        loop {
            if let Some(id) = self.client.find_entity(self.entity).map_err(|error| self.failed(error))? {
                return Ok(id);
            }
            self.wait(begun, "the entity itself")?;
        }
    }

    /// Adds the attributes that are missing and returns the ids of all.
    fn with_attrs(&self, id: EntityId, attrs: &[Attr]) -> Result<EntitySchema, SetupError> {
        let begun = Instant::now();
        let mut added = false;
        loop {
            let detail = self.client.entity(id).map_err(|error| self.failed(error))?;
            let (found, missing) = self.compare(&detail, attrs)?;
            if missing.is_empty() && !detail.has_ongoing_changes {
                return Ok(EntitySchema { id, attrs: found });
            }
            if !added && !detail.has_ongoing_changes {
                let base = detail.attrs.len();
                let new: Vec<Value> =
                    missing.iter().enumerate().map(|(index, attr)| attr.body(base + index)).collect();
                match self.client.update_entity(id, &json!({"attrs": new})) {
                    Ok(()) => added = true,
                    // Another look will tell.
                    Err(ClientError::Lost { .. }) => self.wait(begun, "attributes")?,
                    Err(error) => return Err(self.failed(error)),
                }
            } else {
                let names: Vec<&str> = missing.iter().map(|attr| attr.name).collect();
                self.wait(begun, &names.join(", "))?;
            }
        }
    }

    /// The ids of the attributes that are there, and the attributes that are not.
    fn compare<'a>(
        &self,
        detail: &EntityDetail,
        attrs: &'a [Attr],
    ) -> Result<(HashMap<&'static str, AttrId>, Vec<&'a Attr>), SetupError> {
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        for attr in attrs {
            let Some(there) = detail.attrs.iter().find(|there| there.name == attr.name) else {
                missing.push(attr);
                continue;
            };
            let mismatch =
                |reason| Err(SetupError::Mismatch { entity: self.entity, attr: attr.name, reason });
            if there.type_code != attr.type_code() {
                return mismatch(format!("has type {}, not {}", there.type_code, attr.type_code()));
            }
            if let Some(to) = attr.refers
                && there.referral.iter().all(|entity| entity.id != to)
            {
                return mismatch(format!("does not refer to entity {}", to.0));
            }
            found.insert(attr.name, there.id);
        }
        Ok((found, missing))
    }

    fn wait(&self, begun: Instant, missing: &str) -> Result<(), SetupError> {
        if begun.elapsed() >= self.patience {
            let missing = if missing.is_empty() { "nothing" } else { missing }.to_owned();
            return Err(SetupError::NotReady {
                entity: self.entity,
                seconds: self.patience.as_secs(),
                missing,
            });
        }
        std::thread::sleep(LOOK_AGAIN.min(self.patience));
        Ok(())
    }
}
