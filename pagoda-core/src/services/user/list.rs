//! Users as answers show them. *Source: spec, auth-user §4.1 and §4.3.*

use super::require_active;
use crate::services::acl;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::group::{self, GroupOfUser};
use crate::services::plugin_account;
use crate::services::role::{self, RoleOfUser};
use crate::store::queries::user as users;
use crate::store::rows::{ListedUserRow, Paged, TokenRow, UserRow};
use crate::store::sort_key::sort_key;
use pagoda_plugin_sdk::time::{Timestamp, Zone};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;

/// A user in a list.
#[derive(Debug, Clone, Serialize)]
pub struct UserItem {
    id: i64,
    username: String,
    email: String,
    is_superuser: bool,
    date_joined: String,
    parent_user: Option<i64>,
    is_readonly: bool,
}

/// A user with what it belongs to.
#[derive(Debug, Clone, Serialize)]
pub struct UserDetail {
    id: i64,
    username: String,
    email: String,
    is_superuser: bool,
    date_joined: String,
    token: Option<TokenItem>,
    authenticate_type: i32,
    parent_user: Option<i64>,
    groups: Vec<GroupOfUser>,
    roles: Vec<RoleOfUser>,
}

#[derive(Debug, Clone, Serialize)]
struct TokenItem {
    value: String,
    lifetime: i64,
    expire: String,
    created: String,
}

impl TokenItem {
    /// Times in UTC without a mark; an end also where there is none. *Source: spec, auth-user §1.5 and §4.3.*
    fn of(token: TokenRow, lifetime: i64) -> Self {
        let shown = |micros: i64| Zone::utc().format(Timestamp::from_micros(micros), "%Y/%m/%d %H:%M:%S");
        let expire = token.created.saturating_add(lifetime.saturating_mul(1_000_000));
        Self { value: token.key, lifetime, expire: shown(expire), created: shown(token.created) }
    }
}

/// What a list of users is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrder {
    /// The id.
    Id,
    /// The name, in the order of names.
    Username,
    /// The address, likewise.
    Email,
    /// When it was made.
    DateJoined,
    /// Administrators last.
    IsSuperuser,
}

impl UserOrder {
    fn key(self, row: &ListedUserRow) -> (i64, String) {
        match self {
            Self::Id => (row.id, String::new()),
            Self::Username => (0, sort_key(&row.username)),
            Self::Email => (0, sort_key(&row.email)),
            Self::DateJoined => (row.date_joined, String::new()),
            Self::IsSuperuser => (row.is_superuser.into(), String::new()),
        }
    }
}

/// Which page of which users.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    /// Words that the name contains, all of them, in lower case.
    pub terms: Vec<String>,
    /// Descending where true; ties go by id, and no order is that of names.
    pub order: Vec<(UserOrder, bool)>,
    /// Rows per page.
    pub limit: i64,
    /// Rows before the page.
    pub offset: i64,
}

/// A page of the active users: two statements. Names have no column to sort by, and there are few users, so all of them are
/// looked at. The accounts of plugins are not people and not in it.
///
/// # Errors
/// The database does not answer.
pub fn list(op: &mut OpCtx, query: &UserQuery) -> Result<Paged<UserItem>, OpError> {
    let mut listed = users::listed(&mut op.db)?;
    listed.retain(|row| {
        let folded = row.username.to_lowercase();
        !row.username.starts_with(plugin_account::PREFIX)
            && query.terms.iter().all(|term| folded.contains(term))
    });
    let by_name = [(UserOrder::Username, false)];
    let order = if query.order.is_empty() { by_name.as_slice() } else { &query.order };
    // They come by id, and sorting keeps the order of equals, so that the first key comes last.
    for (order, descending) in order.iter().rev() {
        if *descending {
            listed.sort_by_cached_key(|row| Reverse(order.key(row)));
        } else {
            listed.sort_by_cached_key(|row| order.key(row));
        }
    }
    let total = i64::try_from(listed.len()).unwrap_or(i64::MAX);
    let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let page: Vec<i64> =
        listed.iter().skip(count(query.offset)).take(count(query.limit)).map(|row| row.id).collect();
    let mut rows: HashMap<i64, UserRow> =
        users::by_ids(&mut op.db, &page)?.into_iter().map(|row| (row.id, row)).collect();
    let item = |row: UserRow| UserItem {
        id: row.id,
        username: row.username,
        email: row.email,
        is_superuser: row.is_superuser,
        date_joined: Timestamp::from_micros(row.date_joined).utc_iso(),
        parent_user: row.parent_user_id,
        is_readonly: row.is_readonly,
    };
    Ok(Paged { rows: page.iter().filter_map(|id| rows.remove(id)).map(item).collect(), total })
}

/// A user, for itself, its parent and administrators.
///
/// # Errors
/// There is no such active user, or it is none of the acting user's business.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<UserDetail, OpError> {
    let row = require_active(op, id)?;
    let me = op.user()?;
    if !me.is_superuser && me.id != row.id && Some(me.id) != row.parent_user_id {
        return Err(acl::refused(op));
    }
    let token = users::token_of(&mut op.db, id)?.map(|token| TokenItem::of(token, row.token_lifetime));
    let (groups, roles) = (group::of_user(op, id)?, role::of_user(op, id)?);
    Ok(UserDetail {
        id: row.id,
        username: row.username,
        email: row.email,
        is_superuser: row.is_superuser,
        date_joined: Timestamp::from_micros(row.date_joined).utc_iso(),
        token,
        authenticate_type: row.authenticate_type,
        parent_user: row.parent_user_id,
        groups,
        roles,
    })
}
