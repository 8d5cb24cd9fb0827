//! `audit verify` and `audit export`. Neither writes anything to the database.

use crate::config::Config;
use crate::server::audit_settings;
use crate::services::audit::{AuditItem, Report, parse_time, verify};
use crate::store::queries::audit::{self, AuditFilter};
use crate::store::{DatabaseUrl, Db, Store};
use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use std::io::{BufWriter, Write};

/// Rows in memory at a time.
const PAGE: i64 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Walk the whole audit log and say whether anything was changed, removed or moved; fails if so
    Verify {
        /// A head that an earlier run printed: its row must still be what it was
        #[arg(long, value_name = "SEQ:HASH", value_parser = noted)]
        noted: Option<(i64, String)>,
    },
    /// Write the audit log to standard output, oldest row first
    Export {
        /// Not before this time, such as 2026-01-31T12:00:00Z, or this day in UTC
        #[arg(long, value_name = "TIME", value_parser = time)]
        since: Option<i64>,
        /// Before this time
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<i64>,
        /// A JSON object per line, or a table
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    Jsonl,
    Csv,
}

fn time(text: &str) -> Result<i64, String> {
    parse_time(text).map(|time| time.as_micros())
}

fn noted(text: &str) -> Result<(i64, String), String> {
    let parts = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.to_owned())));
    parts
        .filter(|(_, hash)| hash.contains(':'))
        .ok_or_else(|| "expected a head as `audit verify` prints it, such as 17:sha256:3fd0…".to_owned())
}

pub(super) fn run(config: &Config, command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Verify { noted } => verify_all(config, noted.as_ref()),
        AuditCommand::Export { since, until, format } => {
            let filter = AuditFilter { since, until, ..AuditFilter::default() };
            export(config, &filter, format)
        }
    }
}

/// Reads one state of a database that is there, beside a server if one runs.
fn reader(config: &Config) -> anyhow::Result<Db> {
    if let DatabaseUrl::Sqlite(path) = &config.database_url {
        anyhow::ensure!(path.is_file(), "there is no database {}", config.database_url);
    }
    let mut options = config.store_options();
    options.exclusive = false;
    let store =
        Store::open(options).with_context(|| format!("cannot open the database {}", config.database_url))?;
    let mut db = store.reader()?;
    db.begin()?;
    Ok(db)
}

fn verify_all(config: &Config, noted: Option<&(i64, String)>) -> anyhow::Result<()> {
    let keys = audit_settings(config)?.keys;
    let report = verify(&mut reader(config)?, &keys, noted).context(
        "the audit log cannot be read; was the database made by an older version? See `pagoda migrate`",
    )?;
    super::print(&summary(&report))?;
    if report.problems.is_empty() {
        return Ok(());
    }
    let mut problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    if report.more_problems > 0 {
        problems.push(format!("and {} more", report.more_problems));
    }
    anyhow::bail!("the audit log does not hold:\n  - {}", problems.join("\n  - "))
}

fn summary(report: &Report) -> String {
    let mut lines = Vec::new();
    match report.range {
        Some((first, last)) => lines.push(format!("rows: {} ({first} to {last})", report.rows)),
        None => lines.push("rows: 0".to_owned()),
    }
    lines.push(format!("signed with a configured key: {}", report.signed));
    if report.trimmed > 0 {
        lines.push(format!("removed as too old: up to row {}", report.trimmed));
    }
    lines.push(format!("head: {}", report.head));
    lines.push(format!("waiting to be sealed: {}", report.waiting));
    if report.noted_is_gone {
        lines.push("the noted row was removed as too old".to_owned());
    }
    lines.push(if report.problems.is_empty() { "intact" } else { "NOT INTACT" }.to_owned());
    lines.join("\n")
}

fn export(config: &Config, filter: &AuditFilter, format: Format) -> anyhow::Result<()> {
    let db = &mut reader(config)?;
    let waiting = audit::count_waiting(db)
        .context("there is no audit log; was the database made by an older version? See `pagoda migrate`")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    write_rows(db, filter, format, &mut out)?;
    out.flush().context("cannot write to standard output")?;
    if waiting > 0 {
        // What is not sealed has no place and no hash yet. Standard error may be closed.
        let _ = writeln!(
            std::io::stderr(),
            "pagoda: {waiting} records wait to be sealed and are not in this export; a running server does that \
             within a second"
        );
    }
    Ok(())
}

fn write_rows(db: &mut Db, filter: &AuditFilter, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    let said = "cannot write to standard output";
    if matches!(format, Format::Csv) {
        out.write_all(HEADER.as_bytes()).context(said)?;
    }
    let mut after = 0;
    loop {
        let page = audit::after(db, filter, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for row in page {
            let item = AuditItem::from(row);
            let line = match format {
                Format::Jsonl => serde_json::to_string(&item)? + "\n",
                Format::Csv => csv_line(&item),
            };
            out.write_all(line.as_bytes()).context(said)?;
        }
    }
}

const HEADER: &str = "seq,at,actor_id,actor,action,object_kind,object_id,object_name,plugin,trace_id,origin,detail,\
                      prev_hash,hash\r\n";

/// A line of RFC 4180: every text in quotes, what is absent as nothing at all.
fn csv_line(item: &AuditItem) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let maybe = |text: &Option<String>| text.as_deref().map(quoted).unwrap_or_default();
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let fields = [
        item.seq.to_string(),
        quoted(&item.at),
        number(item.actor_id),
        maybe(&item.actor),
        quoted(&item.action),
        maybe(&item.object_kind),
        number(item.object_id),
        maybe(&item.object_name),
        maybe(&item.plugin),
        quoted(&item.trace_id),
        quoted(&item.origin),
        quoted(item.detail.get()),
        quoted(&item.prev_hash),
        quoted(&item.hash),
    ];
    fields.join(",") + "\r\n"
}
