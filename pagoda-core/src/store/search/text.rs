//! Texts as they are compared.

use super::sql::Sql;
use crate::store::Backend;
use sha2::{Digest, Sha256};

/// Texts are indexed up to so many bytes. *Source: spec, search §1.*
const MOST_INDEXED: usize = 32_766;

/// Characters that the trigram index needs.
const TRIGRAM: usize = 3;

/// A text without regard to case: letter by letter, so that no letter becomes two. *Source: spec, search §2.1.*
#[must_use]
pub fn fold(text: &str) -> String {
    text.chars()
        .map(|c| {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        })
        .collect()
}

/// As much of a text as is indexed.
#[must_use]
pub(super) fn indexed(text: &str) -> &str {
    let mut end = text.len().min(MOST_INDEXED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The id of a text of an attribute: 63 bits of a digest, never 0. That two texts of one attribute have the same is less
/// likely than 1 in 100,000 with ten million texts.
#[must_use]
pub fn text_id(attr_id: i64, text: &str) -> i64 {
    let mut digest = Sha256::new();
    digest.update(attr_id.to_le_bytes());
    digest.update(indexed(text).as_bytes());
    let digest = digest.finalize();
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    (i64::from_le_bytes(bytes) & i64::MAX).max(1)
}

/// What a text must be like: as a whole, ignoring case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTest {
    /// What it contains, folded.
    pub folded: String,
    /// It begins with that.
    pub at_start: bool,
    /// It ends with that.
    pub at_end: bool,
    /// Or it is exactly this.
    pub exact: String,
}

impl TextTest {
    /// Passes what contains a text, ignoring case.
    #[must_use]
    pub fn containing(text: &str) -> Self {
        Self { folded: fold(text), at_start: false, at_end: false, exact: text.to_owned() }
    }

    /// Whether a text passes.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let folded = fold(text);
        let alike = match (self.at_start, self.at_end) {
            (true, true) => folded == self.folded,
            (true, false) => folded.starts_with(&self.folded),
            (false, true) => folded.ends_with(&self.folded),
            (false, false) => folded.contains(&self.folded),
        };
        alike || text == self.exact
    }

    /// Whether every text passes.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.folded.is_empty() && !(self.at_start && self.at_end)
    }

    /// Without anchors, what is exactly the same contains it anyway.
    fn is_exact_apart(&self) -> bool {
        self.at_start || self.at_end
    }

    /// Whether the trigram index finds what passes.
    pub(super) fn has_trigrams(&self) -> bool {
        self.folded.chars().count() >= TRIGRAM
    }

    /// The condition on a folded column and one with the text itself.
    pub(super) fn write(&self, sql: &mut Sql, folded: &str, text: &str) {
        sql.push("(");
        match (sql.backend(), self.at_start, self.at_end) {
            (_, true, true) => {
                sql.push(folded).push(" = ").bind(&self.folded);
            }
            (Backend::Sqlite, false, false) => {
                sql.push("instr(").push(folded).push(", ").bind(&self.folded).push(") > 0");
            }
            (Backend::Sqlite, true, false) => {
                let length = self.folded.chars().count();
                sql.push("substr(").push(folded).push(", 1, ").int(length).push(") = ").bind(&self.folded);
            }
            (Backend::Sqlite, false, true) if self.folded.is_empty() => {
                sql.push("1 = 1");
            }
            (Backend::Sqlite, false, true) => {
                let length = self.folded.chars().count();
                sql.push("substr(").push(folded).push(", -").int(length).push(") = ").bind(&self.folded);
            }
            (Backend::Postgres, at_start, at_end) => {
                let (before, after) = (if at_start { "" } else { "%" }, if at_end { "" } else { "%" });
                let pattern = format!("{before}{}{after}", escaped(&self.folded));
                sql.push(folded).push(" LIKE ").bind(&pattern);
            }
        }
        if self.is_exact_apart() {
            sql.push(" OR ");
            // Only of the folded column does PostgreSQL have an index.
            if sql.backend() == Backend::Postgres {
                sql.push(folded).push(" = ").bind(&fold(&self.exact)).push(" AND ");
            }
            sql.push(text).push(" = ").bind(&self.exact);
        }
        sql.push(")");
    }

    /// The query of an FTS5 trigram table that finds at least what passes, where trigrams find it.
    pub(super) fn fts(&self) -> Option<String> {
        self.has_trigrams().then(|| format!("\"{}\"", self.folded.replace('"', "\"\"")))
    }

    /// The same where it finds nothing but what passes: all trigrams of a text, one behind the other, are it.
    pub(super) fn fts_alone(&self, backend: Backend) -> Option<String> {
        self.fts().filter(|_| backend == Backend::Sqlite && !self.is_exact_apart())
    }
}

/// For LIKE, with the backslash as PostgreSQL's own escape character.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
