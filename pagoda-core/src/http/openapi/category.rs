//! The operations on categories.

use super::{LIMIT_OFFSET, Operation, object, op, optional, page_of};
use serde_json::{Value, json};

const LIST: [(&str, &str); 4] = [
    LIMIT_OFFSET[0],
    LIMIT_OFFSET[1],
    ("search", "Words that its name or those of its entities contain, all of them"),
    ("ordering", "id, name, note or priority, with - for descending"),
];

const CATEGORIES: &str = "/category/api/v2/";
const CATEGORY: &str = "/category/api/v2/{id}/";

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        CATEGORIES,
        "get",
        "category_list",
        "List the categories one may read",
        "category",
        &LIST,
        None,
        ("200", Some("CategoryPage")),
    ),
    op(
        CATEGORIES,
        "post",
        "category_create",
        "Make a category",
        "category",
        &[],
        Some("CategoryWrite"),
        ("201", Some("CategoryWritten")),
    ),
    op(
        CATEGORY,
        "get",
        "category_retrieve",
        "Show a category",
        "category",
        &[],
        None,
        ("200", Some("Category")),
    ),
    op(
        CATEGORY,
        "put",
        "category_update",
        "Change a category and replace its entities",
        "category",
        &[],
        Some("CategoryWrite"),
        ("200", Some("CategoryWritten")),
    ),
    op(CATEGORY, "delete", "category_delete", "Delete a category", "category", &[], None, ("204", None)),
];

pub(super) fn schemas() -> Value {
    let written =
        [("id", "id"), ("name", "string"), ("note", "string"), ("models", "[Model]"), ("priority", "int32")];
    let mut item = written.to_vec();
    item.push(("permission", "Permission"));
    json!({
        "Category": object(&item),
        "CategoryPage": page_of("Category"),
        "CategoryWrite": optional(
            &[("name", "name 200"), ("note", "line 500"), ("models", "[ModelWrite]"), ("priority", "int32")],
            &["name", "models"],
        ),
        "CategoryWritten": object(&written),
        "Model": object(&[
            ("id", "id"), ("name", "string"), ("is_public", "boolean"), ("permission", "Permission"),
        ]),
        "ModelWrite": object(&[("id", "integer"), ("name", "name 200")]),
    })
}
