//! The command line. *Source: design §9.*

mod audit;
pub mod check;
mod lists;

use crate::config::{Config, Flags, HANDED_OVER};
use crate::confine;
use crate::observe::{init_logs, traces};
use crate::plugins::contributions::Contributions;
use crate::plugins::registry::Registry;
use crate::replace;
use crate::server;
use crate::services::error::OpError;
use crate::services::host::Host;
use crate::services::run::{Mode, Runner};
use crate::services::{search, user};
use crate::store::queries;
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A server for structured asset data, with its plugins compiled in.
#[derive(Debug, Parser)]
#[command(name = "pagoda", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Clone, Default, Args)]
struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT", global = true)]
    bind: Option<String>,
    /// sqlite://PATH or postgres://… [default: sqlite://pagoda-data/pagoda.db]
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,
    /// Configuration file, in TOML
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Refuse to start when anything is wrong with a plugin, instead of leaving it out; for `plugins check`,
    /// fail when anything is found
    #[arg(long, global = true)]
    strict: bool,
    /// Threads that serve requests [default: one per processor]
    #[arg(long, value_name = "N", global = true)]
    workers: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve requests (what happens without a command)
    Serve,
    /// Bring the database up to date and say what was done
    Migrate,
    /// Manage users
    #[command(subcommand)]
    User(UserCommand),
    /// Manage API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check or export the audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Look at the plugins of this binary
    #[command(subcommand)]
    Plugins(PluginsCommand),
    /// Look at the hook points
    #[command(subcommand)]
    Hooks(HooksCommand),
    /// Look after the search index
    #[command(subcommand)]
    Search(SearchCommand),
    /// Print the OpenAPI document of this binary
    Openapi,
}

#[derive(Debug, Subcommand)]
enum SearchCommand {
    /// Make the search index anew; meanwhile searches find only what is in it again
    Rebuild,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Create a user
    Create {
        /// Its name
        name: String,
        /// It passes every permission check
        #[arg(long)]
        superuser: bool,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a user a new API token and print it, and nothing else
    Issue {
        /// The user
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum PluginsCommand {
    /// List the plugins of this binary
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Check the plugins of this binary with the present configuration, and look into their sources for what
    /// goes past the SDK; with --strict, something found is a failure
    Check {
        /// Where the sources of the plugins are, for cargo to find
        #[arg(long, value_name = "DIR", default_value = ".")]
        sources: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum HooksCommand {
    /// List all hook points, with their handlers in execution order
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command line over everything that is linked into the binary.
///
/// `expected` are the plugins that the application names, one per switched-on feature; a plugin that is
/// expected but not linked would be a mistake of the application and stops the program.
#[must_use]
pub fn main(expected: &[&'static PluginDecl]) -> ExitCode {
    match run(Cli::parse(), expected) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nowhere else to say it.
            let _ = writeln!(std::io::stderr(), "pagoda: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, expected: &[&'static PluginDecl]) -> anyhow::Result<()> {
    let flags = Flags {
        config: cli.serve.config,
        bind: cli.serve.bind,
        database_url: cli.serve.database_url,
        workers: cli.serve.workers,
        strict: cli.serve.strict,
    };
    // A variable that is no text cannot be one of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::load(&flags, environment).map_err(|problems| {
        anyhow::anyhow!("the configuration is wrong:\n  - {}", problems.join("\n  - "))
    })?;
    let contributions = linked(expected)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config, contributions),
        Command::Migrate => migrate(&config),
        Command::User(UserCommand::Create { name, superuser, password_stdin }) => {
            create_user(&config, contributions, &name, superuser, password_stdin)
        }
        Command::Token(TokenCommand::Issue { name }) => issue_token(&config, contributions, &name),
        Command::Audit(command) => audit::run(&config, command),
        Command::Plugins(PluginsCommand::List { json }) => {
            print(&lists::plugins(&registry(&config, contributions)?, json)?)
        }
        Command::Plugins(PluginsCommand::Check { sources, json }) => {
            check_plugins(&Registry::freeze(contributions, &config.plugins)?, &sources, json, flags.strict)
        }
        Command::Hooks(HooksCommand::List { json }) => {
            print(&lists::hooks(&registry(&config, contributions)?, json)?)
        }
        Command::Search(SearchCommand::Rebuild) => rebuild_search(&config),
        Command::Openapi => {
            let document = crate::http::openapi::document(&registry(&config, contributions)?);
            print(&serde_json::to_string_pretty(&document)?)
        }
    }
}

/// What is linked must be what the application names: the linker drops crates that nothing mentions.
fn linked(expected: &[&'static PluginDecl]) -> anyhow::Result<Contributions> {
    let contributions = Contributions::linked();
    for plugin in expected {
        anyhow::ensure!(
            contributions.plugins.iter().any(|linked| std::ptr::eq(*linked, *plugin)),
            "plugin {} is switched on but its registrations are not in this binary; the linker dropped them",
            plugin.id
        );
    }
    Ok(contributions)
}

/// What runs of the plugins; with `--strict` all of it must.
fn registry(config: &Config, contributions: Contributions) -> anyhow::Result<Registry> {
    Ok(if config.strict {
        Registry::freeze(contributions, &config.plugins)?
    } else {
        Registry::freeze_what_runs(contributions, &config.plugins)?
    })
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").context("cannot write to standard output")
}

/// How long the last spans may take to leave.
const TRACES_END: Duration = Duration::from_secs(3);

fn serve(config: Config, contributions: Contributions) -> anyhow::Result<()> {
    init_logs(&config);
    for name in &config.unknown_variables {
        tracing::warn!("the environment variable {name} is no setting of this server");
    }
    // Before there is any other thread: those that exist already would keep all their rights.
    let running = contributions.plugins.iter().copied().filter(|plugin| config.plugins.runs(plugin));
    let handed_over = HANDED_OVER.first().and_then(|name| std::env::var(name).ok());
    let standing = confine::confine(&config, &running.collect::<Vec<_>>(), &[], handed_over.as_deref())?;
    let origin = replace::Origin { environment: standing.environment().into_iter().collect() };
    traces::start(&config)?;
    let prepared = server::prepare(config, contributions)?;
    if let Some(password) = &prepared.new_admin_password {
        print(&format!(
            "Created the administrator `admin` with the password {password}\nIt is shown this once; keep it."
        ))?;
    }
    let outcome = actix_web::rt::System::new().block_on(async move {
        let told = server::Told::listen().context("cannot listen to signals")?;
        let running = prepared.serve()?;
        if std::io::stdout().is_terminal() {
            print(&format!("Pagoda serves at http://{}/", running.address))?;
        }
        running.until_told(told, &origin).await
    });
    // Who is told to end at once does not wait for others.
    if outcome.is_ok() {
        traces::end(TRACES_END);
    }
    outcome
}

fn check_plugins(registry: &Registry, sources: &Path, json: bool, strict: bool) -> anyhow::Result<()> {
    let plugins: Vec<_> = registry.plugins().iter().map(|plugin| plugin.decl).collect();
    let looked = check::look(&plugins, sources);
    if json {
        print(&serde_json::to_string(&looked)?)?;
    } else {
        let text = format!("{}\n{}", lists::check(registry), check::text(&looked)?);
        print(text.trim_end())?;
    }
    let remarkable = check::remarkable(&looked);
    let plural = if remarkable == 1 { "" } else { "s" };
    anyhow::ensure!(
        !strict || remarkable == 0,
        "there is something to say about {remarkable} plugin{plural}"
    );
    Ok(())
}

fn migrate(config: &Config) -> anyhow::Result<()> {
    let mut options = config.store_options();
    options.exclusive = false;
    let store = crate::store::Store::open(options)
        .with_context(|| format!("cannot open the database {}", config.database_url))?;
    let applied = store.migrate().with_context(|| format!("cannot migrate {}", config.database_url))?;
    let indexed = search::rebuild::prepare(&store).context("cannot make the search index")?.entered;
    if applied.is_empty() && indexed.is_none() {
        return print("The database is up to date.");
    }
    for migration in applied {
        print(&format!("{} {:04} {}", migration.owner, migration.version, migration.name))?;
    }
    say_indexed(indexed)
}

fn say_indexed(indexed: Option<u64>) -> anyhow::Result<()> {
    indexed
        .filter(|entries| *entries > 0)
        .map_or(Ok(()), |entries| print(&format!("{entries} entries indexed for searches")))
}

/// On SQLite no server may run: it would not see that its index goes.
fn rebuild_search(config: &Config) -> anyhow::Result<()> {
    let store = server::open_store(config, true)?;
    search::rebuild::forget(&store).context("cannot empty the search index")?;
    let prepared = search::rebuild::prepare(&store).context("cannot make the search index")?;
    print(&format!("{} entries indexed for searches", prepared.entered.unwrap_or_default()))
}

/// Operations of the command line fire hooks like any other.
fn runner(config: &Config, contributions: Contributions) -> anyhow::Result<Runner> {
    let registry = registry(config, contributions)?;
    let (shares, audit) = (server::share_settings(config), server::audit_settings(config)?);
    let store = server::open_store(config, false)?;
    let (limits, webhooks) = (server::model_limits(config), server::webhook_rules(config));
    let host = Host::new(store, registry, config.time_zone.clone(), shares, audit, limits, webhooks);
    let request = RequestInfo::new(None, "cli".into(), Origin::Cli, config.time_zone.clone());
    Ok(Runner::new(host, Arc::new(request)))
}

/// Brings the audit log up to date, where no server may run that would. What was done is done all the same.
fn settle(runner: &Runner) {
    if let Err(error) = runner.host.auditor.settle() {
        // Standard error may be closed; there is nowhere else to say it.
        let _ = writeln!(std::io::stderr(), "pagoda: the audit log will be completed later: {error}");
    }
}

fn create_user(
    config: &Config,
    contributions: Contributions,
    name: &str,
    superuser: bool,
    password_stdin: bool,
) -> anyhow::Result<()> {
    let password = read_password(password_stdin)?;
    let runner = runner(config, contributions)?;
    let created = runner.run_blocking(Mode::Write, |op| user::create(op, name, &password, superuser));
    settle(&runner);
    let user = created.map_err(|error| match error {
        OpError::Invalid(complaints) => anyhow::anyhow!("cannot create the user: {complaints}"),
        error => anyhow::Error::new(error).context("cannot create the user"),
    })?;
    print(&format!("Created user {} ({})", user.username, user.id))
}

/// Without echo there is no portable way in the standard library, so a terminal is told to expect it.
fn read_password(from_stdin: bool) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if !from_stdin {
        anyhow::ensure!(
            stdin.is_terminal(),
            "there is no terminal to ask for the password; send it on standard input with --password-stdin"
        );
        write!(std::io::stderr(), "Password (it is shown while you type): ")?;
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\n', '\r']).to_owned();
    anyhow::ensure!(!password.is_empty(), "the password is empty");
    Ok(password)
}

fn issue_token(config: &Config, contributions: Contributions, name: &str) -> anyhow::Result<()> {
    let runner = runner(config, contributions)?;
    let key = runner.run_blocking(Mode::Write, |op| {
        let found = queries::user::active_by_username(&mut op.db, name)?;
        let id = found.ok_or_else(|| OpError::not_found("user", name))?.id;
        user::issue_token(op, id)
    })?;
    settle(&runner);
    print(&key)
}
