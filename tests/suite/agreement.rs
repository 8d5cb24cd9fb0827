//! Two minds about who may do what: the server's, and a model that is small enough to be seen to be right.
//!
//! Random worlds of users, groups, roles, grants and objects are written into the store, and both are asked about
//! everybody, everything and every level.

use crate::server::{Database, TestApp};
use pagoda_core::services::acl::{self, object::AclObject};
use pagoda_core::services::ctx::OpCtx;
use pagoda_core::services::error::OpError;
use pagoda_core::services::role::{self, RoleQuery};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::{self, entity, user};
use pagoda_core::store::ids;
use pagoda_core::store::queries::category::CategoryFilter;
use pagoda_core::store::queries::entity::EntityFilter;
use pagoda_core::store::queries::value;
use pagoda_core::store::queries::{
    acl as grants, attr, category, entity as entities, entry, group, role as roles, user as users,
};
use pagoda_core::store::rows::{
    AttributeRow, EntityAttrRow, GrantRow, NewCategory, NewEntity, NewEntry, NewUser, UserRow,
};
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::model::Level;
use std::collections::BTreeSet;
use std::sync::Arc;

const LEVELS: [Level; 4] = [Level::Nothing, Level::Readable, Level::Writable, Level::Full];

/// Numbers that look random and are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % sides
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn level(&mut self) -> i32 {
        LEVELS[self.below(4)].code()
    }
}

#[derive(Debug, Clone)]
struct Person {
    is_superuser: bool,
    is_readonly: bool,
    groups: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Group {
    parent: Option<usize>,
    is_active: bool,
}

#[derive(Debug, Clone)]
struct Role {
    is_active: bool,
    /// Users and groups; whether as member or administrator makes no difference to rights.
    users: Vec<(usize, bool)>,
    groups: Vec<(usize, bool)>,
}

#[derive(Debug, Clone)]
struct Object {
    is_public: bool,
    default_permission: i32,
    /// The objects that must grant a level themselves.
    above: Vec<usize>,
    /// What roles are granted on it.
    grants: Vec<(usize, i32)>,
}

/// Objects are, in this order: entity, definition, entry, attribute of the entry, category.
#[derive(Debug, Clone)]
struct World {
    people: Vec<Person>,
    groups: Vec<Group>,
    roles: Vec<Role>,
    objects: Vec<Object>,
}

impl World {
    fn random(dice: &mut Dice) -> Self {
        let (people, groups, roles) = (3, 1 + dice.below(5), 1 + dice.below(3));
        let some = |dice: &mut Dice, of: usize| -> Vec<(usize, bool)> {
            (0..of)
                .filter(|_| dice.one_in(3))
                .collect::<Vec<_>>()
                .into_iter()
                .map(|one| (one, dice.one_in(2)))
                .collect()
        };
        let person = |dice: &mut Dice| Person {
            is_superuser: dice.one_in(12),
            is_readonly: dice.one_in(6),
            groups: some(dice, groups).into_iter().map(|(group, _)| group).collect(),
        };
        // Any group may be above any other: there are cycles.
        let group = |dice: &mut Dice| Group {
            parent: (!dice.one_in(3)).then(|| dice.below(groups)),
            is_active: !dice.one_in(6),
        };
        let role = |dice: &mut Dice| Role {
            is_active: !dice.one_in(6),
            users: some(dice, people),
            groups: some(dice, groups),
        };
        let object = |dice: &mut Dice, above: &[usize]| Object {
            is_public: dice.one_in(4),
            default_permission: if dice.one_in(2) { 1 } else { dice.level() },
            above: above.to_vec(),
            grants: (0..roles)
                .filter(|_| dice.one_in(2))
                .collect::<Vec<_>>()
                .into_iter()
                .map(|role| (role, [2, 4, 8][dice.below(3)]))
                .collect(),
        };
        Self {
            objects: vec![
                object(dice, &[]),
                object(dice, &[0]),
                object(dice, &[0]),
                object(dice, &[0, 1, 2]),
                object(dice, &[]),
            ],
            people: (0..people).map(|_| person(dice)).collect(),
            groups: (0..groups).map(|_| group(dice)).collect(),
            roles: (0..roles).map(|_| role(dice)).collect(),
        }
    }

    /// Whether a person belongs to a group: as a member of an active one, or of one that is below it.
    fn is_in(&self, person: usize, group: usize) -> bool {
        self.people[person].groups.iter().filter(|direct| self.groups[**direct].is_active).any(|direct| {
            let mut at = Some(*direct);
            // No way up is longer than there are groups.
            (0..=self.groups.len()).any(|_| {
                let here = at == Some(group);
                at = at.and_then(|at| self.groups[at].parent);
                here
            })
        })
    }

    fn has_role(&self, person: usize, role: usize) -> bool {
        let role = &self.roles[role];
        role.is_active
            && (role.users.iter().any(|(user, _)| *user == person)
                || role
                    .groups
                    .iter()
                    .any(|(group, _)| self.groups[*group].is_active && self.is_in(person, *group)))
    }

    /// The algorithm, as it is told.
    fn may(&self, person: usize, object: usize, level: i32) -> bool {
        let (who, what) = (&self.people[person], &self.objects[object]);
        if who.is_superuser {
            return true;
        }
        if who.is_readonly && level > 2 {
            return false;
        }
        if !what.above.iter().all(|above| self.may(person, *above, level)) {
            return false;
        }
        what.is_public
            || level <= what.default_permission
            || what.grants.iter().any(|(role, granted)| *granted >= level && self.has_role(person, *role))
    }
}

/// A world in the store.
struct Stored {
    people: Vec<UserRow>,
    objects: Vec<AclObject>,
}

fn store(op: &mut OpCtx, world: &World, number: usize) -> Result<Stored, OpError> {
    let db = &mut op.db;
    let name = |what: &str, index: usize| format!("{what} {index} of {number}");
    let mut people = Vec::new();
    for (index, person) in world.people.iter().enumerate() {
        let new = NewUser {
            username: name("user", index),
            is_superuser: person.is_superuser,
            is_readonly: person.is_readonly,
            is_active: true,
            authenticate_type: 1,
            ..NewUser::default()
        };
        people.push(users::insert(db, &new)?);
    }
    let mut group_ids = Vec::new();
    for index in 0..world.groups.len() {
        group_ids.push(group::insert(db, &name("group", index), None)?);
    }
    for (index, model) in world.groups.iter().enumerate() {
        if model.parent.is_some() || !model.is_active {
            let mut row = group::by_id(db, group_ids[index])?.unwrap();
            row.parent_id = model.parent.map(|parent| group_ids[parent]);
            row.is_active = model.is_active;
            group::update(db, &row)?;
        }
        let members: Vec<i64> = world
            .people
            .iter()
            .zip(&people)
            .filter(|(person, _)| person.groups.contains(&index))
            .map(|(_, row)| row.id)
            .collect();
        if !members.is_empty() {
            group::set_members(db, group_ids[index], &members)?;
        }
    }
    let mut role_ids = Vec::new();
    for (index, model) in world.roles.iter().enumerate() {
        let id = roles::insert(db, &name("role", index), "")?;
        if !model.is_active {
            let mut row = roles::by_id(db, id)?.unwrap();
            row.is_active = false;
            roles::update(db, &row)?;
        }
        for admin in [false, true] {
            let on_side = |ties: &[(usize, bool)]| -> Vec<usize> {
                ties.iter().filter(|(_, is_admin)| *is_admin == admin).map(|(one, _)| *one).collect()
            };
            let users: Vec<i64> = on_side(&model.users).into_iter().map(|user| people[user].id).collect();
            let groups: Vec<i64> = on_side(&model.groups).into_iter().map(|group| group_ids[group]).collect();
            if !users.is_empty() {
                roles::set_users(db, id, admin, &users)?;
            }
            if !groups.is_empty() {
                roles::set_groups(db, id, admin, &groups)?;
            }
        }
        role_ids.push(id);
    }
    let ids = ids::allocate(db, 5)?;
    let [of_entity, of_attr, of_entry, of_attribute, of_category] = &world.objects[..] else {
        panic!("five objects")
    };
    let entity = entities::insert(
        db,
        &NewEntity {
            id: ids[0],
            name: name("entity", 0),
            is_public: of_entity.is_public,
            default_permission: of_entity.default_permission,
            ..NewEntity::default()
        },
    )?;
    let definition = EntityAttrRow {
        id: ids[1],
        entity_id: ids[0],
        name: "s".to_owned(),
        attr_type: 2,
        is_active: true,
        is_public: of_attr.is_public,
        default_permission: of_attr.default_permission,
        ..EntityAttrRow::default()
    };
    attr::insert_many(db, std::slice::from_ref(&definition))?;
    let item = entry::insert(
        db,
        &NewEntry {
            id: ids[2],
            entity_id: ids[0],
            name: name("entry", 0),
            is_public: of_entry.is_public,
            default_permission: of_entry.default_permission,
            ..NewEntry::default()
        },
    )?;
    let instance = AttributeRow {
        id: ids[3],
        entry_id: ids[2],
        attr_id: ids[1],
        is_public: of_attribute.is_public,
        default_permission: of_attribute.default_permission,
        is_active: true,
        ..AttributeRow::default()
    };
    value::insert_attributes(db, std::slice::from_ref(&instance))?;
    let category = category::insert(
        db,
        &NewCategory {
            id: ids[4],
            name: name("category", 0),
            is_public: of_category.is_public,
            default_permission: of_category.default_permission,
            ..NewCategory::default()
        },
    )?;
    let all = world.objects.iter().zip(&ids);
    let rows: Vec<GrantRow> = all
        .flat_map(|(object, id)| object.grants.iter().map(|(role, level)| (*id, *role, *level)))
        .map(|(object_id, role, level)| GrantRow { object_id, role_id: role_ids[role], level })
        .collect();
    grants::grant(db, &rows)?;
    let objects = vec![
        AclObject::Entity(Box::new(entity.clone())),
        AclObject::EntityAttr(Box::new((definition.clone(), entity.clone()))),
        AclObject::Entry(Box::new((item.clone(), entity.clone()))),
        AclObject::Attribute(Box::new((instance, definition, item, entity))),
        AclObject::Category(Box::new(category)),
    ];
    Ok(Stored { people, objects })
}

/// Somebody whose operations are run without a request.
pub(crate) fn as_user(app: &TestApp, row: &UserRow) -> Runner {
    let request = RequestInfo::new(
        Some(Arc::new(user::model(row))),
        "test".into(),
        Origin::Http,
        app.host.zone.clone(),
    );
    Runner::new(Arc::clone(&app.host), Arc::new(request))
}

/// Asks both about every object and level, and how many differ.
fn compare(app: &TestApp, world: &World, stored: &Stored, look_ahead: bool) -> usize {
    let mut decisions = 0;
    for (person, row) in stored.people.iter().enumerate() {
        let decided = as_user(app, row)
            .run_blocking(Mode::Read, |op| {
                if look_ahead {
                    acl::look_ahead(op, stored.objects.iter().map(AclObject::subject))?;
                }
                let mut decided = Vec::new();
                for object in &stored.objects {
                    let subject = object.subject();
                    let levels: Result<Vec<bool>, _> =
                        LEVELS.iter().map(|level| acl::allowed(op, &subject, *level)).collect();
                    decided.push((levels?, acl::permission(op, &subject)?));
                }
                Ok(decided)
            })
            .unwrap();
        for (object, (levels, shown)) in decided.into_iter().enumerate() {
            let expected: Vec<bool> =
                LEVELS.iter().map(|level| world.may(person, object, level.code())).collect();
            assert_eq!(
                levels, expected,
                "person {person}, object {object}, look ahead {look_ahead}: {world:#?}"
            );
            let highest = [8, 4, 2].into_iter().find(|level| world.may(person, object, *level)).unwrap_or(1);
            assert_eq!(shown, highest, "person {person}, object {object}: {world:#?}");
            decisions += 5;
        }
    }
    decisions
}

/// The categories that somebody is listed are those that the model lets him read: his own world's by its grants, others' by what
/// they allow everybody. `known` is all categories so far, by id, with the number of their world.
fn compare_lists(
    app: &TestApp,
    number: usize,
    world: &World,
    stored: &Stored,
    known: &[(i64, usize, Object)],
) {
    for (person, row) in stored.people.iter().enumerate() {
        let listed: BTreeSet<i64> = as_user(app, row)
            .run_blocking(Mode::Read, |op| {
                let filter = CategoryFilter { limit: None, ..CategoryFilter::default() };
                let (items, total) = services::category::list(op, filter)?;
                assert_eq!(usize::try_from(total).unwrap(), items.len());
                let id = |item| serde_json::to_value(item).unwrap()["id"].as_i64().unwrap();
                Ok(items.into_iter().map(id).collect())
            })
            .unwrap();
        let may = |(_, of, object): &&(i64, usize, Object)| {
            if *of == number {
                return world.may(person, 4, 2);
            }
            world.people[person].is_superuser || object.is_public || object.default_permission >= 2
        };
        let expected: BTreeSet<i64> = known.iter().filter(may).map(|(id, ..)| *id).collect();
        let wrong: Vec<&i64> = listed.symmetric_difference(&expected).collect();
        assert!(wrong.is_empty(), "person {person}, categories {wrong:?}: {world:#?}");
    }
}

/// Worlds at a time in one transaction.
const BATCH: usize = 100;

fn agree(database: Database, worlds: usize) {
    let Some(app) = TestApp::bare(database) else { return };
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut decisions, mut allowed) = (0, 0);
    let mut categories = Vec::with_capacity(worlds);
    for batch in 0..worlds / BATCH {
        let made: Vec<World> = (0..BATCH).map(|_| World::random(&mut dice)).collect();
        let stored = Runner::of_server(&app.host, None)
            .run_blocking(Mode::Write, |op| {
                let numbered = made.iter().enumerate();
                numbered
                    .map(|(index, world)| store(op, world, batch * BATCH + index))
                    .collect::<Result<Vec<_>, _>>()
            })
            .unwrap();
        categories.extend(made.iter().zip(&stored).enumerate().map(|(index, (world, stored))| {
            let AclObject::Category(category) = &stored.objects[4] else { unreachable!() };
            (category.id, batch * BATCH + index, world.objects[4].clone())
        }));
        // A list shows all categories, so it is asked for now and then.
        compare_lists(&app, batch * BATCH, &made[0], &stored[0], &categories);
        for (index, (world, stored)) in made.iter().zip(&stored).enumerate() {
            decisions += compare(&app, world, stored, index % 2 == 0);
            let full = |object: usize| {
                (0..world.people.len()).filter(|person| world.may(*person, object, 8)).count()
            };
            allowed += full(3);
        }
    }
    // Three people, five objects, four levels and the one that is shown.
    assert_eq!(decisions, worlds * 3 * 5 * 5);
    // A world in which everything or nothing is allowed would show nothing.
    let asked = worlds * 3;
    assert!(
        allowed > asked / 50 && allowed < asked / 2,
        "{allowed} of {asked} have the lowest object in full"
    );
}

#[test]
fn the_server_agrees_with_the_model_on_sqlite() {
    agree(Database::Sqlite, 10_000);
}

#[test]
fn the_server_agrees_with_the_model_on_postgres() {
    agree(Database::Postgres, 500);
}

/// What runs operations as the user of this id.
pub(crate) fn as_id(app: &TestApp, user: i64) -> Runner {
    let row = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(users::by_id(&mut op.db, user)?))
        .unwrap()
        .unwrap();
    as_user(app, &row)
}

/// How many statements lists cost for this user.
pub(crate) fn costs(app: &TestApp, user: i64) -> Vec<(&'static str, u64)> {
    let runner = as_id(app, user);
    let cost = |what: &'static str, work: fn(&mut OpCtx) -> Result<(), OpError>| {
        let statements = runner.run_blocking(Mode::Read, |op| {
            let before = op.db.statements;
            work(op)?;
            Ok(op.db.statements - before)
        });
        (what, statements.unwrap())
    };
    vec![
        cost("entities", |op| {
            let filter =
                EntityFilter { toplevel: None, terms: Vec::new(), order: Vec::new(), limit: 30, offset: 0 };
            entity::list(op, &filter).map(|_| ())
        }),
        cost("roles", |op| role::list(op, RoleQuery::default()).map(|_| ())),
        cost("role export", |op| role::export(op).map(|_| ())),
    ]
}
