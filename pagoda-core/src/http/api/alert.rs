//! `/api/v2/alerts/`: incidents, for administrators.

use crate::http::endpoint::Cx;
use crate::http::error::ApiResult;
use crate::http::page::{self, Window};
use crate::observe::alerts;
use crate::services::acl;
use crate::wire::Fields;
use pagoda_plugin_sdk::Code;

/// Most rows of one page.
const MOST_ROWS: i64 = 1_000;

/// `GET /api/v2/alerts/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let mut window = Window::of(&cx);
    window.limit = window.limit.min(MOST_ROWS);
    let state = cx.query("state").filter(|state| !state.trim().is_empty());
    let mut complaints = Fields::default();
    let is_open = match state.as_deref().map(str::trim) {
        None => None,
        Some("open") => Some(true),
        Some("recovered") => Some(false),
        Some(_) => {
            complaints.add("state", Code::InvalidValue, "expected open or recovered");
            None
        }
    };
    let (rows, total) = cx
        .read(move |op| {
            // Whether one may comes before what one sent.
            acl::require_superuser(op)?;
            if !complaints.is_empty() {
                return Err(complaints.clone().into());
            }
            alerts::list(op, is_open, window.limit, window.offset)
        })
        .await?;
    page::window(&cx, window, rows, total)
}
