//! What is asked of a server: each scenario makes the request of a number out of a manifest.

use crate::generate::random::{Random, Zipf, proper, word};
use crate::generate::site::SERVER;
use crate::generate::{Listed, Manifest};
use crate::load;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// Something that is asked again and again.
#[derive(Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// The request of a number; nothing when there is nothing more to ask for.
    ask: fn(&World, &mut Random) -> Option<Vec<u8>>,
}

/// What requests are made of.
#[derive(Debug)]
pub struct World {
    manifest: Manifest,
    server: Listed,
    words: Zipf,
    /// Requests made so far, by scenario.
    made: RefCell<HashMap<&'static str, u64>>,
    /// Ids of what was created here, to be deleted.
    created: RefCell<Vec<i64>>,
    /// Makes names of this run different from those of others.
    run: String,
    names: Cell<u64>,
}

/// Worlds of this process: two of them may create entries in one database.
static WORLDS: AtomicU32 = AtomicU32::new(0);
/// Deep pages begin behind this part of the entries.
const DEEPEST: f64 = 0.9;
/// Rows of a page of a list.
const PAGE: u64 = 30;

impl World {
    /// Requests to a server over the site of a manifest.
    ///
    /// # Errors
    /// The manifest lacks something.
    pub fn new(manifest: Manifest) -> anyhow::Result<Self> {
        let server = manifest.entity(SERVER)?.clone();
        let (made, created) = (RefCell::default(), RefCell::default());
        let run = format!("{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        Ok(Self { manifest, server, words: Zipf::over(5_000), made, created, run, names: Cell::new(0) })
    }

    /// How many entries the site has.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.manifest.entries
    }

    /// The next request of a scenario; no two runs of it repeat one.
    #[must_use]
    pub fn next(&self, scenario: &Scenario) -> Option<Vec<u8>> {
        let number = {
            let mut made = self.made.borrow_mut();
            let made = made.entry(scenario.name).or_default();
            *made += 1;
            *made
        };
        (scenario.ask)(self, &mut Random::of(self.manifest.seed, scenario.name.len() as u64, number))
    }

    /// Notes what an answer says.
    pub fn answered(&self, scenario: &Scenario, body: &[u8]) {
        if scenario.name != CREATE {
            return;
        }
        let made = serde_json::from_slice::<Value>(body).ok().and_then(|made| made.get("id")?.as_i64());
        self.created.borrow_mut().extend(made);
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        Some(load::get(path, Some(&self.manifest.admin.token)))
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Option<Vec<u8>> {
        Some(load::send(method, path, &self.manifest.admin.token, &body.to_string()))
    }

    fn user(&self, random: &mut Random) -> &str {
        let count = self.manifest.users.len() as u64;
        let at = usize::try_from(random.below(count)).unwrap_or_default();
        self.manifest.users.get(at).map_or("", |user| &user.token)
    }

    /// A page of servers that begins behind this part of them.
    fn page(&self, part: f64) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
        let page = (self.server.count() as f64 * part) as u64 / PAGE + 1;
        format!("/entity/api/v2/{}/entries/?is_active=true&page={page}", self.server.id)
    }

    fn detail(&self, random: &mut Random) -> String {
        format!("/entry/api/v2/{}/", self.server.entry(random.any()))
    }

    fn create(&self, random: &mut Random) -> Option<Vec<u8>> {
        let number = self.names.replace(self.names.get() + 1);
        let rack = self.manifest.entity("Rack").ok()?.entry(random.any());
        let value = |name: &str, value: Value| json!({"id": self.server.attr(name), "value": value});
        let note: Vec<String> = (0..12).map(|_| word(self.words.rank(random))).collect();
        let attrs = json!([
            value("serial", json!(format!("SN{:010x}", random.any() >> 24))),
            value("host name", json!(format!("host-{}-{number}", self.run))),
            value("vendor", json!(proper(200))),
            value("model", json!("Anan ANAN100")),
            value("address", json!("10.255.1.2")),
            value("rack", json!(rack)),
            value("installed", json!("2025-06-01")),
            value("price", json!(number % 1_000)),
            value("tags", json!([word(400), word(401)])),
            value("note", json!(note.join(" "))),
        ]);
        let body = json!({"name": format!("load-{}-{number:08}", self.run), "attrs": attrs});
        self.send("POST", &format!("/entity/api/v2/{}/entries/", self.server.id), &body)
    }

    fn update(&self, random: &mut Random) -> Option<Vec<u8>> {
        let vm = self.manifest.entity("VM").ok()?;
        let attrs = json!([{"id": vm.attr("memory"), "value": random.below(1_000_000)}]);
        self.send("PUT", &format!("/entry/api/v2/{}/", vm.entry(random.any())), &json!({"attrs": attrs}))
    }

    fn simple(&self, token: &str, text: &str) -> Option<Vec<u8>> {
        let query: String = text.chars().map(|c| if c == ' ' { '+' } else { c }).collect();
        Some(load::get(&format!("/entry/api/v2/search/?query={query}"), Some(token)))
    }

    /// An advanced search over servers, with these keys changed.
    fn advanced(&self, attrinfo: Value, more: &Value) -> Value {
        let mut body = json!({"entities": [self.server.id], "attrinfo": attrinfo, "entry_limit": 100});
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        body
    }

    fn search(&self, attrinfo: Value, more: &Value) -> Option<Vec<u8>> {
        self.send("POST", "/entry/api/v2/advanced_search/", &self.advanced(attrinfo, more))
    }

    /// The serial number of a server, and part of it that few others have.
    fn serial(&self, random: &mut Random) -> String {
        crate::generate::values::unique("SN", random.below(self.server.count()))
    }
}

const CREATE: &str = "create";
/// Takes what creating made, once.
pub(super) const DELETE: &str = "delete";

fn attr(name: &str, keyword: &str) -> Value {
    json!([{"name": name, "keyword": keyword}])
}

fn middle(text: &str) -> String {
    text.chars().skip(3).take(7).collect()
}

/// All scenarios, in the order in which they are measured: deleting takes what creating made.
pub static SCENARIOS: [Scenario; 26] = [
    Scenario { name: "list", ask: |w, r| w.get(&w.page(r.fraction() * 0.01)) },
    Scenario { name: "deep page", ask: |w, r| w.get(&w.page(DEEPEST + r.fraction() * 0.05)) },
    Scenario {
        name: "list as user",
        ask: |w, r| {
            let path = w.page(r.fraction() * 0.01);
            Some(load::get(&path, Some(w.user(r))))
        },
    },
    Scenario { name: "detail", ask: |w, r| w.get(&w.detail(r)) },
    Scenario { name: CREATE, ask: World::create },
    Scenario { name: "update", ask: World::update },
    Scenario {
        name: DELETE,
        ask: |w, _| {
            let id = w.created.borrow_mut().pop()?;
            Some(load::send("DELETE", &format!("/entry/api/v2/{id}/"), &w.manifest.admin.token, ""))
        },
    },
    Scenario { name: "simple search, rare", ask: |w, r| w.simple(&w.manifest.admin.token, &w.serial(r)) },
    Scenario {
        name: "simple search, common",
        ask: |w, r| {
            w.simple(&w.manifest.admin.token, &word(usize::try_from(r.below(20)).unwrap_or_default()))
        },
    },
    Scenario {
        name: "simple search as user",
        ask: |w, r| {
            let text = w.serial(r);
            w.simple(w.user(r), &text)
        },
    },
    Scenario {
        name: "search: part of a serial",
        ask: |w, r| w.search(attr("serial", &middle(&w.serial(r))), &json!({})),
    },
    Scenario {
        name: "search: whole serial",
        ask: |w, r| w.search(attr("serial", &format!("^{}$", w.serial(r))), &json!({})),
    },
    Scenario {
        name: "search: rare vendor",
        ask: |w, r| {
            w.search(
                attr("vendor", &proper(190 + usize::try_from(r.below(40)).unwrap_or_default())),
                &json!({}),
            )
        },
    },
    Scenario { name: "search: common vendor", ask: |w, _| w.search(attr("vendor", &proper(42)), &json!({})) },
    Scenario {
        name: "search: word of a note",
        ask: |w, r| {
            w.search(attr("note", &word(20 + usize::try_from(r.below(50)).unwrap_or_default())), &json!({}))
        },
    },
    Scenario {
        name: "search: three conditions",
        ask: |w, r| {
            w.search(
                json!([
                    {"name": "vendor", "keyword": proper(42)},
                    {"name": "note", "keyword": word(10 + usize::try_from(r.below(20)).unwrap_or_default())},
                    {"name": "installed", "keyword": "2019-01-01~2019-12-31"},
                ]),
                &json!({}),
            )
        },
    },
    Scenario {
        name: "search: name of the rack",
        ask: |w, r| {
            let rack = w.manifest.entity("Rack").ok()?.entry_name(r.any());
            w.search(attr("rack", &rack), &json!({}))
        },
    },
    Scenario {
        name: "search: days",
        ask: |w, r| {
            w.search(
                attr("installed", &format!("2018-{:02}-01~2018-{:02}-15", r.below(12) + 1, 12)),
                &json!({}),
            )
        },
    },
    Scenario {
        name: "search: not this vendor",
        ask: |w, _| w.search(json!([{"name": "vendor", "keyword": proper(42), "filter_key": 4}]), &json!({})),
    },
    Scenario {
        name: "search: with a join",
        ask: |w, r| {
            w.search(
                json!([{"name": "serial", "keyword": middle(&w.serial(r))}, {"name": "rack"}]),
                &json!({"join_attrs": [{"name": "rack", "attrinfo": [{"name": "row"}]}]}),
            )
        },
    },
    Scenario {
        name: "search: with referrers",
        ask: |w, r| {
            w.search(
                attr("serial", &middle(&w.serial(r))),
                &json!({"has_referral": true, "referral_name": ""}),
            )
        },
    },
    Scenario {
        name: "search: sorted",
        ask: |w, r| {
            w.search(
                attr("note", &word(20 + usize::try_from(r.below(50)).unwrap_or_default())),
                &json!({"sort": {"target_attrname": "note"}}),
            )
        },
    },
    Scenario {
        name: "search: counts only",
        ask: |w, r| {
            w.search(
                attr("note", &word(20 + usize::try_from(r.below(50)).unwrap_or_default())),
                &json!({"entry_limit": 0}),
            )
        },
    },
    Scenario {
        name: "search: all entities",
        ask: |w, r| {
            w.search(
                attr("host name", &format!("{:07x}", r.any() >> 36)),
                &json!({"entities": [], "is_all_entities": true}),
            )
        },
    },
    Scenario {
        name: "search chain",
        ask: |w, r| {
            let rack = w.manifest.entity("Rack").ok()?.entry_name(r.any());
            w.send(
                "POST",
                "/entry/api/v2/advanced_search_chain/",
                &json!({"entities": [w.server.id], "attrs": [{"name": "rack", "value": rack}]}),
            )
        },
    },
    Scenario {
        name: "mixed",
        ask: |w, r| match r.below(20) {
            0 => w.create(r),
            1 | 2 => w.update(r),
            3..=6 => w.get(&w.page(r.fraction() * 0.01)),
            _ => w.get(&w.detail(r)),
        },
    },
];
