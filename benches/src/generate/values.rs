//! The names and values of entries: each depends on the seed, its entity and its number only.

use super::random::{Random, Zipf, proper, word};
use super::site::{AttrSpec, EntitySpec, Kind, SITE};
use pagoda_core::services::attribute::{Content, element_rows, row_of};
use pagoda_core::services::search::index::postings;
use pagoda_core::store::bulk::{BulkAttribute, BulkEntry};
use pagoda_core::store::rows::{GrantRow, NewAclChange, NewAttribute, NewEntry};
use pagoda_plugin_sdk::model::Level;

/// When the first entry was made, in microseconds: the beginning of 2024.
const FIRST: i64 = 1_704_067_200_000_000;
/// Two years, over which entries were made.
const SPAN: i64 = 2 * 365 * 86_400 * 1_000_000;
/// Entries that refer to each other are this near: so many targets share what refers to them, Zipf-shaped, and no
/// target has more of it on a larger site.
const BLOCK: u64 = 32;
/// One of so many entries is not public.
const PRIVATE: u64 = 50;

/// An entity that was made.
#[derive(Debug)]
pub struct Made {
    /// What it is like.
    pub spec: &'static EntitySpec,
    /// Its id.
    pub id: i64,
    /// Ids of its definitions, as in the specification.
    pub attrs: Vec<i64>,
    /// Ids of its entries, in their order.
    pub entries: Vec<i64>,
}

/// Everything that values are made of.
#[derive(Debug)]
pub struct Site {
    /// What all numbers come from.
    pub seed: u64,
    /// The entities, as [`SITE`] has them.
    pub entities: Vec<Made>,
    /// Ids of users who write, most diligent first.
    pub users: Vec<i64>,
    /// Ids of roles.
    pub roles: Vec<i64>,
    /// Ids of groups.
    pub groups: Vec<i64>,
    shapes: Shapes,
}

#[derive(Debug)]
struct Shapes {
    users: Zipf,
    roles: Zipf,
    models: Zipf,
    words: Zipf,
    tags: Zipf,
    block: Zipf,
    /// By number of words, of the kinds that occur.
    by_words: Vec<(u32, Zipf)>,
}

impl Site {
    /// A site of entities that are there, and of people who are.
    #[must_use]
    pub fn new(seed: u64, entities: Vec<Made>, users: Vec<i64>, roles: Vec<i64>, groups: Vec<i64>) -> Self {
        let over = |count: usize| Zipf::over(u32::try_from(count).unwrap_or(u32::MAX));
        let kinds = SITE.iter().flat_map(|entity| &entity.attrs).map(|attr| attr.kind);
        let by_words = kinds.filter_map(|kind| match kind {
            Kind::Word(count) => Some((count, Zipf::over(count))),
            _ => None,
        });
        let shapes = Shapes {
            users: over(users.len()),
            roles: over(roles.len()),
            models: Zipf::over(5_000),
            words: Zipf::over(5_000),
            tags: Zipf::over(300),
            block: Zipf::over(u32::try_from(BLOCK).unwrap_or(u32::MAX)),
            by_words: by_words.collect(),
        };
        Self { seed, entities, users, roles, groups, shapes }
    }

    /// Entry `number` of an entity, with all that its creation writes. `age` says when: from 0, the oldest, to 1.
    #[must_use]
    pub fn entry(&self, made: &Made, number: u64, age: f64) -> BulkEntry {
        let random = &mut self.random(made, number, 0);
        let author = self.users.get(self.shapes.users.rank(random)).copied();
        let id = at(&made.entries, number);
        #[expect(clippy::cast_possible_truncation, reason = "a part of the span")]
        let created_time = FIRST + (age * SPAN as f64) as i64;
        let is_public = random.below(PRIVATE) != 0;
        let entry = NewEntry {
            id,
            entity_id: made.id,
            name: name(made.spec, number),
            status: 0,
            is_public,
            default_permission: Level::Nothing.code(),
            created_user_id: author,
            created_time,
        };
        let (grants, changes) = if is_public { (Vec::new(), Vec::new()) } else { self.rules(random, &entry) };
        let attributes = made.spec.attrs.iter().zip(&made.attrs).zip(1..).map(|((spec, attr_id), salt)| {
            let content = self.content(made, spec, number, &mut self.random(made, number, salt));
            let attribute = NewAttribute {
                id: 0,
                entry_id: id,
                attr_id: *attr_id,
                is_public: true,
                default_permission: Level::Nothing.code(),
                is_active: true,
                created_user_id: author,
                created_time,
            };
            let value = row_of(0, spec.kind.attr_type().code(), &content, author, created_time, None);
            let elements = element_rows(0, &value, &content).collect();
            let postings = postings(*attr_id, spec.kind.attr_type(), &content);
            BulkAttribute { attribute, value: Some(value), elements, postings }
        });
        BulkEntry { attributes: attributes.collect(), entry, sent_name: None, grants, changes }
    }

    fn random(&self, made: &Made, number: u64, salt: u64) -> Random {
        Random::of(
            self.seed,
            made.spec.share.wrapping_mul(31) ^ salt ^ (made.spec.name.len() as u64) << 32,
            number,
        )
    }

    /// What an administrator leaves who makes an entry not public and lets up to three roles at it.
    fn rules(&self, random: &mut Random, entry: &NewEntry) -> (Vec<GrantRow>, Vec<NewAclChange>) {
        let nothing = Level::Nothing.code();
        let change = || NewAclChange {
            object_id: entry.id,
            object_name: entry.name.clone(),
            user_id: entry.created_user_id,
            at: entry.created_time,
            old_level: nothing,
            new_level: nothing,
            ..NewAclChange::default()
        };
        let mut changes = vec![NewAclChange { was_public: Some(true), is_public: Some(false), ..change() }];
        let mut grants: Vec<GrantRow> = Vec::new();
        for _ in 0..=random.below(3) {
            let Some(role_id) = self.roles.get(self.shapes.roles.rank(random)).copied() else { continue };
            let level = random.one_of(&[Level::Readable.code(), Level::Writable.code(), Level::Full.code()]);
            if grants.iter().all(|grant| grant.role_id != role_id) {
                grants.push(GrantRow { object_id: entry.id, role_id, level });
                changes.push(NewAclChange { role_id: Some(role_id), new_level: level, ..change() });
            }
        }
        (grants, changes)
    }

    /// The value of an attribute in stored form.
    fn content(&self, made: &Made, spec: &AttrSpec, number: u64, random: &mut Random) -> Content {
        let shapes = &self.shapes;
        let text = |text: String| Content { text, ..Content::default() };
        let list = |elements: Vec<Content>| Content { elements, ..Content::default() };
        let party = |ids: &[i64], random: &mut Random| text(random.one_of(ids).to_string());
        let some = |most: u64, random: &mut Random| 0..random.below(most + 1);
        match spec.kind {
            Kind::Unique(prefix) => text(unique(prefix, number)),
            Kind::Address => text(address(number)),
            Kind::Word(count) => {
                let shape = shapes.by_words.iter().find(|(other, _)| *other == count);
                text(proper(spec.name.len() * 7 + shape.map_or(0, |(_, zipf)| zipf.rank(random))))
            }
            Kind::Model => {
                let rank = shapes.models.rank(random);
                text(format!("{} {}{}", proper(rank % 200), word(rank / 7).to_uppercase(), 100 + rank % 900))
            }
            Kind::Note => text(self.note(random)),
            Kind::Flag(percent) => Content { flag: random.below(100) < percent, ..Content::default() },
            Kind::Day if random.below(1_000) == 0 => Content::default(),
            Kind::Day => text(format!(
                "{}-{:02}-{:02}",
                2015 + random.below(11),
                1 + random.below(12),
                1 + random.below(28)
            )),
            Kind::Moment => text(format!(
                "2025-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                1 + random.below(12),
                1 + random.below(28),
                random.below(24),
                random.below(60),
                random.below(60)
            )),
            Kind::Count(end) => text(random.below(end).to_string()),
            Kind::Choice(choices) => text(random.one_of(choices).to_owned()),
            Kind::Choices(choices) => {
                let chosen = choices.iter().filter(|_| random.chance(0.4));
                list(chosen.map(|choice| text((*choice).to_owned())).collect())
            }
            Kind::Tags => list(some(4, random).map(|_| text(word(400 + shapes.tags.rank(random)))).collect()),
            Kind::Counts => list(some(4, random).map(|_| text(random.below(1_000).to_string())).collect()),
            Kind::Entry(to) => self.referring(made, to, number, random),
            Kind::Entries(to) => {
                list(some(4, random).map(|_| self.referring(made, to, number, random)).collect())
            }
            Kind::Named(to) => self.named(made, to, number, random),
            Kind::NamedEntries(to) => {
                list(some(3, random).map(|_| self.named(made, to, number, random)).collect())
            }
            Kind::FlaggedEntries(to) => {
                let flagged = |random: &mut Random| Content {
                    flag: random.chance(0.5),
                    ..self.named(made, to, number, random)
                };
                list(some(3, random).map(|_| flagged(random)).collect())
            }
            Kind::Group => party(&self.groups, random),
            Kind::Groups => list(some(2, random).map(|_| party(&self.groups, random)).collect()),
            Kind::Role => party(&self.roles, random),
            Kind::Roles => list(some(2, random).map(|_| party(&self.roles, random)).collect()),
        }
    }

    fn note(&self, random: &mut Random) -> String {
        let count = 5 + random.below(16);
        let mut note = String::new();
        for at in 0..count {
            if at > 0 {
                note.push(if at % 8 == 0 { '\n' } else { ' ' });
            }
            note.push_str(&word(self.shapes.words.rank(random)));
        }
        note
    }

    /// An entry of `to`: one of the block of targets that this part of the entity refers to.
    fn referring(&self, from: &Made, to: &str, number: u64, random: &mut Random) -> Content {
        let targets: &[i64] =
            self.entities.iter().find(|made| made.spec.name == to).map_or(&[], |made| &made.entries);
        let (count, sources) = (targets.len() as u64, from.entries.len() as u64);
        let start = (number * count / sources.max(1)) / BLOCK * BLOCK;
        let size = BLOCK.min(count - start);
        let rank = self.shapes.block.rank(random) as u64 % size.max(1);
        Content { reference: targets.get(index(start + rank)).copied(), ..Content::default() }
    }

    fn named(&self, from: &Made, to: &str, number: u64, random: &mut Random) -> Content {
        let name = random.one_of(&["primary", "secondary", "backup", "spare"]).to_owned();
        Content { text: name, ..self.referring(from, to, number, random) }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn at(ids: &[i64], number: u64) -> i64 {
    ids.get(index(number)).copied().unwrap_or_default()
}

/// Another number below 2 to the `bits` for each number below it, in no order that shows.
fn scattered(number: u64, bits: u32) -> u64 {
    // Odd, so that it is a permutation.
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15 | 1) & ((1 << bits) - 1)
}

/// The unique text of entry `number`.
#[must_use]
pub fn unique(prefix: &str, number: u64) -> String {
    format!("{prefix}{:010x}", scattered(number, 40))
}

fn address(number: u64) -> String {
    let bits = scattered(number, 24);
    format!("10.{}.{}.{}", bits >> 16, (bits >> 8) & 255, bits & 255)
}

/// The name of entry `number` of an entity.
#[must_use]
pub fn name(spec: &EntitySpec, number: u64) -> String {
    let mut random = Random::of(0, spec.share, number);
    let host = |random: &mut Random| {
        let role = random.one_of(&["web", "app", "db", "cache", "mail", "batch", "log", "dns"]);
        let stage = random.one_of(&["prod", "prod", "prod", "stg", "dev"]);
        let city = random.one_of(&["tyo", "osa", "fra", "iad", "sin", "lon"]);
        format!("{role}-{stage}-{city}")
    };
    match spec.name {
        "Server" => format!("{}-{number:07}", host(&mut random)),
        "VM" => format!("vm-{}-{number:07}", host(&mut random)),
        "IP address" => format!("{} ({number})", address(number)),
        "Person" => {
            format!("{} {} {number}", proper(index(random.below(900))), proper(index(random.below(4_000))))
        }
        kind => format!("{kind} {} {number:06}", proper(index(random.below(5_000)))),
    }
}

#[cfg(test)]
mod tests {
    use super::{SITE, address, name, scattered};
    use std::collections::HashSet;

    #[test]
    fn what_is_to_be_unique_is() {
        let count = 50_000;
        assert_eq!((0..count).map(|n| scattered(n, 40)).collect::<HashSet<_>>().len(), 50_000);
        assert_eq!((0..count).map(address).collect::<HashSet<_>>().len(), 50_000);
        for spec in &SITE {
            assert_eq!((0..count).map(|n| name(spec, n)).collect::<HashSet<_>>().len(), 50_000);
        }
    }
}
