//! Payloads of the `entry.*` and `pagoda.entry.*` points.

use super::{List, payloads};
use crate::model::{AttrInput, AttrRef, EntityRef, EntryRef, User};
use crate::time::Timestamp;
use serde_json::Value;
use std::sync::Arc;

payloads! {
    /// `entry.before_create`: the entry as requested. Name and values may be changed; the result is
    /// validated like a request.
    EntryBeforeCreate {
        /// The entity it will belong to.
        entity: EntityRef,
        /// The definitions of that entity, so that a handler finds an attribute by name.
        schema: Arc<[AttrRef]>,
        /// The name of the entry.
        name: String,
        /// The values given, in request order.
        attrs: List<AttrInput>,
    } by entity;

    /// `entry.after_create`: the entry as stored.
    EntryAfterCreate {
        /// The entry.
        entry: EntryRef,
        /// Its values in the wire's detail form, as [`crate::model::Entry::attrs`].
        attrs: Vec<Value>,
        /// Who created it.
        user: Option<User>,
        /// When.
        created_time: Timestamp,
    } by entry.entity;

    /// `entry.before_update`: the change as requested.
    EntryBeforeUpdate {
        /// The entry under its present name.
        entry: EntryRef,
        /// The definitions of its entity.
        schema: Arc<[AttrRef]>,
        /// Its present values in the wire's detail form.
        current: Arc<[Value]>,
        /// The new name; `None` leaves it.
        name: Option<String>,
        /// The new values, in request order; attributes not listed stay as they are.
        attrs: List<AttrInput>,
    } by entry.entity;

    /// `entry.after_update`: what changed.
    EntryAfterUpdate {
        /// The entry under its new name.
        entry: EntryRef,
        /// The name it had.
        previous_name: String,
        /// Its values before the change, in the wire's detail form.
        previous: Vec<Value>,
        /// Its values after the change, in the wire's detail form.
        attrs: Vec<Value>,
        /// Ids of the attribute definitions whose values really changed.
        changed: Vec<i64>,
        /// Who changed it.
        user: Option<User>,
    } by entry.entity;

    /// `entry.before_delete`: the entry that is about to go.
    EntryBeforeDelete {
        /// The entry.
        entry: EntryRef,
        /// Its values in the wire's detail form.
        attrs: Vec<Value>,
        /// Whether it goes because another entry was deleted that referred to it.
        in_chain: bool,
    } by entry.entity;

    /// `entry.after_delete`: the entry that went.
    EntryAfterDelete {
        /// The entry under the name it had.
        entry: EntryRef,
        /// The name it has now.
        deleted_name: String,
        /// The values it had, in the wire's detail form.
        attrs: Vec<Value>,
        /// Whether it went because another entry was deleted that referred to it.
        in_chain: bool,
        /// Who deleted it.
        user: Option<User>,
    } by entry.entity;

    /// `pagoda.entry.validation`: content that passed the host's own rules.
    EntryValidation {
        /// The entry; its id is 0 on creation, its name the one it will have.
        entry: EntryRef,
        /// Whether it is about to be created.
        is_new: bool,
        /// The name it has now; absent on creation.
        previous_name: Option<String>,
        /// The definitions of its entity.
        schema: Arc<[AttrRef]>,
        /// Its present values in the wire's detail form; empty on creation. What `attrs` does not name stays so.
        current: Arc<[Value]>,
        /// The values about to be written: on creation defaults too, on a change only what really changes.
        attrs: List<AttrInput>,
    } by entry.entity;

    /// `entry.before_restore`: the deleted entry that is about to come back.
    EntryBeforeRestore {
        /// The entry under the name it will have.
        entry: EntryRef,
        /// The name it has as a deleted one.
        deleted_name: String,
        /// When it was deleted.
        deleted_time: Option<Timestamp>,
        /// The values that come back with it, in the wire's detail form.
        attrs: Vec<Value>,
        /// Whether it comes back because another entry did that refers to it.
        in_chain: bool,
    } by entry.entity;

    /// `entry.after_restore`: the entry that came back.
    EntryAfterRestore {
        /// The entry.
        entry: EntryRef,
        /// The name it had as a deleted one.
        deleted_name: String,
        /// The values that came back with it, in the wire's detail form.
        attrs: Vec<Value>,
        /// Whether it came back because another entry did that refers to it.
        in_chain: bool,
        /// Who restored it.
        user: Option<User>,
    } by entry.entity;

    /// `entry.get_attrs`: the attributes that an entry detail is about to show.
    EntryGetAttrs {
        /// The entry.
        entry: EntryRef,
        /// The `attrs` list of the answer; elements may be changed, added and removed.
        attrs: List<Value>,
    } by entry.entity;

    /// `pagoda.entry.after_import`: the outcome of an import of entries.
    EntryAfterImport {
        /// The entity of the entries.
        entity: EntityRef,
        /// Rows that were applied.
        imported: u64,
        /// Rows that failed.
        failed: u64,
    } by entity;

    /// `pagoda.entry.before_export`: the rows that are about to leave.
    EntryBeforeExport {
        /// The entity of the entries.
        entity: EntityRef,
        /// The rows in the form of the export.
        rows: List<Value>,
    } by entity;
}
