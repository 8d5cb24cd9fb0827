//! Who works at a site: users with tokens, groups and roles.

use super::random::{Random, proper};
use pagoda_core::auth::password;
use pagoda_core::services::error::OpError;
use pagoda_core::services::group::{self, GroupInput};
use pagoda_core::services::role::{self, RoleInput};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::user;
use pagoda_core::store::queries::user as users;
use pagoda_core::store::rows::NewUser;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Users beside the administrator.
const USERS: u64 = 200;
const ROLES: u64 = 50;
const GROUPS: u64 = 10;
/// The password of all of them.
pub const PASSWORD: &str = "benchmark";

/// A user who can be worked as.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Worker {
    /// The login name.
    pub name: String,
    /// A token that does not end.
    pub token: String,
}

/// Who there is.
#[derive(Debug)]
pub struct People {
    /// Ids of the users, the administrator first.
    pub users: Vec<i64>,
    /// Ids of the groups.
    pub groups: Vec<i64>,
    /// Ids of the roles.
    pub roles: Vec<i64>,
    /// The administrator.
    pub admin: Worker,
    /// The others.
    pub workers: Vec<Worker>,
}

/// Makes 200 users, 10 groups that each is in one of, and 50 roles with some users and groups each.
///
/// # Errors
/// The services refuse.
pub fn people(admin: &Runner, seed: u64) -> anyhow::Result<People> {
    // One hash for all: it is made to be slow.
    let hash = password::hash(PASSWORD)?;
    Ok(admin.run_blocking(Mode::Write, |op| {
        let admin_id = op.user()?.id;
        let admin = worker(op, admin_id)?;
        let mut people = People {
            users: vec![admin_id],
            groups: Vec::new(),
            roles: Vec::new(),
            admin,
            workers: Vec::new(),
        };
        for number in 1..=USERS {
            let name = format!(
                "{}.{number:03}",
                proper(200 + usize::try_from(number).unwrap_or_default()).to_lowercase()
            );
            let new = NewUser {
                email: format!("{name}@example.com"),
                username: name,
                password_hash: Some(hash.clone()),
                is_active: true,
                authenticate_type: 1,
                date_joined: op.now.as_micros(),
                ..NewUser::default()
            };
            let id = users::insert(&mut op.db, &new)?.id;
            people.users.push(id);
            let worker = worker(op, id)?;
            people.workers.push(worker);
        }
        let ordinary = people.users.get(1..).unwrap_or_default().to_vec();
        let count = usize::try_from(GROUPS).unwrap_or(1);
        for number in 0..GROUPS {
            let at = usize::try_from(number).unwrap_or_default();
            let members: Vec<i64> = ordinary.iter().skip(at).step_by(count).copied().collect();
            let input = json!({"name": format!("team {}", proper(at + 40)), "members": members});
            people.groups.push(id_of(&group::create(op, GroupInput::read(&input)?)?)?);
        }
        let mut random = Random::of(seed, 50, 200);
        for number in 0..ROLES {
            let mut members: Vec<i64> = (0..4 + random.below(6)).map(|_| random.one_of(&ordinary)).collect();
            members.sort_unstable();
            members.dedup();
            let groups = if number % 5 == 0 { vec![random.one_of(&people.groups)] } else { Vec::new() };
            let input = json!({
                "name": format!("role {}", proper(usize::try_from(number).unwrap_or_default() + 90)),
                "users": members, "groups": groups, "admin_users": [admin_id],
            });
            people.roles.push(id_of(&role::create(op, RoleInput::read(&input)?)?)?);
        }
        Ok(people)
    })?)
}

fn worker(op: &mut pagoda_core::services::ctx::OpCtx, id: i64) -> Result<Worker, OpError> {
    let Some(mut row) = users::by_id(&mut op.db, id)? else {
        return Err(OpError::Internal(anyhow::anyhow!("there is no user {id}")));
    };
    row.token_lifetime = 0;
    users::update(&mut op.db, &row)?;
    Ok(Worker { name: row.username, token: user::issue_token(op, id)? })
}

/// The id in what the wire shows of something new.
fn id_of(shown: &impl Serialize) -> Result<i64, OpError> {
    let id = serde_json::to_value(shown).ok().and_then(|shown| shown.get("id")?.as_i64());
    id.ok_or_else(|| OpError::Internal(anyhow::anyhow!("what was made has no id")))
}
