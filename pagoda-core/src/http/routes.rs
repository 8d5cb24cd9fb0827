//! What there is: every path with its methods.

use super::api::{
    acl, alert, audit, category, entity, entry, entry_name, group, job, plugin, role, search, user,
};
use super::endpoint::{AppState, Cx, Endpoint};
use super::error::{ApiError, ApiResult};
use super::traffic::{NO_ROUTE, Traffic};
use super::{health, login, metrics, older, pages, plugin_routes, renewal};
use actix_web::http::Method;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::route::RouteAuth;
use std::sync::Arc;

/// Mounts everything on an actix application.
pub fn configure(state: &Arc<AppState>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let state = Arc::clone(state);
    move |service| {
        service.app_data(Data::new(Arc::clone(&state)));
        health::mount(&state, service);
        login::mount(&state, service);
        renewal::mount(&state, service);
        metrics::mount(&state, service);
        pages::mount(service);
        older::mount(&state, service);
        let registry = &state.host.registry;
        let mut endpoints = own_endpoints(registry.plugins().iter().map(|plugin| plugin.decl));
        endpoints.extend(plugin_routes::endpoints(registry, &state.rates));
        endpoints.push(Endpoint::new("/api/v2/plugins/").on(Method::GET, plugin::list));
        mount(endpoints, &state.traffic, service);
        let meter = state.traffic.meter(NO_ROUTE, [&Method::GET]);
        service.default_service(actix_web::web::to(move |http: HttpRequest| {
            let meter = Arc::clone(&meter);
            async move { meter.watch(http, nothing()).await }
        }));
    }
}

/// Mounts endpoints, those of one area behind one comparison with its prefix: the router tries one pattern
/// after the other, and most are regular expressions. Within an area their order stays.
fn mount(endpoints: Vec<Endpoint>, traffic: &Traffic, service: &mut ServiceConfig) {
    let mut areas: Vec<(String, Vec<Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        match endpoint.area().map(str::to_owned) {
            // What is in no area comes first: an area answers all that begins with its prefix.
            None => endpoint.mount("", traffic, service),
            Some(area) => match areas.iter_mut().find(|(known, _)| *known == area) {
                Some((_, within)) => within.push(endpoint),
                None => areas.push((area, vec![endpoint])),
            },
        }
    }
    for (area, within) in areas {
        let scope = actix_web::web::scope(&area);
        service.service(scope.configure(|service| {
            for endpoint in within {
                endpoint.mount(&area, traffic, service);
            }
        }));
    }
}

/// The host's own, in the order in which they are mounted.
fn own_endpoints(plugins: impl Iterator<Item = &'static PluginDecl>) -> Vec<Endpoint> {
    let mut endpoints = core_endpoints();
    endpoints.extend(user_endpoints());
    endpoints.extend(access_endpoints());
    // Each plugin is an area of its own, so that its routes are found by comparing words; what is said about plugins
    // comes ahead of their own routes.
    for plugin in plugins {
        endpoints.extend(plugin_endpoints(plugin.id));
        // A name that is nobody's is a path that is none.
        endpoints.extend(plugin.alias.into_iter().flat_map(plugin_endpoints));
    }
    endpoints
}

fn core_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new("/entity/api/v2/").on(Method::GET, entity::list).on(Method::POST, entity::create),
        Endpoint::new("/entity/api/v2/{id:[0-9]+}/")
            .on(Method::GET, entity::retrieve)
            .on(Method::PUT, entity::update)
            .on(Method::DELETE, entity::delete),
        Endpoint::new("/entity/api/v2/{id:[0-9]+}/entries/")
            .on(Method::GET, entity::list_entries)
            .on(Method::POST, entity::create_entry),
        Endpoint::new("/entity/api/v2/{id:[0-9]+}/histories/").on(Method::GET, entity::histories),
        Endpoint::new("/entity/api/v2/attrs").on(Method::GET, entity::attr_names),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/")
            .on(Method::GET, entry::retrieve)
            .on(Method::PUT, entry::update)
            .on(Method::DELETE, entry::delete),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/restore/").on(Method::POST, entry::restore),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/histories/").on(Method::GET, entry::histories),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/self_histories/").on(Method::GET, entry_name::history),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/restore_self_history/")
            .on(Method::POST, entry_name::restore),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/alias/").on(Method::GET, entry_name::aliases),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/attrv_restore/")
            .on(Method::PATCH, entry::restore_value)
            .refusing(Method::PUT, entry::restore_value),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/copy/").on(Method::POST, entry::copy_entry),
        Endpoint::new("/entry/api/v2/bulk/")
            .on(Method::PUT, entry::edit_many)
            .on(Method::PATCH, entry::edit_many),
        Endpoint::new("/entry/api/v2/bulk_delete/").on(Method::DELETE, entry::delete_many),
        Endpoint::new("/entry/api/v2/rollback/").on(Method::POST, entry::rollback),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/referral/").on(Method::GET, entry::referrers),
        Endpoint::new("/entry/api/v2/{id:[0-9]+}/attr_referrals/").on(Method::GET, entry::candidates),
        Endpoint::new("/entry/api/v2/search/").on(Method::GET, search::simple),
        Endpoint::new("/entry/api/v2/advanced_search/").on(Method::POST, search::advanced),
        Endpoint::new("/entry/api/v2/advanced_search_chain/").on(Method::POST, search::chain),
        Endpoint::new("/entry/api/v2/advanced_search_result_export/").on(Method::POST, search::export),
        Endpoint::new("/entry/api/v2/alias/").on(Method::POST, entry_name::add_alias),
        Endpoint::new("/entry/api/v2/alias/bulk/").on(Method::POST, entry_name::add_aliases),
        Endpoint::new("/entry/api/v2/alias/{id:[0-9]+}").on(Method::DELETE, entry_name::remove_alias),
        Endpoint::new("/category/api/v2/").on(Method::GET, category::list).on(Method::POST, category::create),
        Endpoint::new("/category/api/v2/{id:[0-9]+}/")
            .on(Method::GET, category::retrieve)
            .on(Method::PUT, category::update)
            .on(Method::DELETE, category::delete),
        Endpoint::new("/job/api/v2/jobs").on(Method::GET, job::list),
        Endpoint::new("/job/api/v2/{id:[0-9]+}/")
            .on(Method::GET, job::retrieve)
            .on(Method::DELETE, job::cancel),
        Endpoint::new("/job/api/v2/{id:[0-9]+}/rerun")
            .on(Method::PATCH, job::rerun)
            .refusing(Method::PUT, job::rerun),
        Endpoint::new("/job/api/v2/{id:[0-9]+}/download").on(Method::GET, job::download),
        Endpoint::new("/job/api/v2/{id:[0-9]+}/preview").on(Method::GET, job::preview),
        Endpoint::new("/job/api/v2/{id:[0-9]+}/preview/download").on(Method::GET, job::preview_download),
        Endpoint::new("/api/v2/audit/").on(Method::GET, audit::list),
        Endpoint::new("/api/v2/alerts/").on(Method::GET, alert::list),
        Endpoint::new("/api/schema/").any_format().with_auth(Method::GET, RouteAuth::None, schema),
        Endpoint::new("/api/docs/").any_format().with_auth(Method::GET, RouteAuth::None, pages::api_browser),
    ]
}

/// Users, their tokens and passwords.
fn user_endpoints() -> Vec<Endpoint> {
    let of_user = |rest: &str| Endpoint::new(format!("/user/api/v2/{{id:[0-9]+}}/{rest}"));
    let open = |path: &str| Endpoint::new(format!("/user/api/v2/{path}"));
    vec![
        open("").on(Method::GET, user::list).on(Method::POST, user::create),
        open("me").on(Method::GET, user::me),
        open("token/").on(Method::GET, user::token).on(Method::POST, user::refresh_token),
        open("import/").on(Method::POST, user::import),
        open("export/").in_yaml().on(Method::GET, user::export),
        open("password_reset").with_auth(Method::POST, RouteAuth::None, user::request_reset),
        open("password_reset/confirm").with_auth(Method::POST, RouteAuth::None, user::confirm_reset),
        of_user("")
            .on(Method::GET, user::retrieve)
            .on(Method::PUT, user::update)
            .on(Method::DELETE, user::delete),
        of_user("activity").on(Method::GET, user::activity),
        of_user("token/").on(Method::POST, user::refresh_token_of),
        of_user("edit_passwd")
            .on(Method::PATCH, user::edit_password)
            .refusing(Method::PUT, user::edit_password),
        of_user("su_edit_passwd")
            .on(Method::PATCH, user::edit_password_as_administrator)
            .refusing(Method::PUT, user::edit_password_as_administrator),
        of_user("auth").on(Method::PATCH, user::switch_to_ldap).refusing(Method::PUT, user::switch_to_ldap),
    ]
}

/// Groups, roles, and the access rules of objects.
fn access_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new("/acl/api/v2/acls/{id:[0-9]+}")
            .on(Method::GET, acl::retrieve)
            .on(Method::PUT, acl::update),
        Endpoint::new("/acl/api/v2/acls/{id:[0-9]+}/history").on(Method::GET, acl::history),
        Endpoint::new("/group/api/v2/groups").on(Method::GET, group::list).on(Method::POST, group::create),
        Endpoint::new("/group/api/v2/groups/tree").on(Method::GET, group::tree),
        Endpoint::new("/group/api/v2/groups/import").on(Method::POST, group::import),
        Endpoint::new("/group/api/v2/groups/export").in_yaml().on(Method::GET, group::export),
        Endpoint::new("/group/api/v2/groups/{id:[0-9]+}")
            .on(Method::GET, group::retrieve)
            .on(Method::PUT, group::update)
            .on(Method::DELETE, group::delete),
        Endpoint::new("/role/api/v2/").on(Method::GET, role::list).on(Method::POST, role::create),
        Endpoint::new("/role/api/v2/import").on(Method::POST, role::import),
        Endpoint::new("/role/api/v2/export").in_yaml().on(Method::GET, role::export),
        Endpoint::new("/role/api/v2/{id:[0-9]+}")
            .on(Method::GET, role::retrieve)
            .on(Method::PUT, role::update)
            .on(Method::DELETE, role::delete),
    ]
}

/// What is said about a plugin, below its id or another name of it.
fn plugin_endpoints(name: &str) -> Vec<Endpoint> {
    let at = |rest: &str| Endpoint::new(format!("{}/{rest}", plugin_routes::prefix(name)));
    vec![
        at("").on(Method::GET, plugin::retrieve),
        // First without a slash at the end, which would otherwise be redirected, and that loses the method.
        at("enable").on(Method::POST, plugin::enable),
        at("disable").on(Method::POST, plugin::disable),
        at("reset").on(Method::POST, plugin::reset),
        at("enable/").on(Method::POST, plugin::enable),
        at("disable/").on(Method::POST, plugin::disable),
        at("reset/").on(Method::POST, plugin::reset),
    ]
}

/// `GET /api/schema/`: the OpenAPI document, in YAML or with `?format=json` in JSON.
async fn schema(cx: Cx) -> ApiResult {
    let document = &cx.state.openapi;
    if cx.query("format").as_deref() == Some("json") {
        return Ok(HttpResponse::Ok().content_type("application/json").body(document.clone()));
    }
    let document = serde_json::from_slice(document).map_err(|error| ApiError::internal(error.to_string()))?;
    let yaml = super::openapi::to_yaml(&document).map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type("application/vnd.oai.openapi; charset=utf-8").body(yaml))
}

/// A path that is none: an HTML page, with or without credentials. *Source: spec, auth-user §1.1.*
async fn nothing() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/html; charset=utf-8")
        .body("<!doctype html><html lang=\"en\"><title>Not found</title><h1>Not found</h1></html>")
}

#[cfg(test)]
mod tests {
    use super::own_endpoints;
    use crate::http::openapi;
    use crate::plugins::contributions::Contributions;
    use crate::plugins::registry::Registry;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// Described besides: what is no endpoint of the API, and the list of plugins, which is mounted last.
    const OTHERS: [&str; 5] = [
        "GET /api/v2/plugins/",
        "GET /entity/api/v2/history/{id}",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    ];

    fn document() -> Value {
        let settings = crate::config::Config::default().plugins;
        openapi::document(&Registry::freeze(Contributions::default(), &settings).unwrap())
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let mounted = own_endpoints(std::iter::empty()).into_iter().flat_map(|endpoint| {
            let path = endpoint.path().replace(":[0-9]+}", "}");
            endpoint.offered().map(|method| format!("{method} {path}")).collect::<Vec<_>>()
        });
        let mounted: BTreeSet<String> = mounted.chain(OTHERS.map(str::to_owned)).collect();
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let described = paths.iter().flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        });
        assert_eq!(mounted, described.collect());
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document();
        let mut used = BTreeSet::new();
        references(&document, &mut used);
        for reference in &used {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        for part in ["schemas", "responses", "headers"] {
            for name in document["components"][part].as_object().unwrap().keys() {
                // Some are for linked plugins.
                assert!(
                    name.starts_with("Plugin") || used.contains(&format!("#/components/{part}/{name}")),
                    "nobody uses {name}"
                );
            }
        }
    }

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
}
