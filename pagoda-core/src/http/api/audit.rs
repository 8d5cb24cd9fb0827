//! `/api/v2/audit/`: the audit log, for administrators.

use crate::http::endpoint::Cx;
use crate::http::error::ApiResult;
use crate::http::page::{self, Window};
use crate::services::acl;
use crate::services::audit::{self, Action, parse_time};
use crate::store::queries::audit::AuditFilter;
use crate::wire::Fields;
use pagoda_plugin_sdk::Code;

/// Most rows of one page.
const MOST_ROWS: i64 = 1_000;

/// `GET /api/v2/audit/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let mut window = Window::of(&cx);
    window.limit = window.limit.min(MOST_ROWS);
    let (filter, complaints) = filter(&cx);
    let (rows, total) = cx
        .read(move |op| {
            // Whether one may comes before what one sent.
            acl::require_superuser(op)?;
            if !complaints.is_empty() {
                return Err(complaints.clone().into());
            }
            audit::list(op, &filter, window.limit, window.offset)
        })
        .await?;
    page::window(&cx, window, rows, total)
}

/// What the query asks for, and what is wrong with it. A blank parameter counts as none.
fn filter(cx: &Cx) -> (AuditFilter, Fields) {
    let mut complaints = Fields::default();
    let text = |name: &str| cx.query(name).filter(|text| !text.trim().is_empty());
    let mut time = |name: &str| {
        let parsed = text(name).map(|text| parse_time(&text)).transpose();
        let parsed = parsed.map_err(|expected| complaints.add(name, Code::InvalidValue, expected));
        parsed.ok().flatten().map(|time| time.as_micros())
    };
    let (since, until) = (time("since"), time("until"));
    let action = text("action");
    if let Some(action) = &action
        && Action::named(action).is_none()
    {
        let known: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        complaints.add("action", Code::InvalidValue, format!("expected one of {}", known.join(", ")));
    }
    let object_id = text("object_id").map(|id| id.trim().parse::<i64>()).transpose();
    let object_id = object_id.unwrap_or_else(|_| {
        complaints.add("object_id", Code::InvalidValue, "expected an integer");
        None
    });
    let filter = AuditFilter {
        actor: text("actor"),
        action,
        object_kind: text("object_kind"),
        object_id,
        object_name: text("object_name"),
        plugin: text("plugin"),
        trace_id: text("trace_id"),
        since,
        until,
    };
    (filter, complaints)
}
