//! Groups as lists: import and export. *Source: spec, auth-user §5.2.*

use super::input::MOST_NAME;
use super::write::{FULL, is_full, object};
use crate::services::acl;
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::transfer;
use crate::store::queries::{group as groups, lock};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use serde_json::{Value, json};

const KIND: &str = "group";

struct Row {
    id: Option<i64>,
    name: String,
}

fn read(element: &Value) -> Result<Row, Fields> {
    let mut reader = Reader::new(coerce::element(element)?);
    let name = reader.required("name", |value| coerce::name(value, MOST_NAME));
    let id = reader.field("id", coerce::integer);
    match name {
        Some(name) if reader.errors.is_empty() => Ok(Row { id, name }),
        _ => Err(reader.errors),
    }
}

/// Imports groups, row by row. At the first row that cannot be done it stops and says why; those before it stay.
/// *Source: spec, auth-user §5.2.*
///
/// # Errors
/// The acting user is no administrator, or the rows are not what they should be; nothing is done then.
pub fn import(op: &mut OpCtx, body: Value) -> Result<Result<(), Value>, OpError> {
    acl::require_superuser(op)?;
    let rows = transfer::before_import(op, KIND, body, read)?;
    lock::all_groups(&mut op.db)?;
    transfer::import_until_one_fails(op, KIND, rows, apply)
}

fn apply(op: &mut OpCtx, row: Row) -> Result<Result<(), Value>, OpError> {
    let named = groups::by_names(&mut op.db, std::slice::from_ref(&row.name))?.pop();
    let Some(id) = row.id else {
        if named.is_none() {
            if is_full(op)? {
                return Ok(Err(Fields::whole(Code::LimitExceeded, FULL).to_json()));
            }
            let id = groups::insert(&mut op.db, &row.name, None)?;
            op.audit(Action::GroupCreate, object(id, &row.name), || json!({"import": true}));
        }
        return Ok(Ok(()));
    };
    let Some(mut group) = groups::by_id(&mut op.db, id)? else {
        return Ok(Err(Value::from(format!("there is no group {id}"))));
    };
    if named.is_some_and(|other| other.id != id) {
        return Ok(Err(Value::from(format!("another group is named `{}`", row.name))));
    }
    if group.name != row.name {
        let previous = std::mem::replace(&mut group.name, row.name);
        groups::update(&mut op.db, &group)?;
        op.audit(
            Action::GroupUpdate,
            object(id, &group.name),
            || json!({"previous_name": previous, "import": true}),
        );
    }
    Ok(Ok(()))
}

/// The active groups as rows.
///
/// # Errors
/// The database does not answer, or a handler refused.
pub fn export(op: &mut OpCtx) -> Result<Vec<Value>, OpError> {
    let mut rows = groups::all_active(&mut op.db)?;
    rows.sort_by_key(|row| row.id);
    let rows = rows.into_iter().map(|row| json!({"id": row.id, "name": row.name})).collect();
    transfer::export(op, KIND, rows)
}
