//! The same searches answered by the server and by a naive evaluator over the same rows.
//!
//! The evaluator knows the values only as it wrote them, looks at every row of every entry, and shares no code with the
//! server. `PAGODA_SEARCH_QUERIES` and `PAGODA_SEARCH_SEED` ask for more searches, or others.

use crate::agreement::as_user;
use crate::contract::{close, grant, group, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::search::advanced;
use pagoda_core::store::queries::user as store_users;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

on_both_databases! {
    thousands_of_searches_are_answered_as_a_naive_evaluator_does;
}

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.roll(of) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

/// Texts that values and names are made of: of one letter to some, in cases and scripts, with what is special elsewhere.
const TEXTS: [&str; 24] = [
    "a",
    "A",
    "ab",
    "abc",
    "ABCD",
    "bcd",
    "web server",
    "Web-Server 2",
    "db.internal",
    "100%",
    "1_0",
    "x\\y",
    "^odd$",
    "it's",
    "\"quoted\"",
    "Ünïcödé",
    "ΣΊΣΥΦΟΣ",
    "日本",
    "日本語 text",
    "2024-02-01",
    "2024/3/5",
    "true",
    "lse",
    "(deleted choice)",
];
const DAYS: [&str; 6] = ["2023-12-31", "2024-02-01", "2024-02-02", "2024-03-05", "2024-12-01", "1969-07-20"];

/// A row of an attribute, as spec, search §1 has it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    text: String,
    day: Option<i64>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    id: i64,
    name: String,
    rows: BTreeMap<&'static str, Vec<Row>>,
    /// What it refers to, by attribute.
    refs: BTreeMap<&'static str, Vec<i64>>,
    /// What sorting goes by, where that is not the text of the row.
    moments: BTreeMap<&'static str, String>,
    /// What ordinary users may not read: nothing of it, or these attributes.
    closed: bool,
    closed_attrs: BTreeSet<&'static str>,
}

struct Model {
    id: i64,
    name: &'static str,
    attrs: Vec<(&'static str, i64)>,
    /// Definitions that ordinary users may not read.
    closed_attrs: BTreeSet<&'static str>,
    entries: Vec<Entry>,
}

struct World {
    app: TestApp,
    models: Vec<Model>,
    admin: Runner,
    user: Runner,
}

fn day_number(text: &str) -> i64 {
    let mut parts = text.split(['-', '/']).map(|part| part.parse::<i64>().unwrap());
    let (mut year, month, day) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    // Days of the civil calendar, with years that begin in March.
    if month <= 2 {
        year -= 1;
    }
    let month = (month + 9) % 12;
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
}

/// Letter by letter.
fn lower(text: &str) -> Vec<char> {
    text.chars()
        .map(|c| {
            let mut all = c.to_lowercase();
            let first = all.next().unwrap();
            if all.next().is_some() { c } else { first }
        })
        .collect()
}

/// Whether a whole text matches a piece that is a text.
fn like(piece: &str, text: &str) -> bool {
    let (start, end) = (piece.starts_with('^'), piece.ends_with('$') && !piece.chars().all(|c| c == '^'));
    let bare = lower(piece.trim_start_matches('^').trim_end_matches('$'));
    let letters = lower(text);
    let at = |from: usize| letters[from..].starts_with(&bare);
    let hit = match (start, end) {
        (true, true) => letters == bare,
        (true, false) => at(0),
        (false, true) => letters.ends_with(&bare),
        (false, false) => (0..=letters.len()).any(at),
    };
    hit || text == piece
}

/// The first and the last day that a token of dates means.
fn days(token: &str) -> Option<(i64, i64)> {
    let one = |text: &str| {
        let parts: Vec<&str> = text.split(['-', '/']).collect();
        let is_number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        let mixed = text.contains('-') && text.contains('/');
        (parts.len() == 3 && parts[0].len() == 4 && parts.iter().all(is_number) && !mixed)
            .then(|| day_number(text))
    };
    if let Some(after) = token.strip_prefix('>') {
        return Some((one(after)? + 1, i64::MAX));
    }
    if let Some(before) = token.strip_prefix('<') {
        return Some((i64::MIN, one(before)? - 1));
    }
    if let Some((from, to)) = token.split_once('~') {
        let (from, to) = (one(from)?, one(to)?);
        return (from <= to).then_some((from, to));
    }
    one(token).map(|day| (day, day))
}

/// Whether some row satisfies a piece of a keyword.
fn satisfied(piece: &str, rows: &[Row]) -> bool {
    let blank = |row: &Row| row.text.is_empty() && row.day.is_none();
    match piece {
        "" | "\\" | "¥" => return rows.iter().any(blank),
        "*" => return rows.iter().any(|row| !blank(row)),
        _ => {}
    }
    let piece = piece.replace('\\', " ");
    let tokens: Option<Vec<(i64, i64)>> = piece.split_whitespace().map(days).collect();
    let tokens = tokens.filter(|tokens| !tokens.is_empty());
    rows.iter().any(|row| {
        let on_day = |tokens: &Vec<(i64, i64)>| {
            row.day.is_some_and(|day| tokens.iter().all(|(from, to)| (*from..=*to).contains(&day)))
        };
        tokens.as_ref().is_some_and(on_day) || like(&piece, &row.text)
    })
}

/// Whether a keyword holds, where `holds` says it of a piece.
fn holds(keyword: &str, holds: impl Fn(&str) -> bool) -> bool {
    keyword.split('|').any(|group| group.split('&').all(&holds))
}

impl Model {
    fn may_read(&self, entry: &Entry, attr: &str, everything: bool) -> bool {
        everything || !(entry.closed || entry.closed_attrs.contains(attr) || self.closed_attrs.contains(attr))
    }

    /// Whether an element of `attrinfo` holds of an entry.
    fn admits(&self, entry: &Entry, info: &Value, everything: bool) -> bool {
        let (name, keyword) = (info["name"].as_str().unwrap(), info["keyword"].as_str().unwrap_or_default());
        let key = info["filter_key"].as_i64();
        if key == Some(0) || matches!(key, None | Some(3 | 4)) && keyword.is_empty() {
            return true;
        }
        let Some((attr, _)) = self.attrs.iter().find(|(own, _)| *own == name) else { return false };
        if !self.may_read(entry, attr, everything) {
            return false;
        }
        let rows = &entry.rows[attr];
        let matches = || holds(keyword, |piece| satisfied(piece, rows));
        let only_presence = keyword.split(['|', '&']).all(|piece| matches!(piece, "" | "\\" | "¥" | "*"));
        match key {
            Some(1) => satisfied("\\", rows),
            Some(2) => satisfied("*", rows),
            Some(4) if !only_presence => !matches(),
            Some(5) => {
                let all = self.entries.iter().filter(|entry| self.may_read(entry, attr, everything));
                let all: Vec<&Row> = all.flat_map(|entry| &entry.rows[attr]).collect();
                let twice = |row: &Row| all.iter().filter(|other| other.text == row.text).count() > 1;
                rows.iter().any(|row| !row.text.is_empty() && twice(row))
            }
            _ => matches(),
        }
    }
}

impl World {
    fn referrers(&self, id: i64) -> impl Iterator<Item = (i64, &str)> {
        self.models.iter().flat_map(move |model| {
            let refers = move |entry: &&Entry| entry.refs.values().flatten().any(|to| *to == id);
            model.entries.iter().filter(refers).map(move |entry| (model.id, entry.name.as_str()))
        })
    }

    fn found<'a>(&'a self, model: &'a Model, query: &Value, everything: bool) -> Vec<&'a Entry> {
        let ids = |key: &str| -> Vec<i64> {
            query[key]
                .as_array()
                .map(|ids| ids.iter().filter_map(Value::as_i64).collect())
                .unwrap_or_default()
        };
        let (include, exclude) = (ids("include_referrals"), ids("exclude_referrals"));
        let admitted = |entry: &&Entry| {
            let infos = query["attrinfo"].as_array().unwrap();
            let by_values = infos.iter().all(|info| model.admits(entry, info, everything));
            let hint =
                match (query["hint_entry"]["filter_key"].as_i64(), query["hint_entry"]["keyword"].as_str()) {
                    (Some(key @ 1..=2), Some(keyword)) => {
                        let named = |piece: &str| {
                            let blank = matches!(piece, "" | "\\" | "¥");
                            !blank && like(&piece.replace('\\', " "), &entry.name)
                        };
                        holds(keyword, named) == (key == 1)
                    }
                    _ => true,
                };
            let referred: Vec<(i64, &str)> = self.referrers(entry.id).collect();
            let by_referrers = match query["referral_name"].as_str().filter(|_| query["has_referral"] == true)
            {
                None | Some("") => true,
                Some(keyword) => holds(keyword, |piece| match piece {
                    "" | "\\" | "¥" => referred.is_empty(),
                    "*" => !referred.is_empty(),
                    piece => referred.iter().any(|(_, name)| like(&piece.replace('\\', " "), name)),
                }),
            };
            let from = |ids: &[i64]| referred.iter().any(|(entity, _)| ids.contains(entity));
            by_values && hint && by_referrers && (include.is_empty() || from(&include)) && !from(&exclude)
        };
        let mut found: Vec<&Entry> = model.entries.iter().filter(admitted).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let target = query["sort"]["target_attrname"].as_str();
        let descending = query["sort"]["order"] == "desc";
        match target {
            Some("__entry_name__") if descending => found.reverse(),
            Some(target) if model.attrs.iter().any(|(own, _)| *own == target) => {
                let is_moment = matches!(target, "day" | "time");
                let value = |entry: &Entry| {
                    if !model.may_read(entry, target, everything) {
                        return String::new();
                    }
                    entry.moments.get(target).cloned().unwrap_or_else(|| entry.rows[target][0].text.clone())
                };
                found.sort_by(|a, b| {
                    let (a, b) = (value(a), value(b));
                    let last = (is_moment && a.is_empty()).cmp(&(is_moment && b.is_empty()));
                    last.then(if descending { b.cmp(&a) } else { a.cmp(&b) })
                });
            }
            _ => {}
        }
        found
    }

    /// Ids of the rows of an answer, its `count` and its `total_count`.
    fn expected(&self, query: &Value, everything: bool) -> (Vec<i64>, usize, usize) {
        let asked: BTreeSet<i64> =
            query["entities"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
        let (mut rows, mut total) = (Vec::new(), 0);
        let (mut offset, mut limit) = (size(&query["entry_offset"], 0), size(&query["entry_limit"], 100));
        for model in self.models.iter().filter(|model| asked.contains(&model.id)) {
            let found = self.found(model, query, everything);
            total += found.len();
            let page: Vec<&Entry> = found.iter().skip(offset).take(limit).copied().collect();
            offset = offset.saturating_sub(found.len());
            limit -= page.len();
            let mut joined: Vec<&Entry> = page;
            for join in query["join_attrs"].as_array().into_iter().flatten() {
                joined = self.joined(model, joined, join, everything);
            }
            rows.extend(joined.iter().map(|entry| entry.id));
        }
        let count = if query.get("join_attrs").is_some() { rows.len() } else { total };
        (rows, count, total)
    }

    fn joined<'a>(
        &'a self,
        model: &Model,
        rows: Vec<&'a Entry>,
        join: &Value,
        everything: bool,
    ) -> Vec<&'a Entry> {
        let name = join["name"].as_str().unwrap();
        let infos = join["attrinfo"].as_array().unwrap();
        let is_filter = |info: &Value| {
            info["keyword"].as_str().is_some_and(|keyword| !keyword.is_empty())
                || info["filter_key"].as_i64().is_some_and(|key| key != 0)
        };
        let filtered = infos.iter().any(is_filter);
        let mut joined = Vec::new();
        for entry in rows {
            let readable = self.shows(model, entry, name, everything);
            let refs = entry.refs.get(name).filter(|_| readable).cloned().unwrap_or_default();
            let matching = refs.iter().filter(|id| {
                let of = |model: &'a Model| {
                    model.entries.iter().find(|entry| entry.id == **id).map(|entry| (model, entry))
                };
                let (model, entry) = self.models.iter().find_map(of).unwrap();
                infos.iter().all(|info| model.admits(entry, info, everything))
            });
            let matching = matching.count();
            let rows = if matching == 0 && !filtered { 1 } else { matching };
            joined.extend(std::iter::repeat_n(entry, rows));
        }
        joined
    }

    fn shows(&self, model: &Model, entry: &Entry, attr: &str, everything: bool) -> bool {
        model.may_read(entry, attr, everything)
    }
}

fn size(value: &Value, default: usize) -> usize {
    value.as_u64().map_or(default, |size| usize::try_from(size).unwrap())
}

fn text_row(text: &str) -> Row {
    Row { text: text.to_owned(), day: None }
}

/// Makes the entities and their entries, and notes what was written.
#[allow(clippy::too_many_lines, reason = "one value of each type after the other")]
fn build(app: TestApp, dice: &mut Dice) -> World {
    let target_attrs = json!([{"name": "s", "type": 2}, {"name": "day", "type": 32}]);
    let (targets, of_target) = app.entity(json!({"name": "target", "attrs": target_attrs}));
    let choices = json!([{"value": "c0", "label": "Red"}, {"value": "c1", "label": "dark red"}, {"value": "c2", "label": "abc"}]);
    let refers = |name: &str, code: i32| json!({"name": name, "type": code, "referral": [targets]});
    let all = json!([
        {"name": "s", "type": 2}, {"name": "t", "type": 4}, {"name": "list", "type": 1026}, {"name": "n", "type": 256},
        {"name": "ns", "type": 1280}, {"name": "flag", "type": 8}, {"name": "day", "type": 32}, {"name": "time", "type": 128},
        refers("o", 1), refers("os", 1025), refers("named", 2049), refers("nameds", 3073),
        {"name": "choice", "type": 512, "choices": choices}, {"name": "choices", "type": 1536, "choices": choices},
        {"name": "g", "type": 16}, {"name": "gs", "type": 1040}, {"name": "r", "type": 64},
    ]);
    let (many, of_many) = app.entity(json!({"name": "many", "attrs": all}));
    let few = json!([{"name": "s", "type": 2}, {"name": "day", "type": 32}, refers("o", 1)]);
    let (fewer, of_few) = app.entity(json!({"name": "few", "attrs": few}));
    let attrs_of = |attrs: &BTreeMap<String, i64>| -> Vec<(&'static str, i64)> {
        let all = [
            "s", "t", "list", "n", "ns", "flag", "day", "time", "o", "os", "named", "nameds", "choice",
            "choices", "g", "gs", "r",
        ];
        all.into_iter().filter_map(|name| Some((name, *attrs.get(name)?))).collect()
    };
    let mut models = vec![
        Model {
            id: targets,
            name: "target",
            attrs: attrs_of(&of_target),
            closed_attrs: BTreeSet::new(),
            entries: Vec::new(),
        },
        Model {
            id: many,
            name: "many",
            attrs: attrs_of(&of_many),
            closed_attrs: BTreeSet::new(),
            entries: Vec::new(),
        },
        Model {
            id: fewer,
            name: "few",
            attrs: attrs_of(&of_few),
            closed_attrs: BTreeSet::new(),
            entries: Vec::new(),
        },
    ];
    let groups = ["abc group", "Red"].map(|name| (group(&app, name, None, &[]), name));
    let roles = ["abc role", "日本"].map(|name| (role(&app, name, &json!({})), name));
    let gone_group = group(&app, "gone", None, &[]);
    let mut gone: Vec<i64> = Vec::new();
    for (model, count) in [(0, 14), (1, 70), (2, 20)] {
        for number in 0..count {
            let targets: Vec<(i64, String)> =
                models[0].entries.iter().map(|entry| (entry.id, entry.name.clone())).collect();
            let name = format!("{}{}", dice.pick(&TEXTS), number).replace(['|', '&'], "");
            let mut entry = Entry { name, ..Entry::default() };
            let mut sent = Vec::new();
            for (attr, id) in models[model].attrs.clone() {
                // Some values are never written.
                if dice.one_in(6) {
                    let text = if attr == "flag" { "false" } else { "" };
                    entry.rows.insert(attr, vec![text_row(text)]);
                    continue;
                }
                let text = (*dice.pick(&TEXTS)).to_owned();
                let some = |dice: &mut Dice| dice.roll(4);
                let (value, rows) = match attr {
                    "s" | "t" => (json!(text), vec![text_row(&text)]),
                    "list" => {
                        let texts: Vec<&str> = (0..some(dice)).map(|_| *dice.pick(&TEXTS)).collect();
                        (json!(texts), texts.iter().map(|text| text_row(text)).collect())
                    }
                    "n" => {
                        let number = dice.roll(120);
                        (json!(number), vec![text_row(&number.to_string())])
                    }
                    "ns" => {
                        let numbers: Vec<Option<usize>> = (0..some(dice))
                            .map(|_| Some(dice.roll(30)).filter(|number| *number > 3))
                            .collect();
                        let row = |number: &Option<usize>| {
                            text_row(&number.map(|number| number.to_string()).unwrap_or_default())
                        };
                        (json!(numbers), numbers.iter().map(row).collect())
                    }
                    "flag" => {
                        let flag = dice.one_in(2);
                        (json!(flag), vec![text_row(&flag.to_string())])
                    }
                    "day" => {
                        let day = *dice.pick(&DAYS);
                        entry.moments.insert(attr, day.to_owned());
                        (json!(day), vec![Row { day: Some(day_number(day)), text: String::new() }])
                    }
                    "time" => {
                        let day = *dice.pick(&DAYS);
                        let time = format!("{day}T1{}:00:00", dice.roll(3));
                        entry.moments.insert(attr, time.clone());
                        (
                            json!(format!("{time}Z")),
                            vec![Row { day: Some(day_number(day)), text: String::new() }],
                        )
                    }
                    "o" | "named" => {
                        let (id, name) = dice.pick(&targets).clone();
                        entry.refs.insert(attr, vec![id]);
                        let value = if attr == "o" { json!(id) } else { json!({"name": text, "id": id}) };
                        (value, vec![text_row(&name)])
                    }
                    "os" | "nameds" => {
                        let mut picked: Vec<(i64, String)> =
                            (0..some(dice)).map(|_| dice.pick(&targets).clone()).collect();
                        picked.dedup();
                        let mut seen = BTreeSet::new();
                        picked.retain(|(id, _)| seen.insert(*id));
                        entry.refs.insert(attr, picked.iter().map(|(id, _)| *id).collect());
                        let mut rows: Vec<Row> = picked.iter().map(|(_, name)| text_row(name)).collect();
                        let mut list: Vec<Value> = if attr == "os" {
                            picked.iter().map(|(id, _)| json!(id)).collect()
                        } else {
                            picked.iter().map(|(id, _)| json!({"name": text, "id": id})).collect()
                        };
                        if attr == "nameds" && dice.one_in(4) {
                            list.push(json!({"name": "alone", "id": null}));
                            rows.push(Row::default());
                        }
                        (Value::Array(list), rows)
                    }
                    "choice" => {
                        let at = dice.roll(3);
                        (choices[at]["value"].clone(), vec![text_row(choices[at]["label"].as_str().unwrap())])
                    }
                    "choices" => {
                        let picked: Vec<usize> = (0..3).filter(|_| dice.one_in(2)).collect();
                        let values: Vec<Value> =
                            picked.iter().map(|at| choices[*at]["value"].clone()).collect();
                        (
                            json!(values),
                            picked
                                .iter()
                                .map(|at| text_row(choices[*at]["label"].as_str().unwrap()))
                                .collect(),
                        )
                    }
                    "g" => match dice.roll(3) {
                        0 => (json!(gone_group), vec![Row::default()]),
                        at => (json!(groups[at - 1].0), vec![text_row(groups[at - 1].1)]),
                    },
                    "gs" => {
                        let both = dice.one_in(2);
                        let ids: Vec<i64> =
                            if both { vec![groups[0].0, gone_group] } else { vec![groups[1].0] };
                        let rows = if both {
                            vec![text_row(groups[0].1), Row::default()]
                        } else {
                            vec![text_row(groups[1].1)]
                        };
                        (json!(ids), rows)
                    }
                    _ => {
                        let (id, name) = *dice.pick(&roles);
                        (json!(id), vec![text_row(name)])
                    }
                };
                let rows = if rows.is_empty() { vec![Row::default()] } else { rows };
                entry.rows.insert(attr, rows);
                sent.push(json!({"id": id, "value": value}));
            }
            entry.id = app.entry(models[model].id, json!({"name": entry.name, "attrs": sent}));
            models[model].entries.push(entry);
        }
        // Entries that are deleted are no results, and nothing refers to them.
        if model == 0 {
            for name in ["abc gone", "x gone"] {
                gone.push(app.entry(models[0].id, json!({"name": name})));
            }
        }
    }
    let refer = models[1].attrs.iter().find(|(name, _)| *name == "o").unwrap().1;
    for at in [3, 9] {
        let id = models[1].entries[at].id;
        let body = json!({"attrs": [{"id": refer, "value": gone[at % 2]}]});
        app.put(&format!("/entry/api/v2/{id}/"), body).expect(202);
        models[1].entries[at].rows.insert("o", vec![Row::default()]);
        models[1].entries[at].refs.remove("o");
    }
    for id in gone {
        app.delete(&format!("/entry/api/v2/{id}/")).expect(204);
    }
    app.delete(&format!("/group/api/v2/groups/{gone_group}")).expect(204);
    let (user, _) = person(&app, "reader");
    let friends = role(&app, "friends", &json!({"users": [user]}));
    for at in [0, 5, 6, 20, 33] {
        let entry = &mut models[1].entries[at];
        close(&app, entry.id);
        // To some of them there is a way.
        if at == 20 { grant(&app, entry.id, friends, 2) } else { entry.closed = true }
    }
    close(&app, models[0].entries[2].id);
    models[0].entries[2].closed = true;
    for (at, attr) in [(1, "s"), (2, "list"), (3, "day"), (7, "o"), (8, "os"), (10, "flag"), (11, "choice")] {
        let id = models[1].entries[at].id;
        let detail = app.get(&format!("/entry/api/v2/{id}/")).json();
        let found = detail["attrs"].as_array().unwrap().iter().find(|own| own["schema"]["name"] == attr);
        if let Some(id) = found.unwrap()["id"].as_i64() {
            close(&app, id);
            models[1].entries[at].closed_attrs.insert(attr);
        }
    }
    let shut = models[1].attrs.iter().find(|(name, _)| *name == "t").unwrap().1;
    close(&app, shut);
    models[1].closed_attrs.insert("t");
    let runner = |id: i64| {
        let row = Runner::of_server(&app.host, None)
            .run_blocking(Mode::Read, |op| Ok(store_users::by_id(&mut op.db, id)?))
            .unwrap()
            .unwrap();
        as_user(&app, &row)
    };
    let (admin, user) = (runner(1), runner(user));
    World { models, admin, user, app }
}

fn piece(dice: &mut Dice) -> String {
    let text = if dice.one_in(3) {
        *dice.pick(&["Red", "abc group", "12", "4", "fals", "2024-0"])
    } else {
        *dice.pick(&TEXTS)
    };
    let letters: Vec<char> = text.chars().collect();
    let from = dice.roll(letters.len());
    let to = from + 1 + dice.roll(letters.len() - from);
    let part: String = if dice.one_in(3) { text.to_owned() } else { letters[from..to].iter().collect() };
    match dice.roll(16) {
        0 => "\\".to_owned(),
        1 => "*".to_owned(),
        2 => String::new(),
        3 => (*dice.pick(&["^", "$", "^$", "¥", "^^", "$$"])).to_owned(),
        4 => (*dice.pick(&DAYS)).to_owned(),
        5 => format!(">{}", dice.pick(&DAYS)),
        6 => format!("<{} >{}", dice.pick(&DAYS), dice.pick(&DAYS)),
        7 => format!("{}~{}", dice.pick(&DAYS), dice.pick(&DAYS)),
        8 => format!("^{part}"),
        9 => format!("{part}$"),
        10 => format!("^{part}$"),
        11 => part.to_uppercase(),
        _ => part,
    }
}

fn keyword(dice: &mut Dice) -> String {
    let mut keyword = piece(dice);
    while dice.one_in(3) {
        keyword.push(if dice.one_in(2) { '&' } else { '|' });
        keyword.push_str(&piece(dice));
    }
    keyword
}

fn info(dice: &mut Dice, names: &[&str]) -> Value {
    let mut info = json!({"name": dice.pick(names)});
    if !dice.one_in(8) {
        info["keyword"] = json!(keyword(dice));
    }
    match dice.roll(12) {
        key @ 0..=5 => info["filter_key"] = json!(key),
        6 | 7 => info["filter_key"] = json!(4),
        _ => {}
    }
    info
}

fn query(world: &World, dice: &mut Dice) -> Value {
    let names: Vec<&str> = world.models[1].attrs.iter().map(|(name, _)| *name).collect();
    let entities: Vec<i64> = match dice.roll(4) {
        0 => world.models.iter().map(|model| model.id).collect(),
        1 => vec![world.models[0].id],
        2 => vec![world.models[2].id, world.models[1].id],
        _ => vec![world.models[1].id],
    };
    let conditions = *dice.pick(&[0, 1, 1, 1, 2, 3]);
    let mut infos: Vec<Value> = (0..conditions).map(|_| info(dice, &names)).collect();
    let mut query = json!({"entities": entities});
    if dice.one_in(20) {
        infos.push(info(dice, &["unknown"]));
    }
    if dice.one_in(5) {
        query["hint_entry"] = json!({"filter_key": dice.roll(3), "keyword": keyword(dice)});
    }
    if dice.one_in(6) {
        query["has_referral"] = json!(!dice.one_in(5));
        query["referral_name"] = json!(keyword(dice));
    }
    for key in ["include_referrals", "exclude_referrals"] {
        if dice.one_in(8) {
            query[key] = json!([dice.pick(&world.models).id]);
        }
    }
    if dice.one_in(3) {
        query["entry_limit"] = json!(dice.roll(12));
        query["entry_offset"] = json!(dice.roll(30));
    }
    if dice.one_in(3) {
        let target = *dice.pick(&["__entry_name__", "s", "day", "o"]);
        if target != "__entry_name__" {
            infos.push(json!({"name": target}));
        }
        // The targets have no such attribute, and nobody else is asked.
        if target != "o" || entities.len() > 1 || entities != [world.models[0].id] {
            query["sort"] = json!({"target_attrname": target, "order": dice.pick(&["asc", "desc"])});
        }
    }
    if dice.one_in(5) {
        let name = *dice.pick(&["o", "os", "named", "nameds", "s"]);
        infos.push(json!({"name": name}));
        let conditions: Vec<Value> =
            (0..dice.roll(3)).map(|_| info(dice, &["s", "day", "unknown"])).collect();
        query["join_attrs"] = json!([{"name": name, "attrinfo": conditions}]);
    }
    query["attrinfo"] = json!(infos);
    query
}

fn thousands_of_searches_are_answered_as_a_naive_evaluator_does(database: Database) {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
    };
    let Some(app) = TestApp::bare(database) else { return };
    let mut dice = Dice(number("PAGODA_SEARCH_SEED", 20_261_129));
    let world = build(app, &mut dice);
    let (mut with_hits, mut partial) = (0, 0);
    let all: usize = world.models.iter().map(|model| model.entries.len()).sum();
    // PostgreSQL takes four times as long for each.
    let queries = number("PAGODA_SEARCH_QUERIES", if database == Database::Sqlite { 10_000 } else { 2_500 });
    for turn in 0..queries {
        let query = query(&world, &mut dice);
        let everything = turn % 2 == 0;
        let runner = if everything { &world.admin } else { &world.user };
        let answer = runner
            .run_blocking(Mode::Read, |op| advanced::advanced(op, &query))
            .unwrap_or_else(|error| panic!("{error}: {query}"));
        let answer = serde_json::to_value(&answer).unwrap();
        let rows = answer["values"].as_array().unwrap().iter();
        let ids: Vec<i64> = rows.map(|row| row["entry"]["id"].as_i64().unwrap()).collect();
        let got = (ids, size(&answer["count"], 0), size(&answer["total_count"], 0));
        let expected = world.expected(&query, everything);
        let names: Vec<&str> = world.models.iter().map(|model| model.name).collect();
        assert_eq!(got, expected, "{turn}, everything: {everything}, of {names:?}: {query}");
        with_hits += usize::from(got.2 > 0);
        partial += usize::from(got.2 > 0 && got.2 < all / 3);
    }
    // A test of nothing but empty answers, or of all entries, would show little.
    let queries = usize::try_from(queries).unwrap();
    assert!(with_hits * 3 > queries && partial * 8 > queries, "{with_hits} and {partial} of {queries}");
    world.app.stop();
}
