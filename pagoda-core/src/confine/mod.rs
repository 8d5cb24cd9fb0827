//! Gives up, at the start, what the server will not need: files, ports, signals. Linux only, with landlock.
//!
//! Plugins are code in this process, so what the process cannot do, no plugin can. `needs.rs` says what the
//! configuration and the plugins need, `system.rs` what every process does, `rules.rs` is the sum of it,
//! `kernel.rs` puts it in force. It cannot be taken back, and it holds for threads and processes that are
//! started afterwards; so it is done before there are any.

mod kernel;
pub mod needs;
pub mod rules;
mod system;

use crate::config::{Config, Confine, HANDED_OVER};
use needs::Outbound;
use pagoda_plugin_sdk::PluginDecl;
use rules::Rules;

/// How often rules can be put on top of each other: the kernel allows 16, and whoever started the server may
/// have used some.
const MOST_LAYERS: u32 = 8;

/// What the kernel made of the rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The version of its landlock; 0 where it has none.
    pub abi: u32,
    /// What it could not restrict, as parts of a sentence.
    pub missing: Vec<String>,
}

/// The restriction that is in force, as a process that replaces this one has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    handed_over: Option<Layers>,
}

impl Standing {
    /// The variable that a process which replaces this one must be started with. Without it that process
    /// would put the same rules on top of those that it inherits, and after some replacements the kernel
    /// takes no more.
    #[must_use]
    pub fn environment(&self) -> Option<(&'static str, String)> {
        let name = HANDED_OVER.first()?;
        self.handed_over.as_ref().map(|layers| (*name, format!("{}:{}", layers.count, layers.digest)))
    }
}

/// How many layers of rules are in force, and the digest of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layers {
    count: u32,
    digest: String,
}

impl Layers {
    fn parse(text: &str) -> Option<Self> {
        let (count, digest) = text.split_once(':')?;
        Some(Self { count: count.parse().ok()?, digest: digest.to_owned() })
    }
}

/// Restricts this process to what `config`, these plugins and these destinations need. `handed_over` is the
/// value of the variable of [`Standing::environment`], if there is one.
///
/// # Errors
/// The rules cannot be made, or they are required and the system cannot keep them.
pub fn confine(
    config: &Config,
    plugins: &[&PluginDecl],
    outbound: &[Outbound],
    handed_over: Option<&str>,
) -> anyhow::Result<Standing> {
    if config.confine == Confine::Off {
        tracing::info!("not confined: `confine` is off");
        return Ok(Standing { handed_over: None });
    }
    let rules = needs::rules(config, plugins, outbound)?;
    // Only whoever starts the server can set the variable, and they could switch all this off as well. But
    // one that was left behind by mistake must not, so it is believed only where a restriction is felt.
    let inherited = handed_over.and_then(Layers::parse).filter(|_| system::is_restricted());
    let digest = rules.digest();
    if let Some(layers) = &inherited
        && layers.digest == digest
    {
        tracing::info!(layers = layers.count, "confined already, by the process that this one replaces");
        return Ok(Standing { handed_over: inherited });
    }
    let count = inherited.as_ref().map_or(0, |layers| layers.count);
    let outcome = if count < MOST_LAYERS {
        kernel::restrict(&rules)
    } else {
        Outcome { abi: 0, missing: vec!["the rules of this start, after too many replacements".to_owned()] }
    };
    judge(config.confine, &outcome)?;
    report(&rules, &outcome);
    if outcome.abi == 0 {
        return Ok(Standing { handed_over: inherited });
    }
    Ok(Standing { handed_over: Some(Layers { count: count + 1, digest }) })
}

/// Whether the server may start with this.
fn judge(wanted: Confine, outcome: &Outcome) -> anyhow::Result<()> {
    anyhow::ensure!(
        wanted != Confine::Require || outcome.missing.is_empty(),
        "`confine` is `require`, and this system does not restrict {}; set it to `auto` to start without",
        outcome.missing.join(", ")
    );
    Ok(())
}

fn report(rules: &Rules, outcome: &Outcome) {
    if outcome.abi > 0 {
        tracing::info!(
            abi = outcome.abi,
            read = %rules.readable().join(" "),
            change = %rules.changeable().join(" "),
            bind = %rules.bind,
            connect = %rules.connect,
            "confined"
        );
    }
    if !outcome.missing.is_empty() {
        tracing::warn!(
            abi = outcome.abi,
            "plugins are not fully confined: this system does not restrict {}",
            outcome.missing.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Confine, Layers, Outcome, Standing, judge};

    #[test]
    fn what_is_required_and_missing_is_refused_in_a_sentence() {
        let none = Outcome { abi: 0, missing: vec!["files".to_owned(), "TCP ports".to_owned()] };
        let refused = judge(Confine::Require, &none).unwrap_err().to_string();
        assert_eq!(
            refused,
            "`confine` is `require`, and this system does not restrict files, TCP ports; set it to `auto` to start without"
        );
        judge(Confine::Auto, &none).unwrap();
        judge(Confine::Require, &Outcome { abi: 6, missing: Vec::new() }).unwrap();
    }

    #[test]
    fn what_is_handed_over_reads_back() {
        let layers = Layers { count: 2, digest: "ab12".to_owned() };
        let (name, value) = Standing { handed_over: Some(layers.clone()) }.environment().unwrap();
        assert_eq!((name, Layers::parse(&value)), ("PAGODA_CONFINED", Some(layers)));
        assert_eq!(Standing { handed_over: None }.environment(), None);
        for bad in ["", "ab12", "x:ab12", "-1:ab12"] {
            assert_eq!(Layers::parse(bad), None, "{bad}");
        }
    }
}
