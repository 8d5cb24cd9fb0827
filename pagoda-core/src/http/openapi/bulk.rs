//! The operations on many entries at once, and the jobs that they leave.

use super::{LIMIT_OFFSET, Operation, object, op, optional, page_of};
use serde_json::{Value, json};

const ENTRY: &str = "entry";
const JOB: &str = "job";
const ENCODE: (&str, &str) = ("encode", "`utf-8` or `shift_jis`");
const JOB_LIST: [(&str, &str); 5] = [
    LIMIT_OFFSET[0],
    LIMIT_OFFSET[1],
    ("created_after", "Not older than this day or time"),
    ("target_id", "Only those about this object"),
    ("all_users", "`true`: those of all users, for administrators"),
];
const BULK_DELETE: [(&str, &str); 3] = [
    ("ids", "Ids of entries, each as a parameter of its own"),
    ("isAll", "`true`: also the rest of the entity of the first one"),
    ("attrinfo", "Which of the rest: a list of {name, filterKey, keyword} in JSON"),
];

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "/entry/api/v2/{id}/copy/",
        "post",
        "entry_copy",
        "Copy an entry under other names",
        ENTRY,
        &[],
        Some("EntryCopy"),
        ("200", Some("Empty")),
    ),
    op(
        "/entry/api/v2/bulk/",
        "put",
        "entry_bulk_update",
        "Write a value into all entries of an entity that match",
        ENTRY,
        &[],
        Some("BulkEdit"),
        ("202", Some("Empty")),
    ),
    op(
        "/entry/api/v2/bulk/",
        "patch",
        "entry_bulk_patch",
        "The same as PUT",
        ENTRY,
        &[],
        Some("BulkEdit"),
        ("202", Some("Empty")),
    ),
    op(
        "/entry/api/v2/bulk_delete/",
        "delete",
        "entry_bulk_delete",
        "Delete many entries, all or none",
        ENTRY,
        &BULK_DELETE,
        None,
        ("204", None),
    ),
    op("/job/api/v2/jobs", "get", "job_list", "List jobs", JOB, &JOB_LIST, None, ("200", Some("JobPage"))),
    op("/job/api/v2/{id}/", "get", "job_retrieve", "Show a job", JOB, &[], None, ("200", Some("Job"))),
    op("/job/api/v2/{id}/", "delete", "job_cancel", "Call a job off", JOB, &[], None, ("204", None)),
    op(
        "/job/api/v2/{id}/rerun",
        "patch",
        "job_rerun",
        "Run a job again",
        JOB,
        &[],
        None,
        ("200", Some("Words")),
    ),
    op(
        "/job/api/v2/{id}/download",
        "get",
        "job_download",
        "Get the file that a job left",
        JOB,
        &[ENCODE],
        None,
        ("200", None),
    ),
    op(
        "/job/api/v2/{id}/preview",
        "get",
        "job_preview",
        "Show the preview that a job left",
        JOB,
        &[
            ("offset", "Rows before the page"),
            ("limit", "Rows per page"),
            ("action", "Only rows with these actions"),
        ],
        None,
        ("200", None),
    ),
    op(
        "/job/api/v2/{id}/preview/download",
        "get",
        "job_preview_download",
        "Get the preview that a job left as CSV",
        JOB,
        &[ENCODE],
        None,
        ("200", None),
    ),
];

pub(super) fn schemas() -> Value {
    json!({
        "EntryCopy": object(&[("copy_entry_names", "array")]),
        "BulkEdit": optional(
            &[
                ("modelid", "integer"), ("value", "object"), ("attrinfo", "array"), ("hint_entry", "object"),
                ("referral_name", "string"),
            ],
            &["modelid", "value"],
        ),
        "Job": object(&[
            ("id", "integer"), ("user", "string"), ("text", "string"), ("status", "integer"), ("operation", "integer"),
            ("created_at", "string"), ("target", "object?"), ("passed_time", "integer"),
        ]),
        "JobPage": page_of("Job"),
        "Words": {"type": "string"},
    })
}
