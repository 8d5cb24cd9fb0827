//! Who may do what. *Source: spec, acl-role §3; the algorithm step by step.*
//!
//! Roles come with their own tables later; their step (9) has its place in `granted_by_rules`.

use super::audit::{Action, AuditObject};
use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::rows::{AttributeRow, EntityAttrRow, EntityRow, EntryRow};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{Level, ObjectKind, ObjectRef, User};
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
        let own = Rule {
            kind: ObjectKind::Attribute,
            id: attribute.id,
            name: &attr.name,
            is_public: attribute.is_public,
            default_permission: attribute.default_permission,
        };
        Self { rules: vec![of_entity(entity), of_attr(attr), of_entry(entry), own] }
    }

    fn to_ref(&self) -> Option<ObjectRef> {
        self.rules.last().map(|rule| rule.to_ref())
    }
}

fn granted_by_rules(user: &User, subject: &Subject<'_>, level: Level) -> bool {
    if user.is_superuser {
        return true;
    }
    if user.is_readonly && level > Level::Readable {
        return false;
    }
    subject.rules.iter().all(|rule| rule.is_public || level.code() <= rule.default_permission)
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
    if !granted_by_rules(op.user()?, subject, level) {
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

/// Ends an operation that is for administrators only.
///
/// # Errors
/// [`OpError::Denied`]
pub fn require_superuser(op: &mut OpCtx) -> Result<(), OpError> {
    if op.user()?.is_superuser { Ok(()) } else { Err(denied(op, None, Level::Full, None)) }
}

fn denied(
    op: &mut OpCtx,
    object: Option<ObjectRef>,
    level: Level,
    denied_by: Option<&'static str>,
) -> OpError {
    if let Ok(user) = op.user().cloned() {
        let object = object.clone();
        op.observe_failure::<hooks::pagoda::auth::permission_denied>(|| {
            let mut payload = PermissionDenied::default();
            payload.user = user;
            payload.object = object;
            payload.level = level;
            payload.denied_by = denied_by.map(str::to_owned);
            payload
        });
    }
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
