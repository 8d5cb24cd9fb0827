//! `/group/api/v2/`. *Source: spec, auth-user §5.2.*

use crate::http::endpoint::{Cx, empty, json, yaml};
use crate::http::error::{ApiError, ApiResult};
use crate::http::page::{self, PAGE_SIZE, Page};
use crate::services::acl;
use crate::services::group::{self, GroupInput, TreeNode};
use crate::store::queries::group::{GroupFilter, GroupOrder};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::Value;

fn order_of(cx: &Cx) -> Vec<(GroupOrder, bool)> {
    let key = |name: &str| match name {
        "id" => Some(GroupOrder::Id),
        "name" => Some(GroupOrder::Name),
        "parent_group" => Some(GroupOrder::Parent),
        _ => None,
    };
    let mut order = page::ordering(cx.query("ordering"), key);
    if order.is_empty() {
        order.push((GroupOrder::Name, false));
    }
    order
}

/// `GET /group/api/v2/groups`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let asked = Page::of(&cx)?;
    let terms = page::terms(cx.query("search"))?;
    let filter = GroupFilter { terms, order: order_of(&cx), limit: PAGE_SIZE, offset: 0 };
    let (number, rows, total) = cx
        .read(move |op| asked.read(|offset| group::list(op, &GroupFilter { offset, ..filter.clone() })))
        .await?;
    if rows.is_empty() && number > 1 {
        return Err(Page::out_of_range());
    }
    page::numbered(&cx, number, rows, total)
}

/// `POST /group/api/v2/groups`
pub(in crate::http) async fn create(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let created = cx
        .write(move |op| {
            // Whether one may comes before what one sent.
            acl::require_superuser(op)?;
            group::create(op, GroupInput::read(&body.json()?)?)
        })
        .await?;
    json(StatusCode::CREATED, &created)
}

/// `GET /group/api/v2/groups/<id>`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let detail = cx.read(move |op| group::detail(op, id)).await?;
    json(StatusCode::OK, &detail)
}

/// `PUT /group/api/v2/groups/<id>`
pub(in crate::http) async fn update(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let updated = cx
        .write(move |op| {
            let target = group::open_to_change(op, id)?;
            group::update(op, target, GroupInput::read(&body.json()?)?)
        })
        .await?;
    json(StatusCode::OK, &updated)
}

/// `DELETE /group/api/v2/groups/<id>`
pub(in crate::http) async fn delete(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| group::delete(op, id)).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /group/api/v2/groups/tree`
pub(in crate::http) async fn tree(cx: Cx) -> ApiResult {
    let terms = page::terms(cx.query("search"))?;
    let order = order_of(&cx);
    let nodes = cx.read(move |op| group::tree(op, &terms, &order)).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body(nested(&nodes)))
}

/// Written by hand: a nested value would be written, and dropped, by a recursion as deep as the groups are.
fn nested(nodes: &[TreeNode]) -> String {
    let mut text = String::from("[");
    let mut open = 0;
    for node in nodes {
        let level_up = open > node.depth;
        while open > node.depth {
            text.push_str("]}");
            open -= 1;
        }
        if level_up {
            text.push(',');
        }
        text.push_str(&format!(
            "{{\"id\":{},\"name\":{},\"children\":[",
            node.id,
            Value::from(node.name.as_str())
        ));
        open = node.depth + 1;
    }
    text.push_str(&"]}".repeat(open));
    text.push(']');
    text
}

/// `POST /group/api/v2/groups/import`
pub(in crate::http) async fn import(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let outcome = cx
        .write(move |op| {
            acl::require_superuser(op)?;
            group::import(op, body.yaml()?)
        })
        .await?;
    match outcome {
        Ok(()) => empty(StatusCode::OK),
        Err(complaint) => Err(ApiError::with_body(StatusCode::BAD_REQUEST, complaint)),
    }
}

/// `GET /group/api/v2/groups/export`
pub(in crate::http) async fn export(cx: Cx) -> ApiResult {
    yaml(&cx.read(group::export).await?)
}

#[cfg(test)]
mod tests {
    use super::{TreeNode, nested};
    use serde_json::{Value, json};

    #[test]
    fn the_list_of_a_tree_is_nested() {
        let node = |depth, id: i64| TreeNode { depth, id, name: format!("\"{id}") };
        let parse = |nodes: &[TreeNode]| -> Value { serde_json::from_str(&nested(nodes)).unwrap() };
        let leaf = |id: i64| json!({"id": id, "name": format!("\"{id}"), "children": []});
        assert_eq!(parse(&[]), json!([]));
        assert_eq!(parse(&[node(0, 1), node(0, 2)]), json!([leaf(1), leaf(2)]));
        let nodes = [node(0, 1), node(1, 2), node(2, 3), node(2, 4), node(1, 5), node(0, 6)];
        let expected = json!([
            {"id": 1, "name": "\"1", "children": [
                {"id": 2, "name": "\"2", "children": [leaf(3), leaf(4)]}, leaf(5),
            ]},
            leaf(6),
        ]);
        assert_eq!(parse(&nodes), expected);
    }

    #[test]
    fn depth_costs_no_stack() {
        let nodes: Vec<_> =
            (0..200_000).map(|depth| TreeNode { depth, id: 1, name: String::new() }).collect();
        assert!(nested(&nodes).ends_with("]}]"));
    }
}
