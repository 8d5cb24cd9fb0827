//! Groups of users. *Source: spec, auth-user §5.*

mod input;
mod transfer;
mod write;

pub use input::GroupInput;
pub use transfer::{export, import};
pub use write::{GroupWritten, create, delete, open_to_change, update};

use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::group::{self as groups, GroupFilter, GroupOrder};
use crate::store::rows::{GroupRow, TiedRow};
use crate::store::sort_key::sort_key;
use serde::Serialize;
use std::collections::HashMap;

/// A group, exactly the keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct GroupItem {
    id: i64,
    name: String,
    parent_group: Option<i64>,
    members: Vec<Member>,
}

#[derive(Debug, Clone, Serialize)]
struct Member {
    id: i64,
    username: String,
}

/// One group of the tree: those below it follow it, one deeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNode {
    /// 0 at the top.
    pub depth: usize,
    /// The group.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// A group of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupOfUser {
    /// The group.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Otherwise through a group below it.
    pub is_direct: bool,
}

/// A page of the active groups, with their members.
///
/// # Errors
/// The database does not answer.
pub fn list(op: &mut OpCtx, filter: &GroupFilter) -> Result<(Vec<GroupItem>, i64), OpError> {
    let page = groups::list(&mut op.db, filter)?;
    Ok((items(op, page.rows)?, page.total))
}

/// An active group with its members.
///
/// # Errors
/// There is no such group.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<GroupItem, OpError> {
    let row = active(op, id)?;
    items(op, vec![row])?.pop().ok_or_else(|| OpError::not_found("group", id))
}

fn active(op: &mut OpCtx, id: i64) -> Result<GroupRow, OpError> {
    let found = groups::by_id(&mut op.db, id)?.filter(|group| group.is_active);
    found.ok_or_else(|| OpError::not_found("group", id))
}

fn items(op: &mut OpCtx, rows: Vec<GroupRow>) -> Result<Vec<GroupItem>, OpError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut members: HashMap<i64, Vec<TiedRow>> = HashMap::new();
    for tied in groups::members_of(&mut op.db, &ids)?.into_iter().filter(|tied| tied.is_active) {
        members.entry(tied.of).or_default().push(tied);
    }
    let item = |row: GroupRow| {
        let mut own = members.remove(&row.id).unwrap_or_default();
        own.sort_by_cached_key(|tied| sort_key(&tied.name));
        let own = own.into_iter().map(|tied| Member { id: tied.id, username: tied.name });
        GroupItem { id: row.id, name: row.name, parent_group: row.parent_id, members: own.collect() }
    };
    Ok(rows.into_iter().map(item).collect())
}

/// The active groups below each other; `terms`, in lower case, must all be in the name of a group at the top, and `order`
/// is that of groups at the top: those below another are ordered by name. A list and no nested value: nothing limits how
/// deep groups are. *Source: spec, auth-user §5.2.*
///
/// # Errors
/// The database does not answer.
pub fn tree(
    op: &mut OpCtx,
    terms: &[String],
    order: &[(GroupOrder, bool)],
) -> Result<Vec<TreeNode>, OpError> {
    let rows = groups::all_active(&mut op.db)?;
    let mut below: HashMap<i64, Vec<&GroupRow>> = HashMap::new();
    let mut top: Vec<&GroupRow> = Vec::new();
    for row in &rows {
        match row.parent_id {
            Some(parent) => below.entry(parent).or_default().push(row),
            None if terms.iter().all(|term| row.name_folded.contains(term)) => top.push(row),
            None => {}
        }
    }
    top.sort_by_key(|row| row.id);
    // Sorting keeps the order of equals, so that the first key comes last.
    for (key, descending) in order.iter().rev() {
        let by = |left: &&GroupRow, right: &&GroupRow| match key {
            GroupOrder::Id => left.id.cmp(&right.id),
            GroupOrder::Name => left.name_sort.cmp(&right.name_sort),
            GroupOrder::Parent => left.parent_id.cmp(&right.parent_id),
        };
        top.sort_by(|left, right| if *descending { by(right, left) } else { by(left, right) });
    }
    // The last one is the next.
    let mut due: Vec<(usize, &GroupRow)> = top.into_iter().rev().map(|row| (0, row)).collect();
    let mut nodes = Vec::with_capacity(rows.len());
    while let Some((depth, row)) = due.pop() {
        nodes.push(TreeNode { depth, id: row.id, name: row.name.clone() });
        // Whoever is below a group at the top has one way up, so nobody is met twice.
        due.extend(below.remove(&row.id).unwrap_or_default().into_iter().rev().map(|row| (depth + 1, row)));
    }
    Ok(nodes)
}

/// The active groups of a user, directly and through groups below them, by name.
///
/// # Errors
/// The database does not answer.
pub fn of_user(op: &mut OpCtx, user_id: i64) -> Result<Vec<GroupOfUser>, OpError> {
    let rows = groups::of_user(&mut op.db, user_id)?.into_iter().filter(|row| row.is_active);
    Ok(rows.map(|row| GroupOfUser { id: row.id, name: row.name, is_direct: row.is_direct }).collect())
}

/// The names of the active groups of the acting user.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub fn own_names(op: &mut OpCtx) -> Result<Vec<String>, OpError> {
    let id = op.user()?.id;
    Ok(of_user(op, id)?.into_iter().map(|group| group.name).collect())
}
