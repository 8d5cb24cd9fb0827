//! Payloads of the `attribute.*` points: one attribute value of one entry.
//!
//! *Created* is the first value, *updated* a real change, *deleted* a value that was cleared or whose
//! definition went. A blank value counts as none; a boolean is never blank.

use super::payloads;
use crate::model::{AttrRef, EntryRef};
use serde_json::Value;

payloads! {
    /// `attribute.before_create`: the first value of an attribute.
    AttributeBeforeCreate {
        /// The entry; its id is 0 while the entry itself is being created.
        entry: EntryRef,
        /// The definition.
        attr: AttrRef,
        /// The value in the wire's input form; may be changed and is validated again.
        value: Value,
    } by entry.entity;

    /// `attribute.after_create`: the first value, as stored.
    AttributeAfterCreate {
        /// The entry.
        entry: EntryRef,
        /// The definition.
        attr: AttrRef,
        /// The value in the wire's detail form.
        value: Value,
    } by entry.entity;

    /// `attribute.before_update`: a value that is about to change.
    AttributeBeforeUpdate {
        /// The entry.
        entry: EntryRef,
        /// The definition.
        attr: AttrRef,
        /// The present value in the wire's detail form.
        previous: Value,
        /// The new value in the wire's input form; may be changed and is validated again.
        value: Value,
    } by entry.entity;

    /// `attribute.after_update`: a value that changed.
    AttributeAfterUpdate {
        /// The entry.
        entry: EntryRef,
        /// The definition.
        attr: AttrRef,
        /// The value before, in the wire's detail form.
        previous: Value,
        /// The value now, in the wire's detail form.
        value: Value,
    } by entry.entity;

    /// `attribute.before_delete`: a value that is about to go.
    AttributeBeforeDelete {
        /// The entry.
        entry: EntryRef,
        /// The definition.
        attr: AttrRef,
        /// The present value in the wire's detail form.
        previous: Value,
        /// Whether it goes because its definition is removed.
        definition_removed: bool,
    } by entry.entity;

    /// `attribute.after_delete`: a value that went.
    AttributeAfterDelete {
        /// The entry.
        entry: EntryRef,
        /// The definition.
        attr: AttrRef,
        /// The value it had, in the wire's detail form.
        previous: Value,
        /// Whether it went because its definition was removed.
        definition_removed: bool,
    } by entry.entity;
}
