//! Puts rules in force. Elsewhere than on Linux there is nothing that could.

use super::Outcome;
use super::rules::Rules;

/// What each version of landlock restricts first, as parts of a sentence. *Source: kernel documentation,
/// userspace-api/landlock.*
const ABILITIES: [(u32, &str); 5] = [
    (1, "files"),
    (3, "truncating files"),
    (4, "TCP ports"),
    (5, "device commands"),
    (6, "signals and abstract sockets"),
];

/// What this version of landlock does not restrict.
fn missing(abi: u32) -> Vec<String> {
    ABILITIES.iter().filter(|(since, _)| *since > abi).map(|(_, what)| (*what).to_owned()).collect()
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Outcome, Rules, missing};
    use crate::confine::rules::{Access, Ports};
    use crate::confine::system;
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
        RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    };
    use std::path::Path;

    /// The newest version that the tests ran under. What later ones can restrict is left alone.
    const TESTED: ABI = ABI::V6;

    pub(in crate::confine) fn restrict(rules: &Rules) -> Outcome {
        let several = system::threads().is_some_and(|threads| threads > 1);
        let mut outcome = match put_in_force(rules) {
            Ok(status) => outcome(&status),
            Err(error) => {
                // A filter of system calls, or whoever started us used up all layers.
                return Outcome { abi: 0, missing: vec![format!("anything ({error:#})")] };
            }
        };
        if several && outcome.abi > 0 {
            outcome.missing.push("threads that were there before".to_owned());
        }
        outcome
    }

    fn outcome(status: &RestrictionStatus) -> Outcome {
        let abi = match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
        };
        let mut missing = missing(abi);
        if missing.is_empty() && status.ruleset != RulesetStatus::FullyEnforced {
            missing.push("a part of the rules".to_owned());
        }
        Outcome { abi, missing }
    }

    fn put_in_force(rules: &Rules) -> anyhow::Result<RestrictionStatus> {
        let mut ruleset =
            Ruleset::default().handle_access(AccessFs::from_all(TESTED))?.scope(Scope::from_all(TESTED))?;
        let mut ports = Vec::new();
        for (allowed, access) in [(&rules.bind, AccessNet::BindTcp), (&rules.connect, AccessNet::ConnectTcp)]
        {
            if let Ports::Only(allowed) = allowed {
                ruleset = ruleset.handle_access(access)?;
                ports.extend(allowed.iter().map(|port| NetPort::new(*port, access)));
            }
        }
        let mut created = ruleset.create()?;
        for (path, access) in &rules.paths {
            created = created.add_rule(PathBeneath::new(PathFd::new(path)?, rights(path, *access)))?;
        }
        for port in ports {
            created = created.add_rule(port)?;
        }
        Ok(created.restrict_self()?)
    }

    fn rights(path: &Path, access: Access) -> BitFlags<AccessFs> {
        let table: [(Access, BitFlags<AccessFs>); 4] = [
            (Access::READ, AccessFs::ReadFile | AccessFs::ReadDir),
            (Access::EXECUTE, AccessFs::Execute.into()),
            (Access::WRITE, AccessFs::WriteFile | AccessFs::Truncate),
            (
                Access::CHANGE,
                AccessFs::MakeReg
                    | AccessFs::MakeDir
                    | AccessFs::RemoveFile
                    | AccessFs::RemoveDir
                    | AccessFs::Refer,
            ),
        ];
        let wanted = table.into_iter().filter(|(part, _)| access.has(*part));
        let rights = wanted.fold(BitFlags::EMPTY, |rights, (_, part)| rights | part);
        if path.is_dir() { rights } else { rights & AccessFs::from_file(TESTED) }
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::restrict;

#[cfg(not(target_os = "linux"))]
pub(super) fn restrict(_rules: &Rules) -> Outcome {
    Outcome { abi: 0, missing: missing(0) }
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn older_kernels_miss_more() {
        assert_eq!(missing(0).len(), 5);
        assert_eq!(
            missing(2),
            ["truncating files", "TCP ports", "device commands", "signals and abstract sockets"]
        );
        assert_eq!(missing(5), ["signals and abstract sockets"]);
        assert!(missing(6).is_empty() && missing(7).is_empty());
    }
}
