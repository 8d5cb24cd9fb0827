//! Who may do what. *Source: spec, acl-role §3; the algorithm step by step.*
//!
//! [`allowed`] and its like decide; what they need of roles and grants is loaded once per operation (`memo`), for a
//! page of objects in one statement when [`look_ahead`] was told of them. [`object`] finds an object of any kind,
//! [`settings`] shows and changes its rules, [`history`] tells how they became what they are.

pub(super) mod grants;
pub mod history;
pub(super) mod memo;
pub mod object;
pub mod settings;

pub(super) use memo::Memo;

use super::audit::{Action, AuditObject};
use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::rows::{AttributeRow, CategoryRow, EntityAttrRow, EntityRow, EntryRow};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{Level, ObjectKind, ObjectRef};
use pagoda_plugin_sdk::payload::{PermissionDenied, UserBeforePermissionCheck};

/// The access rule of one object.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    kind: ObjectKind,
    id: i64,
    name: &'a str,
    is_public: bool,
    default_permission: i32,
}

impl Rule<'_> {
    /// Whether everybody has the level, as far as this object goes. *Steps 7 and 8.*
    fn is_open(&self, level: Level) -> bool {
        self.is_public || level.code() <= self.default_permission
    }

    fn to_ref(self) -> ObjectRef {
        ObjectRef { kind: self.kind, id: self.id, name: self.name.to_owned() }
    }
}

/// An object together with the objects above it, each of which must grant what it grants.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// From the top: the last one is the object itself.
    rules: Vec<Rule<'a>>,
}

impl<'a> From<&'a EntityRow> for Subject<'a> {
    fn from(entity: &'a EntityRow) -> Self {
        Self { rules: vec![of_entity(entity)] }
    }
}

impl<'a> From<&'a CategoryRow> for Subject<'a> {
    fn from(category: &'a CategoryRow) -> Self {
        Self { rules: vec![of_category(category)] }
    }
}

fn of_category(category: &CategoryRow) -> Rule<'_> {
    Rule {
        kind: ObjectKind::Category,
        id: category.id,
        name: &category.name,
        is_public: category.is_public,
        default_permission: category.default_permission,
    }
}

fn of_entity(entity: &EntityRow) -> Rule<'_> {
    Rule {
        kind: ObjectKind::Entity,
        id: entity.id,
        name: &entity.name,
        is_public: entity.is_public,
        default_permission: entity.default_permission,
    }
}

fn of_attr(attr: &EntityAttrRow) -> Rule<'_> {
    Rule {
        kind: ObjectKind::EntityAttr,
        id: attr.id,
        name: &attr.name,
        is_public: attr.is_public,
        default_permission: attr.default_permission,
    }
}

fn of_entry(entry: &EntryRow) -> Rule<'_> {
    Rule {
        kind: ObjectKind::Entry,
        id: entry.id,
        name: &entry.name,
        is_public: entry.is_public,
        default_permission: entry.default_permission,
    }
}

fn of_attribute<'a>(attribute: &AttributeRow, attr: &'a EntityAttrRow) -> Rule<'a> {
    Rule {
        kind: ObjectKind::Attribute,
        id: attribute.id,
        name: &attr.name,
        is_public: attribute.is_public,
        default_permission: attribute.default_permission,
    }
}

impl<'a> Subject<'a> {
    /// An entry below its entity.
    #[must_use]
    pub fn entry(entry: &'a EntryRow, entity: &'a EntityRow) -> Self {
        Self { rules: vec![of_entity(entity), of_entry(entry)] }
    }

    /// An attribute definition below its entity.
    #[must_use]
    pub fn attr(attr: &'a EntityAttrRow, entity: &'a EntityRow) -> Self {
        Self { rules: vec![of_entity(entity), of_attr(attr)] }
    }

    /// An attribute of an entry, below its definition, entity and entry.
    #[must_use]
    pub fn attribute(
        attribute: &'a AttributeRow,
        attr: &'a EntityAttrRow,
        entry: &'a EntryRow,
        entity: &'a EntityRow,
    ) -> Self {
        let own = of_attribute(attribute, attr);
        Self { rules: vec![of_entity(entity), of_attr(attr), of_entry(entry), own] }
    }

    /// What an entry has for a definition: its attribute, or where there is none yet the definition.
    #[must_use]
    pub fn value(
        attribute: Option<&'a AttributeRow>,
        attr: &'a EntityAttrRow,
        entry: &'a EntryRow,
        entity: &'a EntityRow,
    ) -> Self {
        match attribute {
            Some(attribute) => Self::attribute(attribute, attr, entry, entity),
            None => Self::attr(attr, entity),
        }
    }

    fn to_ref(&self) -> Option<ObjectRef> {
        self.rules.last().map(|rule| rule.to_ref())
    }
}

/// The rules alone, without handlers. *Source: spec, acl-role §3; level is a level by its type (step 2).*
fn granted_by_rules(op: &mut OpCtx, subject: &Subject<'_>, level: Level) -> Result<bool, OpError> {
    let user = op.user()?;
    if user.is_superuser {
        return Ok(true);
    }
    if user.is_readonly && level > Level::Readable {
        return Ok(false);
    }
    // What is above must grant the level itself (steps 4 to 6), so the order does not matter.
    let closed: Vec<i64> =
        subject.rules.iter().filter(|rule| !rule.is_open(level)).map(|rule| rule.id).collect();
    if closed.is_empty() {
        return Ok(true);
    }
    memo::load(op, &closed)?;
    Ok(closed.iter().all(|id| level.code() <= op.access.level(*id)))
}

/// Loads in one statement what deciding on these subjects will need. Deciding without it is as right, and costs a
/// statement for each.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub fn look_ahead<'a>(
    op: &mut OpCtx,
    subjects: impl IntoIterator<Item = Subject<'a>>,
) -> Result<(), OpError> {
    if op.user()?.is_superuser {
        return Ok(());
    }
    let rules = subjects.into_iter().flat_map(|subject| subject.rules);
    let mut ids: Vec<i64> = rules.filter(|rule| !rule.is_open(Level::Full)).map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    memo::load(op, &ids)
}

/// Whether the acting user has `level`; `user.before_permission_check` handlers may turn a yes into a no.
///
/// # Errors
/// Nobody acts, or the operation is broken.
pub fn allowed(op: &mut OpCtx, subject: &Subject<'_>, level: Level) -> Result<bool, OpError> {
    Ok(decide(op, subject, level)?.is_ok())
}

/// `Err` holds the plugin that denied, if one did.
fn decide(
    op: &mut OpCtx,
    subject: &Subject<'_>,
    level: Level,
) -> Result<Result<(), Option<&'static str>>, OpError> {
    if !granted_by_rules(op, subject, level)? {
        return Ok(Err(None));
    }
    type Point = hooks::user::before_permission_check;
    if !op.wants::<Point>() {
        return Ok(Ok(()));
    }
    let user = op.user()?.clone();
    let checked = op.check::<Point>(|| {
        let mut payload = UserBeforePermissionCheck::default();
        payload.user = user;
        payload.object = subject.to_ref().unwrap_or_default();
        payload.level = level;
        payload
    });
    match checked {
        Ok(()) => Ok(Ok(())),
        Err(OpError::Rejected { plugin, .. }) => Ok(Err(Some(plugin))),
        Err(other) => Err(other),
    }
}

/// As [`allowed`], where a no ends the operation.
///
/// # Errors
/// [`OpError::Denied`]
pub fn require(op: &mut OpCtx, subject: &Subject<'_>, level: Level) -> Result<(), OpError> {
    match decide(op, subject, level)? {
        Ok(()) => Ok(()),
        Err(denied_by) => Err(denied(op, subject.to_ref(), level, denied_by)),
    }
}

/// Ends an operation that creates something at the top, for read-only users. *Source: spec, entity §2.*
///
/// # Errors
/// [`OpError::Denied`]
pub fn require_writer(op: &mut OpCtx) -> Result<(), OpError> {
    let user = op.user()?;
    if user.is_readonly && !user.is_superuser {
        return Err(denied(op, None, Level::Writable, None));
    }
    Ok(())
}

/// Ends an operation on groups or roles for read-only users, administrators included. *Source: spec, acl-role §6.2.*
///
/// # Errors
/// [`OpError::Denied`]
pub fn require_not_readonly(op: &mut OpCtx) -> Result<(), OpError> {
    if op.user()?.is_readonly { Err(denied(op, None, Level::Writable, None)) } else { Ok(()) }
}

/// Ends an operation that is for administrators only.
///
/// # Errors
/// [`OpError::Denied`]
pub fn require_superuser(op: &mut OpCtx) -> Result<(), OpError> {
    if op.user()?.is_superuser { Ok(()) } else { Err(denied(op, None, Level::Full, None)) }
}

/// A denial that is about nothing with access rules.
pub(super) fn refused(op: &mut OpCtx) -> OpError {
    denied(op, None, Level::Full, None)
}

/// A denial that is about something without access rules of its own, such as a role.
pub(super) fn denied_to(op: &mut OpCtx, object: AuditObject, level: Level) -> OpError {
    tell_denied(op, None, level, None);
    op.audit_failure(Action::Denied, Some(object), || serde_json::json!({"level": level.code()}));
    OpError::Denied { object: None, level }
}

fn tell_denied(op: &mut OpCtx, object: Option<ObjectRef>, level: Level, denied_by: Option<&'static str>) {
    if let Ok(user) = op.user().cloned() {
        op.observe_failure::<hooks::pagoda::auth::permission_denied>(|| {
            let mut payload = PermissionDenied::default();
            payload.user = user;
            payload.object = object;
            payload.level = level;
            payload.denied_by = denied_by.map(str::to_owned);
            payload
        });
    }
}

fn denied(
    op: &mut OpCtx,
    object: Option<ObjectRef>,
    level: Level,
    denied_by: Option<&'static str>,
) -> OpError {
    tell_denied(op, object.clone(), level, denied_by);
    op.audit_failure(
        Action::Denied,
        object.as_ref().map(AuditObject::from),
        || serde_json::json!({"level": level.code(), "denied_by": denied_by}),
    );
    OpError::Denied { object, level }
}

/// The highest level that the acting user has, as `permission` in answers: 8, 4, 2 or 1.
///
/// # Errors
/// As [`allowed`].
pub fn permission(op: &mut OpCtx, subject: &Subject<'_>) -> Result<i32, OpError> {
    for level in [Level::Full, Level::Writable, Level::Readable] {
        if allowed(op, subject, level)? {
            return Ok(level.code());
        }
    }
    Ok(Level::Nothing.code())
}
