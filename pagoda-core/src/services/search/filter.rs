//! What requests say about the entries that are meant. *Source: spec, search §2.3, §2.4 and §4.2.*

use super::keyword::{About, Keyword, Piece};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader, Refusal};
use pagoda_plugin_sdk::Code;
use serde_json::Value;

/// Most characters of a keyword. *Source: spec, search §2.*
const MOST_KEYWORD: usize = 249;

/// What must hold of the values of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttrFilter {
    /// Name of the attribute.
    pub name: String,
    /// What must hold; nothing when absent.
    pub condition: Option<Condition>,
}

/// What must hold of the rows of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Some row matches each piece.
    Matches(Keyword),
    /// That does not hold.
    MatchesNot(Keyword),
    /// Some row has a value that another row has too.
    Duplicated,
    /// Some row refers to one of these entries.
    RefersTo(Vec<i64>),
}

/// What must hold of the name of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct HintFilter {
    pub(super) keyword: Keyword,
    pub(super) negated: bool,
}

/// Which entries of an entity are meant: all of these hold.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Of values.
    pub attrs: Vec<AttrFilter>,
    /// Of the name.
    pub hint: Option<HintFilter>,
    /// Of the names of those that refer to it.
    pub referrers: Option<Keyword>,
    /// Entities, of which some entry refers to it; all entries when empty.
    pub referred_from: Vec<i64>,
    /// Entities, of which no entry refers to it.
    pub not_referred_from: Vec<i64>,
    /// Entries, of which one refers to it.
    pub referred_by: Option<Vec<i64>>,
    /// It is one of these.
    pub among: Option<Vec<i64>>,
}

impl AttrFilter {
    /// A filter as `filter_key` and keyword say it; absent for a key that is none.
    #[must_use]
    pub fn of(name: String, filter_key: Option<i64>, keyword: &str) -> Option<Self> {
        let parsed = || Keyword::parse(keyword, About::Values);
        let condition = match filter_key {
            Some(0) => None,
            Some(1) => Some(Condition::Matches(Keyword::of(Piece::Empty))),
            Some(2) => Some(Condition::Matches(Keyword::of(Piece::Any))),
            Some(5) => Some(Condition::Duplicated),
            None | Some(3 | 4) if keyword.is_empty() => None,
            None | Some(3) => Some(Condition::Matches(parsed())),
            Some(4) => {
                let keyword = parsed();
                let stays = keyword.is_about_presence();
                Some(if stays { Condition::Matches(keyword) } else { Condition::MatchesNot(keyword) })
            }
            Some(_) => return None,
        };
        Some(Self { name, condition })
    }

    /// Reads an element of `attrinfo`.
    ///
    /// # Errors
    /// The complaints about it.
    pub fn read(element: &Value) -> Result<Self, Fields> {
        let mut reader = Reader::new(coerce::element(element)?);
        let name = reader.required("name", |value| coerce::name(value, usize::MAX));
        let filter_key = reader.field("filter_key", coerce::integer);
        let keyword = reader.field("keyword", keyword);
        let filter = Self::of(name.unwrap_or_default(), filter_key, &keyword.unwrap_or_default());
        if filter.is_none() {
            reader.errors.add("filter_key", Code::Invalid, "one of 0 to 5");
        }
        filter.filter(|_| reader.errors.is_empty()).ok_or(reader.errors)
    }
}

fn keyword(value: &Value) -> Result<String, Refusal> {
    coerce::verbatim(value, MOST_KEYWORD)
}

impl HintFilter {
    /// What the name must match.
    #[must_use]
    pub fn matching(keyword: &str) -> Self {
        Self { keyword: Keyword::parse(keyword, About::Names), negated: false }
    }

    /// Reads `hint_entry`; nothing where it says nothing.
    ///
    /// # Errors
    /// The complaints about it.
    pub fn read(value: &Value) -> Result<Option<Self>, Fields> {
        let mut reader = Reader::new(coerce::object(value)?);
        let filter_key = reader.field("filter_key", coerce::integer);
        let keyword = reader.field("keyword", keyword);
        if filter_key.is_some_and(|key| !(0..=2).contains(&key)) {
            reader.errors.add("filter_key", Code::Invalid, "one of 0, 1, 2");
        }
        if !reader.errors.is_empty() {
            return Err(reader.errors);
        }
        // Without a key it says nothing, without a keyword neither. *Source: spec, search §2.4.*
        let (Some(key @ 1..=2), Some(keyword)) = (filter_key, keyword) else { return Ok(None) };
        Ok(Some(Self { keyword: Keyword::parse(&keyword, About::Names), negated: key == 2 }))
    }
}

impl Selection {
    /// The attributes that are named.
    pub(super) fn names(&self) -> Vec<&str> {
        self.attrs.iter().map(|filter| filter.name.as_str()).collect()
    }

    /// Reads `attrinfo`, `hint_entry` and `referral_name`, all optional, out of a body; complaints go to the reader.
    #[must_use]
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let attrs = reader.each_of("attrinfo", AttrFilter::read).unwrap_or_default();
        let hint = reader.nested("hint_entry", HintFilter::read).flatten();
        let referrers = reader.field("referral_name", |value| coerce::verbatim(value, usize::MAX));
        let referrers = referrers.filter(|name| !name.is_empty());
        let referrers = referrers.map(|name| Keyword::parse(&name, About::Referrers));
        Self { attrs, hint, referrers, ..Self::default() }
    }
}
