//! Finds entries: makes a condition of what a request says, and lets the store answer it.

use super::filter::{AttrFilter, Condition, Selection};
use super::index::Searched;
use super::keyword::{Keyword, Piece};
use crate::services::acl::{self, Subject};
use crate::services::attribute::{self, DELETED_CHOICE, choice_labels};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::role::{RoleFilter, RoleOrder};
use crate::store::queries::{entry as entries, group, role, value};
use crate::store::rows::{EntityAttrRow, EntityRow, EntryRow};
use crate::store::search::{self, Attr, Cond, Repeated, RowTest, Search, TextTest, Valued, Viewer, text_id};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::Level;
use std::collections::HashMap;

/// Entries that are judged in one go where plugins have a say.
const PAGE: usize = 1_000;

/// Which entries of an entity are wanted, and which page of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    /// The entity, which the acting user may read.
    pub entity: &'a EntityRow,
    /// Its active definitions.
    pub definitions: &'a [EntityAttrRow],
    /// What must hold.
    pub selection: &'a Selection,
    /// How they are ordered.
    pub order: Order<'a>,
    /// Which page.
    pub window: Window,
}

/// How entries are ordered: by a value or by name, then by name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Order<'a> {
    /// The definition of the value.
    pub by: Option<&'a EntityAttrRow>,
    /// The greatest first.
    pub descending: bool,
}

/// Which part of what is found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Entries before it.
    pub offset: i64,
    /// Entries at most.
    pub limit: i64,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundEntries {
    /// How many there are in all.
    pub total: i64,
    /// Those of the page, in order.
    pub rows: Vec<EntryRow>,
}

/// As [`FoundEntries`], by id.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundIds {
    /// How many there are in all.
    pub total: i64,
    /// Those of the page, in order.
    pub ids: Vec<i64>,
}

/// The active entries of an entity that are wanted. No condition on values holds for what the acting user may not read.
/// *Source: spec, search §4.3 (fixed quirk).*
///
/// # Errors
/// The database does not answer, or not in time.
pub(super) fn find(op: &mut OpCtx, question: &Question<'_>) -> Result<FoundEntries, OpError> {
    let FoundIds { total, ids } = found(op, question)?;
    Ok(FoundEntries { total, rows: in_order(op, &ids)? })
}

/// As [`find`], by id.
///
/// # Errors
/// As [`find`].
pub(super) fn found(op: &mut OpCtx, question: &Question<'_>) -> Result<FoundIds, OpError> {
    let Question { entity, definitions, selection, window, .. } = *question;
    let mut asked = Vec::new();
    for filter in selection.attrs.iter().filter(|filter| filter.condition.is_some()) {
        // What the entity does not have cannot hold, and what may not be read is as if it were not there.
        let definition = definitions.iter().find(|definition| definition.name == filter.name);
        let Some(definition) = definition else { return Ok(FoundIds::default()) };
        if !acl::allowed(op, &Subject::attr(definition, entity), Level::Readable)? {
            return Ok(FoundIds::default());
        }
        asked.push((filter, definition));
    }
    let viewer = viewer(op)?;
    let mut parts = about_entry(selection);
    for (filter, definition) in &asked {
        parts.push(about_values(op, entity, &viewer, filter, definition)?);
        parts.push(Cond::Readable(viewer.clone(), Some(definition.id)));
    }
    let (order, readable) = ordered(op, entity, &viewer, question.order)?;
    let search = Search::new(&mut op.db, entity.id, Cond::All(parts), order, readable)?;
    // Their handlers are asked about each entry; no statement can know what they say.
    if op.wants::<hooks::user::before_permission_check>() && !asked.is_empty() {
        let all = search.page(&mut op.db, 0, search.total())?;
        let definitions: Vec<&EntityAttrRow> = asked.iter().map(|(_, definition)| *definition).collect();
        let kept = kept_by_plugins(op, entity, &definitions, &all)?;
        let total = i64::try_from(kept.len()).unwrap_or(i64::MAX);
        let skipped = usize::try_from(window.offset).unwrap_or(usize::MAX);
        let most = usize::try_from(window.limit).unwrap_or_default();
        let ids: Vec<i64> = kept.into_iter().skip(skipped).take(most).collect();
        return Ok(FoundIds { total, ids });
    }
    let ids = search.page(&mut op.db, window.offset, window.limit)?;
    Ok(FoundIds { total: search.total(), ids })
}

/// The entries of these ids in their order.
///
/// # Errors
/// The database does not answer.
pub(super) fn in_order(op: &mut OpCtx, ids: &[i64]) -> Result<Vec<EntryRow>, OpError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = entries::by_ids(&mut op.db, ids)?;
    let mut rows: HashMap<i64, EntryRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

/// Who looks, as the store knows it.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub(super) fn viewer(op: &mut OpCtx) -> Result<Viewer, OpError> {
    if op.user()?.is_superuser {
        return Ok(Viewer::Everything);
    }
    Ok(Viewer::Roles(acl::memo::roles(op)?))
}

fn kept_by_plugins(
    op: &mut OpCtx,
    entity: &EntityRow,
    definitions: &[&EntityAttrRow],
    ids: &[i64],
) -> Result<Vec<i64>, OpError> {
    let attr_ids: Vec<i64> = definitions.iter().map(|definition| definition.id).collect();
    let mut kept = Vec::with_capacity(ids.len());
    for ids in ids.chunks(PAGE) {
        let written = value::latest_in(&mut op.db, ids, &attr_ids)?;
        let written: HashMap<(i64, i64), _> = written
            .iter()
            .map(|row| ((row.attribute.entry_id, row.attribute.attr_id), &row.attribute))
            .collect();
        for entry in in_order(op, ids)? {
            let mut may_read = acl::allowed(op, &Subject::entry(&entry, entity), Level::Readable)?;
            for definition in definitions {
                let attribute = written.get(&(entry.id, definition.id)).copied();
                let subject = Subject::value(attribute, definition, &entry, entity);
                may_read = may_read && acl::allowed(op, &subject, Level::Readable)?;
            }
            if may_read {
                kept.push(entry.id);
            }
        }
    }
    Ok(kept)
}

/// What must hold apart from values.
fn about_entry(selection: &Selection) -> Vec<Cond> {
    let mut parts = Vec::new();
    if let Some(hint) = &selection.hint {
        let matches = each_piece(&hint.keyword, |piece| match piece {
            // Every entry has a name.
            Piece::Empty => Cond::Never,
            Piece::Any => Cond::Always,
            Piece::Text(text) | Piece::Dates(_, text) => named(text),
        });
        parts.push(if hint.negated { Cond::Not(Box::new(matches)) } else { matches });
    }
    if let Some(keyword) = &selection.referrers {
        parts.push(each_piece(keyword, |piece| match piece {
            Piece::Empty => Cond::Not(Box::new(Cond::Referred)),
            Piece::Any => Cond::Referred,
            Piece::Text(text) | Piece::Dates(_, text) if text.is_anything() => Cond::Referred,
            Piece::Text(text) | Piece::Dates(_, text) => Cond::ReferredNamed(text.clone()),
        }));
    }
    if !selection.referred_from.is_empty() {
        parts.push(Cond::ReferredFrom(selection.referred_from.clone()));
    }
    if !selection.not_referred_from.is_empty() {
        parts.push(Cond::Not(Box::new(Cond::ReferredFrom(selection.not_referred_from.clone()))));
    }
    parts.extend(selection.referred_by.clone().map(Cond::ReferredBy));
    parts.extend(selection.among.clone().map(Cond::Among));
    parts
}

fn named(text: &TextTest) -> Cond {
    if text.is_anything() { Cond::Always } else { Cond::Named(text.clone()) }
}

fn each_piece(keyword: &Keyword, mut cond: impl FnMut(&Piece) -> Cond) -> Cond {
    let together = |pieces: &Vec<Piece>| Cond::All(pieces.iter().map(&mut cond).collect());
    Cond::Any(keyword.alternatives().iter().map(together).collect())
}

/// What must hold of the values of an attribute.
fn about_values(
    op: &mut OpCtx,
    entity: &EntityRow,
    viewer: &Viewer,
    filter: &AttrFilter,
    definition: &EntityAttrRow,
) -> Result<Cond, OpError> {
    let values = Values::of(op, definition)?;
    let matches = |keyword: &Keyword| each_piece(keyword, |piece| values.matching(piece));
    Ok(match &filter.condition {
        None => Cond::Always,
        Some(Condition::Matches(keyword)) => matches(keyword),
        Some(Condition::MatchesNot(keyword)) => Cond::Not(Box::new(matches(keyword))),
        Some(Condition::Duplicated) => values.repeated(op, entity, viewer)?,
        Some(Condition::RefersTo(ids)) => values.row(RowTest::References(ids.clone())),
    })
}

/// The values of a definition: what their rows stand for.
struct Values {
    attr: Attr,
    searched: Searched,
    /// The terms that have a name now, where terms have one.
    names: Vec<(i64, String)>,
}

impl Values {
    fn of(op: &mut OpCtx, definition: &EntityAttrRow) -> Result<Self, OpError> {
        let (attr_type, kind) = attribute::type_of(definition)?;
        let searched = Searched::of(attr_type);
        let names = match searched {
            Searched::Choice => {
                let labels = choice_labels(definition);
                let named = |(value, label): (&str, &str)| (text_id(definition.id, value), label.to_owned());
                labels.pairs().map(named).collect()
            }
            Searched::Group => {
                group::all_active(&mut op.db)?.into_iter().map(|row| (row.id, row.name)).collect()
            }
            Searched::Role => {
                let all = RoleFilter { ids: None, terms: Vec::new(), order: vec![(RoleOrder::Id, false)] };
                role::list(&mut op.db, &all)?.into_iter().map(|row| (row.id, row.name)).collect()
            }
            _ => Vec::new(),
        };
        let attr = Attr { id: definition.id, is_list: kind.is_array() };
        Ok(Self { attr, searched, names })
    }

    fn row(&self, test: RowTest) -> Cond {
        Cond::Row(self.attr, test)
    }

    fn all_terms(&self) -> Vec<i64> {
        self.names.iter().map(|(term, _)| *term).collect()
    }

    /// Some row is blank, or there is none.
    fn empty(&self) -> Cond {
        match self.searched {
            // It is false then.
            Searched::Flag => Cond::Never,
            Searched::Day | Searched::Choice => Cond::NoTerm(self.attr),
            Searched::Text => Cond::Any(vec![Cond::NoTerm(self.attr), self.row(RowTest::Terms(vec![0]))]),
            Searched::Group | Searched::Role => {
                Cond::Any(vec![Cond::NoTerm(self.attr), self.row(RowTest::TermsApart(self.all_terms()))])
            }
            Searched::Reference => {
                Cond::Any(vec![Cond::NoReference(self.attr), self.row(RowTest::ReferenceGone)])
            }
        }
    }

    /// Some row is not blank.
    fn any(&self) -> Cond {
        match self.searched {
            Searched::Flag => Cond::Always,
            Searched::Day | Searched::Choice => self.row(RowTest::Any),
            Searched::Text => self.row(RowTest::TermsApart(vec![0])),
            Searched::Group | Searched::Role => self.row(RowTest::Terms(self.all_terms())),
            Searched::Reference => self.row(RowTest::ReferenceActive),
        }
    }

    /// Some row matches a piece.
    fn matching(&self, piece: &Piece) -> Cond {
        match piece {
            Piece::Empty => self.empty(),
            Piece::Any => self.any(),
            Piece::Text(text) => self.with_text(text),
            Piece::Dates(days, text) if self.searched == Searched::Day => {
                let (from, to) = days.numbers();
                Cond::Any(vec![self.row(RowTest::Between(from, to)), self.with_text(text)])
            }
            Piece::Dates(_, text) => self.with_text(text),
        }
    }

    /// The text of some row passes.
    fn with_text(&self, text: &TextTest) -> Cond {
        if text.is_anything() {
            return Cond::Always;
        }
        let passing =
            || self.names.iter().filter(|(_, name)| text.matches(name)).map(|(term, _)| *term).collect();
        let mut ways = match self.searched {
            Searched::Text => vec![self.row(RowTest::Text(text.clone()))],
            Searched::Reference => vec![self.row(RowTest::ReferenceNamed(text.clone()))],
            // A day has no text.
            Searched::Day => Vec::new(),
            Searched::Flag => {
                let is_true = self.row(RowTest::Terms(vec![1]));
                return match (text.matches("true"), text.matches("false")) {
                    (true, true) => Cond::Always,
                    (true, false) => is_true,
                    (false, true) => Cond::Not(Box::new(is_true)),
                    (false, false) => Cond::Never,
                };
            }
            Searched::Group | Searched::Role => vec![self.row(RowTest::Terms(passing()))],
            Searched::Choice => {
                let mut ways = vec![self.row(RowTest::Terms(passing()))];
                if text.matches(DELETED_CHOICE) {
                    ways.push(self.row(RowTest::TermsApart(self.all_terms())));
                }
                ways
            }
        };
        if text.matches("") {
            ways.push(match self.searched {
                // Days have no text, so that of all of them is empty.
                Searched::Day => Cond::Always,
                _ => self.empty(),
            });
        }
        Cond::Any(ways)
    }

    /// Some row has a value that another row of the entity has too. *Source: spec, search §2.3 (fixed quirk).*
    fn repeated(&self, op: &mut OpCtx, entity: &EntityRow, viewer: &Viewer) -> Result<Cond, OpError> {
        let repeated = |terms: Option<Vec<i64>>, rest| {
            self.row(RowTest::Repeated(Box::new(Repeated { viewer: viewer.clone(), terms, rest })))
        };
        Ok(match self.searched {
            Searched::Text => repeated(None, false),
            Searched::Choice => repeated(Some(self.all_terms()), true),
            Searched::Group | Searched::Role => repeated(Some(self.all_terms()), false),
            Searched::Reference => self.row(RowTest::ReferenceRepeated(Box::new(viewer.clone()))),
            // A day has no value.
            Searched::Day => Cond::Never,
            Searched::Flag => {
                let is_true = self.row(RowTest::Terms(vec![1]));
                let readable = Cond::Readable(viewer.clone(), Some(self.attr.id));
                let mut count = |cond: Cond| {
                    let cond = Cond::All(vec![cond, readable.clone()]);
                    let search = Search::new(&mut op.db, entity.id, cond, search::Order::Name, Cond::Always)?;
                    Ok::<_, OpError>(search.total())
                };
                let is_false = Cond::Not(Box::new(is_true.clone()));
                let mut ways = Vec::new();
                for way in [is_true, is_false] {
                    if count(way.clone())? > 1 {
                        ways.push(way);
                    }
                }
                Cond::Any(ways)
            }
        })
    }
}

/// The order, and what must hold of an entry whose value is taken into account.
fn ordered(
    op: &mut OpCtx,
    entity: &EntityRow,
    viewer: &Viewer,
    order: Order<'_>,
) -> Result<(search::Order, Cond), OpError> {
    let Order { by, descending } = order;
    let by_name = if descending { search::Order::NameDescending } else { search::Order::Name };
    let Some(definition) = by else { return Ok((by_name, Cond::Always)) };
    if !acl::allowed(op, &Subject::attr(definition, entity), Level::Readable)? {
        return Ok((search::Order::Name, Cond::Always));
    }
    let (attr_type, kind) = attribute::type_of(definition)?;
    let by = match Searched::of(attr_type) {
        Searched::Text if !kind.is_array() => Valued::IndexedText,
        Searched::Day => Valued::Moment,
        Searched::Reference => Valued::Reference,
        Searched::Group => Valued::Group,
        Searched::Role => Valued::Role,
        Searched::Text | Searched::Flag | Searched::Choice => Valued::Text,
    };
    let readable = Cond::Readable(viewer.clone(), Some(definition.id)).simplified();
    Ok((search::Order::Value { attr_id: definition.id, by, descending }, readable))
}
