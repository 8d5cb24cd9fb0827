//! Everything that a search finds, as a file. *Source: spec, search §6.*
//!
//! `request.rs` reads what is asked for; this file does it, as a job of several short operations: no transaction is open while
//! hundreds of thousands of entries are written, and a job that was called off stops between two of them. `csv.rs` and
//! `yaml.rs` are the two forms.

mod csv;
mod request;
mod yaml;

use self::csv::Table;
use self::yaml::Document;
use super::find::{Order, Question, Window, found, in_order};
use super::hooks::Kind;
use super::join;
use super::row::{Columns, rows};
use super::scope::Scope;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::job::{self, Running, Sealed, Status};
use crate::services::run::{Mode, Runner};
use crate::store::queries::entity as entities;
use request::{Export, Style};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Entries of a file at most. *Source: spec, search §6.*
const MOST: i64 = 500_000;

/// Entries that are written by one operation.
const STEP: usize = 500;

/// An export that was begun.
struct Begun {
    asked: Export,
    running: Running,
}

/// Entries of an entity that are to be written.
struct Part {
    scope: Scope,
    ids: Vec<i64>,
}

/// A file of one of the forms, being written.
enum Writer {
    Csv(Box<Table>),
    Yaml(Document),
}

/// Does an export from begin to end: the file is there when this returns, unless the job was called off. Gives the request
/// back as it was understood. Finding takes `limit` at most, and `place` as long.
///
/// # Errors
/// The request is malformed, the same is being done already, it takes too long to find, or a plugin refused. Once begun, the
/// job ends with an error then.
pub async fn export<P: Send + 'static>(
    runner: Runner,
    body: Value,
    place: P,
    limit: Duration,
) -> Result<Value, OpError> {
    let begun = Arc::new(runner.clone().run(Mode::Write, move |op| begin(op, &body)).await?);
    let outcome = write(&runner, &begun, place, limit).await;
    let ended = Arc::clone(&begun);
    let echo = begun.asked.echo.clone();
    match outcome {
        Ok(None) => Ok(echo),
        Ok(Some(file)) => {
            let name = format!("search_results.{}", begun.asked.style.word());
            runner.run(Mode::Write, move |op| job::keep(op, ended.running, &name, &file)).await?;
            Ok(echo)
        }
        Err(error) => {
            let why = error.to_string();
            runner.run(Mode::Write, move |op| job::finish(op, ended.running, Status::Error, &why)).await?;
            Err(error)
        }
    }
}

fn begin(op: &mut OpCtx, body: &Value) -> Result<Begun, OpError> {
    // Once by itself, so that plugins see only what is a search.
    let asked = Export::read(op, body)?;
    let changed = Kind::Export.transformed(op, body)?;
    let asked = match &changed {
        None => asked,
        Some(changed) => Export::read(op, changed)?,
    };
    let params = request::sorted(&asked.echo);
    job::refuse_while_alike(op, job::Operation::ExportSearchResult, &params)?;
    let running = job::begin(op, job::Operation::ExportSearchResult, None, &params)?;
    Ok(Begun { asked, running })
}

/// The file; nothing when the job was called off.
async fn write<P: Send + 'static>(
    runner: &Runner,
    begun: &Arc<Begun>,
    place: P,
    limit: Duration,
) -> Result<Option<Sealed>, OpError> {
    let finding = Arc::clone(begun);
    let parts = runner.clone().run(Mode::Read, move |op| {
        // Given back when everything is found: writing is no search.
        let _place = &place;
        op.db.limit_time(limit)?;
        find(op, &finding.asked)
    });
    let parts: Vec<Arc<Part>> = parts.await?.into_iter().map(Arc::new).collect();
    let mut writer = Writer::new(&begun.asked)?;
    for part in &parts {
        for from in (0..part.ids.len()).step_by(STEP) {
            let (begun, part) = (Arc::clone(begun), Arc::clone(part));
            let step = runner.clone().run(Mode::Read, move |op| {
                if job::was_canceled(op, begun.running)? {
                    return Ok(None);
                }
                let ids = part.ids.get(from..part.ids.len().min(from + STEP)).unwrap_or_default();
                let rows = shown(op, &begun.asked, &part.scope, ids)?;
                let names = match begun.asked.style {
                    Style::Csv => yaml::Entities::default(),
                    Style::Yaml => yaml::entities_of(op, &rows)?,
                };
                Ok(Some((rows, names)))
            });
            let Some((rows, names)) = step.await? else { return Ok(None) };
            for row in &rows {
                match &mut writer {
                    Writer::Csv(table) => table.add(row)?,
                    Writer::Yaml(document) => document.add(row, &names)?,
                }
            }
        }
    }
    writer.seal().map(Some)
}

/// The entries that are meant, by entity, as the acting user finds them.
fn find(op: &mut OpCtx, asked: &Export) -> Result<Vec<Part>, OpError> {
    let mut meant = entities::by_ids(&mut op.db, &asked.entities)?;
    meant.retain(|entity| entity.is_active);
    let place = |id: i64| asked.entities.iter().position(|other| *other == id);
    meant.sort_by_key(|entity| place(entity.id));
    let names = asked.selection.names();
    let (mut parts, mut left) = (Vec::new(), MOST);
    for scope in Scope::readable(op, meant)? {
        // Unlike other searches. *Source: spec, search §6.*
        let has_any = scope.definitions.iter().any(|definition| names.contains(&definition.name.as_str()));
        if !has_any && !names.is_empty() {
            continue;
        }
        let question = Question {
            entity: &scope.entity,
            definitions: &scope.definitions,
            selection: &asked.selection,
            order: Order::default(),
            window: Window { offset: 0, limit: left },
        };
        let ids = found(op, &question)?.ids;
        left -= i64::try_from(ids.len()).unwrap_or(left);
        parts.push(Part { scope, ids });
    }
    let count = parts.iter().map(|part| part.ids.len()).sum::<usize>();
    Kind::Export.note(op, &asked.echo, i64::try_from(count).unwrap_or(i64::MAX));
    Ok(parts)
}

/// Entries as a search shows them, after plugins had a look at them.
fn shown(op: &mut OpCtx, asked: &Export, scope: &Scope, ids: &[i64]) -> Result<Vec<Value>, OpError> {
    let entries = in_order(op, ids)?;
    let names = asked.selection.names();
    let columns = Columns::of(&scope.definitions, Some(&names));
    let shown = rows(op, &scope.entity, entries, &columns, asked.referrals)?;
    let shown = asked.joins.iter().try_fold(shown, |rows, join| join::apply(op, join, rows))?;
    Kind::Export.filtered(op, shown)?.into_values()
}

/// What a cell of a row shows, under the key that says what it is; nothing where it may not be read.
fn visible(cell: &Value) -> Option<(&str, &Value)> {
    let (key, value) = cell["value"].as_object()?.iter().next()?;
    (cell["is_readable"] == Value::Bool(true)).then_some((key, value))
}

impl Writer {
    fn new(asked: &Export) -> Result<Self, OpError> {
        Ok(match asked.style {
            Style::Csv => Self::Csv(Box::new(Table::new(asked)?)),
            Style::Yaml => Self::Yaml(Document::new(asked)),
        })
    }

    fn seal(self) -> Result<Sealed, OpError> {
        let file = match self {
            Self::Csv(table) => table.end()?,
            Self::Yaml(document) => document.end()?,
        };
        Sealed::of(file).map_err(unwritten)
    }
}

/// Writing into memory failed.
fn unwritten(error: impl Into<anyhow::Error>) -> OpError {
    OpError::Internal(error.into())
}
