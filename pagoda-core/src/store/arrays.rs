//! Rows of one table in one statement on PostgreSQL, however many they are.

/// Inserts the `$of` rows, each as `$row`, with an array per column: column, SQL type and expression of each. A
/// `Result<(), StoreError>`; without rows no statement.
///
/// A statement with a list of rows has parameters for each of them, 65,535 at most, and PostgreSQL parses and plans all of them;
/// this one has as many as there are columns. Only PostgreSQL has such arrays, so the other backend's arm is never compiled for
/// it. `or $conflict` is what follows the rows, as `"ON CONFLICT DO NOTHING"`.
macro_rules! insert_arrays {
    ($db:expr, $table:literal $(or $conflict:literal)?, $of:expr, |$row:pat_param| $($column:ident: $sql:literal $ty:ty = $value:expr),+ $(,)?) => {{
        if $of.is_empty() {
            Ok(())
        } else {
            let columns: &[(&str, &str)] = &[$((stringify!($column), $sql)),+];
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            // In the list of columns, where they are read side by side; as a table they would all be copied first.
            let arrays: Vec<String> =
                columns.iter().zip(1..).map(|((_, sql), at)| format!("unnest(${at}::{sql}[])")).collect();
            let conflict = concat!("" $(, " ", $conflict)?);
            let (names, arrays) = (names.join(", "), arrays.join(", "));
            let sql = format!("INSERT INTO {} ({names}) SELECT {arrays}{conflict}", $table);
            $db.on_pg(|c| {
                diesel::sql_query(sql)
                    $(.bind::<diesel::sql_types::Array<$ty>, _>($of.iter().map(|$row| $value).collect::<Vec<_>>()))+
                    .execute(c)
            })
            .map(drop)
        }
    }};
}
pub(super) use insert_arrays;
