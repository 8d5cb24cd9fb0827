//! The audit log, and what is on its way to it.

use crate::store::schema::{audit_head, audit_log, audit_outbox};
use diesel::{AsChangeset, Insertable, Queryable, Selectable};

/// Something that was done, to be moved to the log.
#[derive(Clone, Debug, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_outbox, treat_none_as_default_value = false)]
pub struct NewAudit {
    /// When.
    pub at: i64,
    /// Id of who acted; absent for the server, the command line and whoever is not logged in.
    pub actor_id: Option<i64>,
    /// Name of who acted, at that time.
    pub actor: Option<String>,
    /// What was done, such as `entry.create`.
    pub action: String,
    /// What it was done to: `entry`, `user`, ….
    pub object_kind: Option<String>,
    /// Its id, where it has one.
    pub object_id: Option<i64>,
    /// Its name, at that time.
    pub object_name: Option<String>,
    /// Id of the plugin through which it was done.
    pub plugin: Option<String>,
    /// Name of the request.
    pub trace_id: String,
    /// Where the request came from.
    pub origin: String,
    /// More, as a JSON object.
    pub detail: String,
}

/// A record that waits to be moved to the log.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_outbox)]
pub struct AuditOutboxRow {
    /// Key; says nothing about the order in which transactions ended.
    pub id: i64,
    /// What was done.
    #[diesel(embed)]
    pub record: NewAudit,
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
pub struct AuditRow {
    /// Its place: from 1, without gaps.
    pub seq: i64,
    /// See [`NewAudit::at`].
    pub at: i64,
    /// See [`NewAudit::actor_id`].
    pub actor_id: Option<i64>,
    /// See [`NewAudit::actor`].
    pub actor: Option<String>,
    /// See [`NewAudit::action`].
    pub action: String,
    /// See [`NewAudit::object_kind`].
    pub object_kind: Option<String>,
    /// See [`NewAudit::object_id`].
    pub object_id: Option<i64>,
    /// See [`NewAudit::object_name`].
    pub object_name: Option<String>,
    /// See [`NewAudit::plugin`].
    pub plugin: Option<String>,
    /// See [`NewAudit::trace_id`].
    pub trace_id: String,
    /// See [`NewAudit::origin`].
    pub origin: String,
    /// See [`NewAudit::detail`].
    pub detail: String,
    /// Hash of the row before.
    pub prev_hash: String,
    /// Hash of this row, [`AuditRow::prev_hash`] included.
    pub hash: String,
}

impl AuditRow {
    /// The row of a record at a place in the log; its hash is still to be computed.
    #[must_use]
    pub fn unhashed(seq: i64, record: NewAudit, prev_hash: String) -> Self {
        let NewAudit {
            at,
            actor_id,
            actor,
            action,
            object_kind,
            object_id,
            object_name,
            plugin,
            trace_id,
            origin,
            detail,
        } = record;
        Self {
            seq,
            at,
            actor_id,
            actor,
            action,
            object_kind,
            object_id,
            object_name,
            plugin,
            trace_id,
            origin,
            detail,
            prev_hash,
            hash: String::new(),
        }
    }
}

/// Where the log begins and ends.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = audit_head)]
pub struct AuditHeadRow {
    /// The last row; 0 when there never was one.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
    /// The last row that was removed from the beginning; 0 when none was.
    pub trimmed_seq: i64,
    /// Its hash, which the first row that is left names.
    pub trimmed_hash: String,
}
