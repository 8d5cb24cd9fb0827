//! A statement that is put together piece by piece.

use crate::store::conn::on_db;
use crate::store::{Backend, Db, StoreError};
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use std::fmt::{Display, Write as _};

/// Numbers that are written into a statement.
const MOST_WRITTEN: usize = 200;

/// SQL with the texts that it compares with. Numbers are written into it: they are ours.
pub(super) struct Sql {
    backend: Backend,
    text: String,
    binds: Vec<String>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The statement with its texts, for one dialect.
macro_rules! bound {
    ($sql:expr, $dialect:ty) => {{
        let query = sql_query($sql.text.as_str()).into_boxed::<$dialect>();
        $sql.binds.iter().fold(query, |query, text| query.bind::<Text, _>(text))
    }};
}

/// Numbers with commas between them.
fn listed(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

impl Sql {
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend, text: String::new(), binds: Vec::new() }
    }

    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    pub(super) fn int(&mut self, number: impl Display) -> &mut Self {
        // Writing to a string does not fail.
        let _ = write!(self.text, "{number}");
        self
    }

    /// `(1, 2, 3)`; of none a list that nothing is in. SQLite makes a few instructions of each number in a statement, so it
    /// gets long lists as a text.
    pub(super) fn ints(&mut self, numbers: &[i64]) -> &mut Self {
        let list = listed(numbers);
        if self.backend == Backend::Sqlite && numbers.len() > MOST_WRITTEN {
            return self.push("(SELECT value FROM json_each(").bind(&format!("[{list}]")).push("))");
        }
        self.push("(").push(if numbers.is_empty() { "NULL" } else { &list }).push(")")
    }

    /// The entry is one of these, which may be many: PostgreSQL reads a text sooner than thousands of numbers.
    pub(super) fn entry_among(&mut self, ids: &[i64]) -> &mut Self {
        if self.backend == Backend::Sqlite || ids.len() <= MOST_WRITTEN {
            return self.push("e.id IN ").ints(ids);
        }
        self.push("e.id = ANY (string_to_array(").bind(&listed(ids)).push(", ',')::bigint[])")
    }

    pub(super) fn bind(&mut self, text: &str) -> &mut Self {
        self.binds.push(text.to_owned());
        let place = self.binds.len();
        match self.backend {
            Backend::Sqlite => self.push("?").int(place),
            Backend::Postgres => self.push("$").int(place),
        }
    }

    /// Behind a text: it is compared by code point, as SQLite does by itself.
    pub(super) fn by_code_point(&mut self) -> &mut Self {
        match self.backend {
            Backend::Sqlite => self,
            Backend::Postgres => self.push(" COLLATE \"C\""),
        }
    }

    /// Before a column: SQLite looks for it by no index. PostgreSQL knows how much is there.
    pub(super) fn by_no_index(&mut self) -> &mut Self {
        match self.backend {
            Backend::Sqlite => self.push("+"),
            Backend::Postgres => self,
        }
    }

    /// Behind a table: SQLite looks into it by the entry, whatever else is asked.
    pub(super) fn by_entry(&mut self, table: &str) -> &mut Self {
        match self.backend {
            Backend::Sqlite => self.push(" INDEXED BY ").push(table).push("_entry"),
            Backend::Postgres => self,
        }
    }

    /// A join that SQLite makes in the order in which it is written. PostgreSQL knows which side is the smaller one.
    pub(super) fn join(&mut self) -> &mut Self {
        match self.backend {
            Backend::Sqlite => self.push(" CROSS JOIN "),
            Backend::Postgres => self.push(" JOIN "),
        }
    }

    /// Selects the ids that a trigram table of SQLite finds for a query, ascending.
    pub(super) fn select_fts(&mut self, table: &str, query: &str) -> &mut Self {
        self.push("SELECT rowid AS id FROM ")
            .push(table)
            .push(" WHERE ")
            .push(table)
            .push(" MATCH ")
            .bind(query)
    }

    /// A table with its alias; of SQLite, where there is a query, only what a trigram table finds for it, whose ids are in `key`.
    /// It is found row by row: who reads only some rows does not wait for all.
    pub(super) fn by_fts(&mut self, fts: &str, query: Option<&str>, table: &str, key: &str) -> &mut Self {
        let Some(query) = query.filter(|_| self.backend == Backend::Sqlite) else { return self.push(table) };
        self.push(fts).push(" f CROSS JOIN ").push(table).push(" ON f.").push(fts).push(" MATCH ");
        self.bind(query).push(" AND ").push(key).push(" = f.rowid")
    }

    /// Whether a row is there: `rest` is the statement from its FROM on. PostgreSQL would make a join of an EXISTS and read all
    /// of the other table for a page of a few entries, so it gets a subquery that it can only ask for each row.
    pub(super) fn probe(&mut self, rest: impl FnOnce(&mut Self)) -> &mut Self {
        match self.backend {
            Backend::Sqlite => {
                self.push("EXISTS (SELECT 1 ");
                rest(self);
                self.push(")")
            }
            Backend::Postgres => {
                self.push("COALESCE((SELECT true ");
                rest(self);
                self.push(" LIMIT 1), false)")
            }
        }
    }

    /// `FROM` the rows `p` that the entry `e` has of an attribute: by the entry, whatever else is asked of them.
    pub(super) fn rows_of_entry(&mut self, table: &str, attr_id: i64) -> &mut Self {
        self.push("FROM ").push(table).push(" p").by_entry(table);
        self.push(" WHERE p.entry_id = e.id AND p.attr_id = ").int(attr_id)
    }

    /// And the time of the search is not over, asked for each row: PostgreSQL looks at its clock itself.
    pub(super) fn in_time(&mut self, row: &str) -> &mut Self {
        match self.backend {
            Backend::Sqlite => self.push(" AND pagoda_in_time(").push(row).push(")"),
            Backend::Postgres => self,
        }
    }

    /// Puts pieces together with a word between them.
    pub(super) fn joined<T>(
        &mut self,
        pieces: impl IntoIterator<Item = T>,
        word: &str,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (at, piece) in pieces.into_iter().enumerate() {
            if at > 0 {
                self.push(word);
            }
            write(self, piece);
        }
        self
    }

    /// The rows, by the names of their columns.
    pub(super) fn rows<R>(&self, db: &mut Db) -> Result<Vec<R>, StoreError>
    where
        R: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        db.check_time()?;
        on_db!(db, |c| bound!(self, Dialect).load(c))
    }

    /// The numbers in the column `n`.
    pub(super) fn numbers(&self, db: &mut Db) -> Result<Vec<i64>, StoreError> {
        Ok(self.rows::<Number>(db)?.into_iter().map(|row| row.n).collect())
    }

    /// Runs a statement that answers nothing.
    pub(super) fn run(&self, db: &mut Db) -> Result<(), StoreError> {
        on_db!(db, |c| bound!(self, Dialect).execute(c)).map(drop)
    }

    /// The one number in the column `n`.
    pub(super) fn number(&self, db: &mut Db) -> Result<i64, StoreError> {
        Ok(self.numbers(db)?.first().copied().unwrap_or_default())
    }
}
