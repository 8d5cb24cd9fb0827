//! The operations on many entries at once, and the jobs that they leave.

use super::words::schema_of;
use super::{LIMIT_OFFSET, NOT_FOUND, Operation, object, op, optional, page_of};
use crate::services::job::Status;
use serde_json::{Value, json};

const ENTRY: &str = "entry";
const JOB: &str = "job";
const ENCODE: (&str, &str) = ("encode", "`utf-8` or `shift_jis`");
/// Some refusals of jobs are sentences. *Source: spec, job §5.*
const WORDS: &[(&str, &str)] = &[("400", "ErrorsOrWords"), ("403", "ErrorOrWords")];
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
    )
    .also(&[("400", "ErrorsOrWords")]),
    op(
        "/entry/api/v2/bulk/",
        "patch",
        "entry_bulk_patch",
        "The same as PUT",
        ENTRY,
        &[],
        Some("BulkEdit"),
        ("202", Some("Empty")),
    )
    .also(&[("400", "ErrorsOrWords")]),
    op(
        "/entry/api/v2/bulk_delete/",
        "delete",
        "entry_bulk_delete",
        "Delete many entries, all or none",
        ENTRY,
        &BULK_DELETE,
        None,
        ("204", None),
    )
    .also(NOT_FOUND),
    op("/job/api/v2/jobs", "get", "job_list", "List jobs", JOB, &JOB_LIST, None, ("200", Some("JobPage"))),
    op("/job/api/v2/{id}/", "get", "job_retrieve", "Show a job", JOB, &[], None, ("200", Some("Job"))),
    op("/job/api/v2/{id}/", "delete", "job_cancel", "Call a job off", JOB, &[], None, ("204", None))
        .also(WORDS),
    op(
        "/job/api/v2/{id}/rerun",
        "patch",
        "job_rerun",
        "Run a job again",
        JOB,
        &[],
        None,
        ("200", Some("Words")),
    )
    .also(WORDS),
    op(
        "/job/api/v2/{id}/download",
        "get",
        "job_download",
        "Get the file that a job left",
        JOB,
        &[ENCODE],
        None,
        ("200", Some("application/force-download")),
    )
    .also(WORDS),
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
        ("200", Some("Empty")),
    )
    .also(WORDS),
    op(
        "/job/api/v2/{id}/preview/download",
        "get",
        "job_preview_download",
        "Get the preview that a job left as CSV",
        JOB,
        &[ENCODE],
        None,
        ("200", Some("text/csv")),
    )
    .also(WORDS),
];

pub(super) fn schemas() -> Value {
    json!({
        "EntryCopy": {
            "type": "object",
            "required": ["copy_entry_names"],
            "properties": {
                "copy_entry_names": {"type": "array", "minItems": 1, "items": schema_of("name 200")},
            },
        },
        "BulkEdit": optional(
            &[
                ("modelid", "id"), ("value", "AttrValueWrite"), ("attrinfo", "[AttrFilter]"),
                ("hint_entry", "NameFilter"), ("referral_name", "string"),
            ],
            &["modelid", "value"],
        ),
        "AttrFilter": optional(
            &[("name", "name"), ("filter_key", "FilterKey"), ("keyword", "line 249")],
            &["name"],
        ),
        "FilterKey": {
            "description": "0 none, 1 empty, 2 not empty, 3 contains, 4 does not contain, 5 duplicated",
            "type": "integer",
            "enum": [0, 1, 2, 3, 4, 5],
        },
        "NameFilter": optional(&[("filter_key", "NameFilterKey"), ("keyword", "line 249")], &[]),
        "NameFilterKey": {
            "description": "0 none, 1 contains, 2 does not contain",
            "type": "integer",
            "enum": [0, 1, 2],
        },
        "Job": object(&[
            ("id", "id"), ("user", "string"), ("text", "string"), ("status", "JobStatus"), ("operation", "count"),
            ("created_at", "time"), ("target", "JobTarget?"), ("passed_time", "count"),
        ]),
        "JobStatus": {
            "description": "1 preparing, 2 done, 3 error, 4 timeout, 5 processing, 6 cancelled, 7 done with warnings",
            "type": "integer",
            "enum": Status::ALL.map(|status| status as i32),
        },
        "JobTarget": object(&[
            ("id", "id"), ("name", "string"), ("schema_id", "id?"), ("schema_name", "string?"),
        ]),
        "JobPage": page_of("Job"),
    })
}
