//! Any records, any tampering: it is found, and the row is named.

use super::{Bed, signing};
use crate::services::audit::chain::Keys;
use crate::services::audit::verify::Problem;
use crate::services::audit::{Action, AuditObject, AuditRecord};
use pagoda_plugin_sdk::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;

/// What may be done to a stored log.
#[derive(Debug, Clone)]
enum Tampering {
    Change(&'static str),
    Delete,
    Swap,
    Truncate,
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let changes: Vec<&'static str> = vec![
        "at = at - 1",
        "actor_id = coalesce(actor_id, 0) + 1",
        "actor = coalesce(actor, '') || 'x'",
        "action = action || 'x'",
        "object_kind = coalesce(object_kind, '') || 'x'",
        "object_id = coalesce(object_id, 0) + 1",
        "object_name = coalesce(object_name, '') || 'x'",
        "plugin = coalesce(plugin, '') || 'x'",
        "trace_id = trace_id || 'x'",
        "origin = origin || 'x'",
        "detail = detail || ' '",
        "prev_hash = prev_hash || 'x'",
        "hash = hash || 'x'",
    ];
    prop_oneof![
        4 => prop::sample::select(changes).prop_map(Tampering::Change),
        1 => Just(Tampering::Delete),
        1 => Just(Tampering::Swap),
        1 => Just(Tampering::Truncate),
    ]
}

fn any_record() -> impl Strategy<Value = AuditRecord> {
    let action = prop::sample::select(Action::ALL.to_vec());
    let object = prop::option::of(("\\PC{0,12}", prop::option::of(any::<i64>())));
    let (plugin, detail) = (prop::option::of("[a-z-]{0,8}"), prop::option::of("\\PC{0,20}"));
    (action, object, plugin, detail, -(1_i64 << 50)..(1_i64 << 50)).prop_map(
        |(action, object, plugin, detail, at)| {
            let mut record = AuditRecord::of_server(action).at(Timestamp::from_micros(at));
            if let Some((name, id)) = object {
                record = record.on(AuditObject { kind: "entry", id, name });
            }
            if let Some(plugin) = plugin {
                record = record.through(&plugin);
            }
            record.with(json!({"x": detail}))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_tampering_goes_unseen(
        batches in prop::collection::vec(prop::collection::vec(any_record(), 1..6), 1..6),
        deed in tampering(),
        at in any::<prop::sample::Index>(),
        signs in any::<bool>(),
    ) {
        let bed = Bed::sqlite();
        let keys = if signs { signing() } else { Keys::default() };
        let count: usize = batches.iter().map(Vec::len).sum();
        for batch in batches {
            bed.note(batch);
            bed.seal(&keys);
        }
        let report = bed.verify(&keys);
        prop_assert_eq!(&report.problems, &[]);
        prop_assert_eq!(report.rows, count as u64);
        let seq = at.index(count) + 1;
        let other = seq % count + 1;
        prop_assume!(!matches!(deed, Tampering::Swap) || seq != other);
        bed.tamper(&match deed {
            Tampering::Change(change) => format!("UPDATE audit_log SET {change} WHERE seq = {seq}"),
            Tampering::Delete => format!("DELETE FROM audit_log WHERE seq = {seq}"),
            Tampering::Truncate => format!("DELETE FROM audit_log WHERE seq >= {seq}"),
            Tampering::Swap => format!(
                "UPDATE audit_log SET seq = -1 WHERE seq = {seq}; UPDATE audit_log SET seq = {seq} WHERE seq = {other}; \
                 UPDATE audit_log SET seq = {other} WHERE seq = -1"
            ),
        });
        let problems = bed.verify(&keys).problems;
        let named = problems.iter().any(|problem| match problem {
            Problem::Changed { seq: s } | Problem::Unlinked { seq: s } => {
                usize::try_from(*s).is_ok_and(|s| s == seq || s == other)
            }
            Problem::Missing { from, to } | Problem::Truncated { from, to } => {
                (*from..=*to).contains(&i64::try_from(seq).unwrap())
            }
            _ => false,
        });
        prop_assert!(named, "row {}: {:?}", seq, problems);
    }
}
