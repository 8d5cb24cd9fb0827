//! What of the values of entries is searched, and when it changes: in the transaction that changes the values.
//! *Source: spec, search §1.*

use super::keyword::day_number;
use crate::services::attribute::{Content, value_type};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::search::{self, Entered, Posting, text_id};
use jiff::civil::Date;
use pagoda_plugin_sdk::model::AttrType;

/// How the values of a type are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Searched {
    /// By their text.
    Text,
    /// As `true` or `false`; what was never written is false.
    Flag,
    /// By their day.
    Day,
    /// By the label that a choice has now.
    Choice,
    /// By the name that a group has now.
    Group,
    /// By the name that a role has now.
    Role,
    /// By the name that the referred entry has now.
    Reference,
}

impl Searched {
    /// How values of the type are searched.
    pub(super) fn of(attr_type: AttrType) -> Self {
        match attr_type {
            AttrType::Boolean => Self::Flag,
            AttrType::Date | AttrType::Datetime => Self::Day,
            AttrType::Select | AttrType::MultiSelect => Self::Choice,
            AttrType::Group | AttrType::ArrayGroup => Self::Group,
            AttrType::Role | AttrType::ArrayRole => Self::Role,
            attr_type if attr_type.refers_to_entries() => Self::Reference,
            _ => Self::Text,
        }
    }

    /// The row of one value, or of one element of a list; absent for a blank value that is none.
    fn posting(self, attr_id: i64, content: &Content) -> Option<Posting> {
        let text = content.text.as_str();
        match self {
            Self::Text => (!text.is_empty()).then(|| Posting::Text(text.to_owned())),
            Self::Flag => Some(Posting::Term(i64::from(content.flag))),
            Self::Day => text.get(..10)?.parse::<Date>().ok().map(|day| Posting::Term(day_number(day))),
            Self::Choice => (!text.is_empty()).then(|| Posting::Term(text_id(attr_id, text))),
            Self::Group | Self::Role => text.parse().ok().map(Posting::Term),
            Self::Reference => content.reference.map(Posting::Reference),
        }
    }

    /// The row of a blank element.
    fn blank(self) -> Posting {
        if self == Self::Reference { Posting::Reference(0) } else { Posting::Term(0) }
    }
}

/// The rows of a value. A list has one for each element, a blank one too; a blank value that is no list has none.
#[must_use]
pub fn postings(attr_id: i64, attr_type: AttrType, content: &Content) -> Vec<Posting> {
    let searched = Searched::of(attr_type);
    if value_type(attr_type).is_some_and(|of| of.is_array()) {
        let element =
            |element: &Content| searched.posting(attr_id, element).unwrap_or_else(|| searched.blank());
        return content.elements.iter().map(element).collect();
    }
    searched.posting(attr_id, content).into_iter().collect()
}

/// Takes the values of some attributes of an entry out.
///
/// # Errors
/// The database does not do it.
pub fn leave(
    op: &mut OpCtx,
    entry_id: i64,
    attrs: impl Iterator<Item = (i64, AttrType)>,
) -> Result<(), OpError> {
    let (of_references, of_terms): (Vec<_>, Vec<_>) =
        attrs.partition(|(_, attr_type)| Searched::of(*attr_type) == Searched::Reference);
    let ids = |attrs: Vec<(i64, AttrType)>| attrs.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    Ok(search::remove_attrs(&mut op.db, entry_id, &ids(of_terms), &ids(of_references))?)
}

/// Enters the values of an entry; each attribute has none in the index.
///
/// # Errors
/// The database does not do it.
pub fn enter<'a>(
    op: &mut OpCtx,
    entry_id: i64,
    values: impl Iterator<Item = (i64, AttrType, &'a Content)>,
) -> Result<(), OpError> {
    let entered = values.map(|(attr_id, attr_type, content)| Entered {
        entry_id,
        attr_id,
        postings: postings(attr_id, attr_type, content),
    });
    let entered: Vec<Entered> = entered.filter(|entered| !entered.postings.is_empty()).collect();
    Ok(search::put(&mut op.db, &entered)?)
}
