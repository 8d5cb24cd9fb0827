//! The tables as diesel sees them, shared by both backends.
//!
//! Written by hand: every column type is one that both backends know (`BIGINT`, `INTEGER`, `DOUBLE`, `TEXT`,
//! `BOOLEAN`), so that one declaration serves two dialects. A test compares it with what the migrations create.
#![allow(missing_docs, reason = "the columns are described where the rows are")]

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    app_user {
        id -> BigInt,
        username -> Text,
        email -> Text,
        password_hash -> Nullable<Text>,
        is_superuser -> Bool,
        is_active -> Bool,
        is_readonly -> Bool,
        parent_user_id -> Nullable<BigInt>,
        authenticate_type -> Integer,
        token_lifetime -> BigInt,
        date_joined -> BigInt,
        last_login -> Nullable<BigInt>,
    }
}

table! {
    api_token (user_id) {
        user_id -> BigInt,
        key -> Text,
        created -> BigInt,
    }
}

table! {
    web_session (id_hash) {
        id_hash -> Text,
        user_id -> BigInt,
        created -> BigInt,
        expires -> BigInt,
    }
}

table! {
    password_reset (user_id) {
        user_id -> BigInt,
        digest -> Text,
        requested -> BigInt,
    }
}

table! {
    entity {
        id -> BigInt,
        name -> Text,
        name_folded -> Text,
        name_sort -> Text,
        note -> Text,
        item_name_pattern -> Text,
        item_name_type -> Text,
        status -> Integer,
        is_public -> Bool,
        default_permission -> Integer,
        is_active -> Bool,
        created_user_id -> Nullable<BigInt>,
        created_time -> BigInt,
        updated_time -> BigInt,
        deleted_user_id -> Nullable<BigInt>,
        deleted_time -> Nullable<BigInt>,
    }
}

table! {
    entity_attr {
        id -> BigInt,
        entity_id -> BigInt,
        name -> Text,
        attr_type -> Integer,
        sort_index -> Integer,
        is_mandatory -> Bool,
        is_delete_in_chain -> Bool,
        is_summarized -> Bool,
        note -> Text,
        default_value -> Nullable<Text>,
        choices -> Nullable<Text>,
        name_order -> Integer,
        name_prefix -> Text,
        name_postfix -> Text,
        display_attr -> Text,
        is_public -> Bool,
        default_permission -> Integer,
        is_active -> Bool,
        created_user_id -> Nullable<BigInt>,
        created_time -> BigInt,
        updated_time -> BigInt,
        deleted_user_id -> Nullable<BigInt>,
        deleted_time -> Nullable<BigInt>,
    }
}

table! {
    entity_attr_referral (attr_id, entity_id) {
        attr_id -> BigInt,
        entity_id -> BigInt,
    }
}

table! {
    entity_chain_exclude (entity_id, excluded_entity_id) {
        entity_id -> BigInt,
        excluded_entity_id -> BigInt,
    }
}

table! {
    entry {
        id -> BigInt,
        entity_id -> BigInt,
        name -> Text,
        name_folded -> Text,
        name_sort -> Text,
        status -> Integer,
        is_public -> Bool,
        default_permission -> Integer,
        is_active -> Bool,
        created_user_id -> Nullable<BigInt>,
        created_time -> BigInt,
        updated_time -> BigInt,
        deleted_user_id -> Nullable<BigInt>,
        deleted_time -> Nullable<BigInt>,
    }
}

table! {
    attribute {
        id -> BigInt,
        entry_id -> BigInt,
        attr_id -> BigInt,
        is_public -> Bool,
        default_permission -> Integer,
        is_active -> Bool,
        created_user_id -> Nullable<BigInt>,
        created_time -> BigInt,
    }
}

table! {
    attr_value {
        id -> BigInt,
        attribute_id -> BigInt,
        parent_id -> Nullable<BigInt>,
        position -> Integer,
        attr_type -> Integer,
        is_latest -> Bool,
        text_value -> Text,
        bool_value -> Bool,
        ref_id -> Nullable<BigInt>,
        created_user_id -> Nullable<BigInt>,
        created_time -> BigInt,
        prev_id -> Nullable<BigInt>,
    }
}

table! {
    plugin_state (plugin) {
        plugin -> Text,
        disabled -> Nullable<Text>,
        quarantined -> Nullable<Text>,
        revision -> BigInt,
        changed_at -> BigInt,
    }
}

table! {
    plugin_breaker (plugin, function) {
        plugin -> Text,
        function -> Text,
        state -> Text,
        reason -> Text,
        retry_at -> BigInt,
        pause -> BigInt,
        revision -> BigInt,
        changed_at -> BigInt,
    }
}

table! {
    plugin_transition {
        id -> BigInt,
        plugin -> Text,
        function -> Text,
        state -> Text,
        reason -> Text,
        at -> BigInt,
    }
}

table! {
    audit_outbox {
        id -> BigInt,
        at -> BigInt,
        actor_id -> Nullable<BigInt>,
        actor -> Nullable<Text>,
        action -> Text,
        object_kind -> Nullable<Text>,
        object_id -> Nullable<BigInt>,
        object_name -> Nullable<Text>,
        plugin -> Nullable<Text>,
        trace_id -> Text,
        origin -> Text,
        detail -> Text,
    }
}

table! {
    audit_log (seq) {
        seq -> BigInt,
        at -> BigInt,
        actor_id -> Nullable<BigInt>,
        actor -> Nullable<Text>,
        action -> Text,
        object_kind -> Nullable<Text>,
        object_id -> Nullable<BigInt>,
        object_name -> Nullable<Text>,
        plugin -> Nullable<Text>,
        trace_id -> Text,
        origin -> Text,
        detail -> Text,
        prev_hash -> Text,
        hash -> Text,
    }
}

table! {
    audit_head (only_row) {
        only_row -> Integer,
        seq -> BigInt,
        hash -> Text,
        trimmed_seq -> BigInt,
        trimmed_hash -> Text,
    }
}

table! {
    alert {
        id -> BigInt,
        key -> Text,
        kind -> Text,
        subject -> Text,
        instance -> Text,
        sentence -> Text,
        value -> Nullable<Double>,
        threshold -> Nullable<Double>,
        opened_at -> BigInt,
        seen_at -> BigInt,
        clear_after -> BigInt,
        closed_at -> Nullable<BigInt>,
        closed_because -> Nullable<Text>,
    }
}

table! {
    alert_delivery (alert_id, channel) {
        alert_id -> BigInt,
        channel -> Text,
        stage -> Integer,
        tries -> Integer,
        due_at -> BigInt,
        problem -> Nullable<Text>,
    }
}

table! {
    entry_name (id) {
        id -> BigInt,
        entry_id -> BigInt,
        name -> Text,
        kind -> Text,
        user_id -> Nullable<BigInt>,
        at -> BigInt,
    }
}

table! {
    entity_history {
        id -> BigInt,
        entity_id -> BigInt,
        parent_id -> Nullable<BigInt>,
        object_id -> BigInt,
        operation -> Integer,
        user_id -> Nullable<BigInt>,
        at -> BigInt,
        changes -> Text,
    }
}

table! {
    user_group {
        id -> BigInt,
        name -> Text,
        name_folded -> Text,
        name_sort -> Text,
        parent_id -> Nullable<BigInt>,
        is_active -> Bool,
    }
}

table! {
    entry_alias (id) {
        id -> BigInt,
        entry_id -> BigInt,
        entity_id -> BigInt,
        name -> Text,
        name_folded -> Text,
    }
}

table! {
    entity_webhook {
        id -> BigInt,
        entity_id -> BigInt,
        label -> Text,
        url -> Text,
        is_enabled -> Bool,
        headers -> Text,
        is_verified -> Bool,
        verification_error -> Nullable<Text>,
    }
}

table! {
    isolation_rule {
        id -> BigInt,
        entity_id -> BigInt,
        is_prevent_all -> Bool,
        prevent_from_id -> Nullable<BigInt>,
    }
}

table! {
    isolation_condition {
        id -> BigInt,
        rule_id -> BigInt,
        attr_id -> BigInt,
        str_cond -> Text,
        ref_cond_id -> Nullable<BigInt>,
        bool_cond -> Bool,
        is_unmatch -> Bool,
    }
}

table! {
    group_member (user_id, group_id) {
        user_id -> BigInt,
        group_id -> BigInt,
    }
}

table! {
    role {
        id -> BigInt,
        name -> Text,
        name_folded -> Text,
        name_sort -> Text,
        description -> Text,
        is_active -> Bool,
    }
}

table! {
    role_user (role_id, user_id, is_admin) {
        role_id -> BigInt,
        user_id -> BigInt,
        is_admin -> Bool,
    }
}

table! {
    role_group (role_id, group_id, is_admin) {
        role_id -> BigInt,
        group_id -> BigInt,
        is_admin -> Bool,
    }
}

table! {
    acl_grant (object_id, role_id) {
        object_id -> BigInt,
        role_id -> BigInt,
        level -> Integer,
    }
}

table! {
    acl_change {
        id -> BigInt,
        object_id -> BigInt,
        object_name -> Text,
        role_id -> Nullable<BigInt>,
        was_public -> Nullable<Bool>,
        is_public -> Nullable<Bool>,
        old_level -> Integer,
        new_level -> Integer,
        user_id -> Nullable<BigInt>,
        at -> BigInt,
    }
}

table! {
    acl_first_name (object_id) {
        object_id -> BigInt,
        name -> Text,
    }
}

table! {
    category {
        id -> BigInt,
        name -> Text,
        name_folded -> Text,
        name_sort -> Text,
        note -> Text,
        priority -> Integer,
        is_public -> Bool,
        default_permission -> Integer,
        is_active -> Bool,
        created_user_id -> Nullable<BigInt>,
        created_time -> BigInt,
        updated_time -> BigInt,
        deleted_user_id -> Nullable<BigInt>,
        deleted_time -> Nullable<BigInt>,
    }
}

table! {
    category_entity (category_id, entity_id) {
        category_id -> BigInt,
        entity_id -> BigInt,
    }
}

table! {
    job {
        id -> BigInt,
        owner_id -> BigInt,
        operation -> Integer,
        status -> Integer,
        target_kind -> Nullable<Text>,
        target_id -> Nullable<BigInt>,
        text -> Text,
        params -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    job_result (job_id) {
        job_id -> BigInt,
        content -> Binary,
    }
}

table! {
    search_text (attr_id, id) {
        attr_id -> BigInt,
        id -> BigInt,
        folded -> Text,
        text -> Text,
    }
}

table! {
    search_term (attr_id, term, entry_id) {
        attr_id -> BigInt,
        term -> BigInt,
        entry_id -> BigInt,
        times -> Integer,
    }
}

table! {
    search_ref (attr_id, ref_id, entry_id) {
        attr_id -> BigInt,
        ref_id -> BigInt,
        entry_id -> BigInt,
        times -> Integer,
    }
}

table! {
    // On PostgreSQL the key may be there several times.
    entry_count (entity_id, is_active, block) {
        entity_id -> BigInt,
        is_active -> Bool,
        block -> BigInt,
        entries -> BigInt,
    }
}

table! {
    search_state (only_row) {
        only_row -> Integer,
        revision -> BigInt,
    }
}

table! {
    pagoda_migrations (owner, version) {
        owner -> Text,
        version -> BigInt,
        name -> Text,
        checksum -> Text,
        applied_at -> BigInt,
    }
}

joinable!(api_token -> app_user (user_id));
joinable!(web_session -> app_user (user_id));
joinable!(entry -> entity (entity_id));
joinable!(attribute -> entity_attr (attr_id));
joinable!(entry_alias -> entry (entry_id));
joinable!(attr_value -> attribute (attribute_id));
joinable!(isolation_rule -> entity (prevent_from_id));
joinable!(isolation_condition -> isolation_rule (rule_id));
joinable!(isolation_condition -> entity_attr (attr_id));
joinable!(alert_delivery -> alert (alert_id));
joinable!(group_member -> app_user (user_id));
joinable!(group_member -> user_group (group_id));
joinable!(role_user -> role (role_id));
joinable!(role_user -> app_user (user_id));
joinable!(role_group -> role (role_id));
joinable!(role_group -> user_group (group_id));
joinable!(acl_change -> role (role_id));
joinable!(category_entity -> category (category_id));
joinable!(category_entity -> entity (entity_id));

allow_tables_to_appear_in_same_query!(alert, alert_delivery);
allow_tables_to_appear_in_same_query!(app_user, api_token, web_session);
allow_tables_to_appear_in_same_query!(app_user, user_group, group_member, role, role_user, role_group);
allow_tables_to_appear_in_same_query!(acl_grant, acl_change, role);
allow_tables_to_appear_in_same_query!(category, category_entity, entity, acl_grant);
allow_tables_to_appear_in_same_query!(
    entity,
    entity_attr,
    entity_attr_referral,
    entity_chain_exclude,
    entry,
    attribute,
    attr_value,
    entry_name,
    entry_alias,
    search_ref,
    job,
    job_result,
    entity_webhook,
    isolation_rule,
    isolation_condition,
);
