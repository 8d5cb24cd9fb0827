//! The rules for entities and their definitions. *Source: spec, entity §1 and §2.3.*

use super::input::{self, MOST_NAME, MOST_PATTERN};
use crate::services::attribute::{self, has_choices, value_type};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::StoreError;
use crate::store::constraint::{ENTITY_ACTIVE_NAME, ENTITY_ATTR_ACTIVE_NAME};
use crate::store::queries::{entity, lock};
use crate::wire::Fields;
use crate::wire::coerce::check_storable;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::{AttrType, EntityAttr};
use pagoda_plugin_sdk::payload::EntityAttrChange;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The parts of an entity that rules are about. Absent is "stays as it is".
pub(super) struct Proposed<'a> {
    /// The entity itself, if it exists.
    pub(super) id: Option<i64>,
    pub(super) name: Option<&'a str>,
    pub(super) note: Option<&'a str>,
    pub(super) item_name_pattern: Option<&'a str>,
    pub(super) item_name_type: Option<&'a str>,
    pub(super) changes: &'a [EntityAttrChange],
    /// The definitions that there are.
    pub(super) existing: &'a [EntityAttr],
}

/// The complaints about definitions, in the order of the changes, each with the place that the request gave it.
#[derive(Debug, Default)]
pub(super) struct AttrComplaints(Vec<(usize, Fields)>);

impl AttrComplaints {
    /// Adds those about the next change, which stands at a place of the request.
    pub(super) fn add(&mut self, place: usize, errors: Fields) {
        self.0.push((place, errors));
    }

    /// Whether there are any.
    pub(super) fn is_bad(&self) -> bool {
        self.0.iter().any(|(_, errors)| !errors.is_empty())
    }

    /// Room for the changes that handlers added: they stand after those of the request.
    fn extend_to(&mut self, count: usize) {
        while self.0.len() < count {
            self.add(self.0.last().map_or(0, |(place, _)| place + 1), Fields::default());
        }
    }
}

/// Judges everything and reports all bad fields together, on top of the complaints about the form.
///
/// # Errors
/// The complaints.
pub(super) fn judge(
    op: &mut OpCtx,
    proposed: &Proposed<'_>,
    mut errors: Fields,
    mut attr_errors: AttrComplaints,
) -> Result<(), OpError> {
    judge_scalars(op, proposed, &mut errors)?;
    attr_errors.extend_to(proposed.changes.len());
    let known = active_entities(op, proposed.changes)?;
    let missed = choices_missed(op, proposed)?;
    let mut seen = HashSet::new();
    for (change, (_, errors)) in proposed.changes.iter().zip(&mut attr_errors.0) {
        if errors.is_whole() {
            continue;
        }
        if let Some(id) = change.id {
            if !proposed.existing.iter().any(|attr| attr.id == id) {
                errors.add("id", Code::NotFound, "the entity has no active attribute of this id");
            } else if !seen.insert(id) {
                errors.add("id", Code::Invalid, "the attribute is listed twice");
            }
        }
        judge_attr(change, proposed.existing, &known, &missed, errors);
    }
    errors.nest_list("attrs", attr_errors.0.iter().map(|(place, errors)| (*place, errors)));
    if !errors.has("attrs") {
        judge_names(op, proposed, &mut errors);
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
}

fn judge_scalars(op: &mut OpCtx, proposed: &Proposed<'_>, errors: &mut Fields) -> Result<(), OpError> {
    let too_long = |text: &str, most: usize| {
        let length = text.chars().count();
        (length > most).then(|| format!("at most {most} characters, not {length}"))
    };
    if let Some(name) = proposed.name
        && !errors.has("name")
    {
        if name.trim().is_empty() {
            errors.add("name", Code::Other, "this field may not be blank");
        } else if let Some(message) = too_long(name, MOST_NAME) {
            errors.add("name", Code::LimitExceeded, message);
        } else if let Err((code, message)) = check_storable(name) {
            errors.add("name", code, message);
        } else if let Some(other) = entity::active_by_name(&mut op.db, name)?
            && Some(other.id) != proposed.id
        {
            errors.add("name", Code::Duplicate, "an entity of this name exists already");
        }
    }
    if let Some(Err((code, message))) = proposed.note.map(check_storable) {
        errors.add("note", code, message);
    } else if let Some(message) = proposed.note.and_then(|note| too_long(note, MOST_NAME)) {
        errors.add("note", Code::LimitExceeded, message);
    }
    if let Some(pattern) = proposed.item_name_pattern {
        if let Some(message) = too_long(pattern, MOST_PATTERN) {
            errors.add("item_name_pattern", Code::LimitExceeded, message);
        } else if let Err((code, message)) = input::check_pattern(pattern) {
            errors.add("item_name_pattern", code, message);
        }
    }
    if let Some(Err((code, message))) = proposed.item_name_type.map(input::check_name_type) {
        errors.add("item_name_type", code, message);
    }
    Ok(())
}

/// Which of the entities that definitions refer to are there.
fn active_entities(op: &mut OpCtx, changes: &[EntityAttrChange]) -> Result<HashSet<i64>, OpError> {
    let mut ids: Vec<i64> =
        changes.iter().flat_map(|change| change.definition.referral.iter().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = entity::by_ids(&mut op.db, &ids)?;
    Ok(rows.into_iter().filter(|row| row.is_active).map(|row| row.id).collect())
}

/// Choices that a change would take away although entries have them: the first one of each definition.
fn choices_missed(op: &mut OpCtx, proposed: &Proposed<'_>) -> Result<BTreeMap<i64, String>, OpError> {
    let mut taken = BTreeMap::new();
    for change in proposed.changes.iter().filter(|change| !change.is_deleted) {
        let current = change.id.and_then(|id| proposed.existing.iter().find(|attr| attr.id == id));
        let Some(current) = current.filter(|current| has_choices(current.attr_type)) else { continue };
        let of = |attr: &EntityAttr| attr.choices.as_ref().map(attribute::choice_values).unwrap_or_default();
        let gone: BTreeSet<String> = &of(current) - &of(&change.definition);
        if !gone.is_empty() {
            taken.insert(current.id, gone);
        }
    }
    let ids: Vec<i64> = taken.keys().copied().collect();
    let in_use = attribute::in_use(op, &ids)?;
    let first = |(id, gone): (i64, BTreeSet<String>)| {
        let missed = in_use.get(&id)?.intersection(&gone).next()?.clone();
        Some((id, missed))
    };
    Ok(taken.into_iter().filter_map(first).collect())
}

fn judge_attr(
    change: &EntityAttrChange,
    existing: &[EntityAttr],
    known: &HashSet<i64>,
    missed: &BTreeMap<i64, String>,
    errors: &mut Fields,
) {
    let attr = &change.definition;
    let current = change.id.and_then(|id| existing.iter().find(|attr| attr.id == id));
    // Of a name that was sent the form is judged already; handlers may have made another one of it.
    if errors.is_empty() {
        let length = attr.name.chars().count();
        if let Err((code, message)) = check_storable(&attr.name) {
            errors.add("name", code, message);
        } else if attr.name.trim().is_empty() {
            errors.add("name", Code::Other, "this field may not be blank");
        } else if length > MOST_NAME {
            errors.add("name", Code::LimitExceeded, format!("at most {MOST_NAME} characters, not {length}"));
        }
    }
    // What it refers to already may have been deleted since; that hinders no other change.
    let referred = |id: &i64| current.is_some_and(|current| current.referral.contains(id));
    if !errors.has("referral")
        && let Some(missing) = attr.referral.iter().find(|id| !known.contains(id) && !referred(id))
    {
        errors.add("referral", Code::NotFound, format!("there is no active entity {missing}"));
    }
    if errors.is_empty() {
        judge_attr_as_whole(change, current, errors);
    }
    if errors.is_empty()
        && let Some(value) = change.id.and_then(|id| missed.get(&id))
    {
        *errors = Fields::whole(Code::Invalid, format!("entries have the choice `{value}`, it cannot go"));
    }
}

/// *Source: spec, entity §1.2 and §2.4.* The first complaint only, as for every whole object.
fn judge_attr_as_whole(change: &EntityAttrChange, current: Option<&EntityAttr>, errors: &mut Fields) {
    let attr = &change.definition;
    let complaint = if current.is_some_and(|current| current.attr_type != attr.attr_type) {
        Some((Code::Invalid, "the type of an attribute never changes"))
    } else if change.is_deleted {
        // What it is besides does not matter any more.
        return;
    } else if attr.attr_type.refers_to_entries() && attr.referral.is_empty() {
        Some((Code::Required, "an attribute that refers to entries needs a `referral`"))
    } else if attr.name_order > 0
        && !matches!(attr.attr_type, AttrType::String | AttrType::Object | AttrType::Number)
    {
        Some((Code::Invalid, "`name_order` is for attributes of types string, object and number"))
    } else if let (Some(default), Some(value_type)) = (&attr.default_value, value_type(attr.attr_type))
        && value_type.has_defaults()
        && !value_type.accepts_default(default)
    {
        Some((Code::Invalid, "`default_value` is not of the attribute's type"))
    } else {
        None
    };
    if let Some((code, message)) = complaint {
        *errors = Fields::whole(code, message);
    } else if has_choices(attr.attr_type)
        && let Err(message) = attribute::judge_choices(attr.choices.as_ref())
    {
        *errors = Fields::whole(Code::Invalid, message);
    }
}

/// Names and number of the definitions as they will be.
fn judge_names(op: &OpCtx, proposed: &Proposed<'_>, errors: &mut Fields) {
    let untouched = proposed
        .existing
        .iter()
        .filter(|attr| !proposed.changes.iter().any(|change| change.id == Some(attr.id)))
        .map(|attr| attr.name.as_str());
    let touched = proposed
        .changes
        .iter()
        .filter(|change| !change.is_deleted)
        .map(|change| change.definition.name.as_str());
    let names: Vec<&str> = untouched.chain(touched).collect();
    let mut seen = HashSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(**name)) {
        errors.add("attrs", Code::Duplicate, format!("more than one attribute would be called `{name}`"));
    } else if let Some(most) = op.host.limits.attrs_per_entity
        && names.len() > most
        // An entity that has more since before there was this limit can be changed, and does not get more.
        && names.len() > proposed.existing.len()
    {
        errors.add("attrs", Code::LimitExceeded, format!("at most {most} attributes"));
    }
}

/// What the type of a definition makes of it: defaults and choices of types that have none are dropped, choices
/// without a value get one. What is wrong stays, to be complained about.
pub(super) fn normalise(attr: &mut EntityAttr) {
    if !value_type(attr.attr_type).is_some_and(|value_type| value_type.has_defaults()) {
        attr.default_value = None;
    }
    if !has_choices(attr.attr_type) {
        attr.choices = None;
    } else if let Ok(choices) = attribute::judge_choices(attr.choices.as_ref()) {
        attr.choices = Some(choices);
    }
}

/// Entities that a definition names without referring to entries are judged and not kept. *Source: spec, entity §1.2.*
pub(super) fn drop_unused_referral(attr: &mut EntityAttr) {
    if !attr.attr_type.refers_to_entries() {
        attr.referral.clear();
    }
}

/// Whether there may be one more entity. Where there is a limit, nobody else makes one until the transaction ends.
/// *Source: spec, entity §1.1.*
///
/// # Errors
/// There are as many as this server may have.
pub(super) fn require_room(op: &mut OpCtx) -> Result<(), OpError> {
    let Some(most) = op.host.limits.entities else { return Ok(()) };
    lock::new_entities(&mut op.db)?;
    if usize::try_from(entity::count(&mut op.db)?).is_ok_and(|count| count < most) {
        return Ok(());
    }
    Err(OpError::whole(Code::LimitExceeded, "there are as many entities as this server may have"))
}

/// Two requests may pass [`judge`] at the same moment; the database lets one of them through.
pub(super) fn conflict(error: StoreError) -> OpError {
    match error {
        StoreError::Conflict { constraint } if constraint == ENTITY_ACTIVE_NAME => {
            OpError::field("name", Code::Duplicate, "an entity of this name exists already")
        }
        StoreError::Conflict { constraint } if constraint == ENTITY_ATTR_ACTIVE_NAME => {
            OpError::field("attrs", Code::Duplicate, "an attribute of this name exists already")
        }
        error => error.into(),
    }
}
