"""Who asks, and what may differ from the description, with the reason. There is no other place for that.

A failure is dropped only where one of the functions below says so; `spec` stands for the contract with clients of the
replaced system, whose conventions docs/API-DESIGN.md and docs/compatibility.md list.
"""

import json
import os
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import schemathesis

# The user that the run acts as, and its token; none for a run without credentials.
USER = os.environ.get("PAGODA_CONTRACT_USER", "")
TOKEN = {"key": os.environ.get("PAGODA_CONTRACT_TOKEN", "")}
# A session of that user, for the one route that knows no tokens.
SESSION = os.environ.get("PAGODA_CONTRACT_SESSION", "")


@schemathesis.auth(refresh_interval=None)
class Token:
    def get(self, case, context):
        return TOKEN["key"]

    def set(self, case, key, context):
        if not key:
            return
        case.headers = case.headers or {}
        if case.operation.definition.raw.get("operationId") == "entity_history":
            case.headers["Cookie"] = f"sessionid={SESSION}"
        else:
            case.headers["Authorization"] = f"Token {key}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """The run must not delete or demote the user that it acts as: it goes on as somebody else's."""
    own = case.operation.path == "/user/api/v2/{id}/" and str(case.path_parameters.get("id")).strip("+0 ") == USER
    if own and case.method in ("DELETE", "PUT"):
        case.path_parameters["id"] = 999_999_999


@schemathesis.hook
def after_call(context, case, response):
    """A new token replaces the one of the run."""
    if case.operation.path == "/user/api/v2/token/" and case.method == "POST" and response.status_code == 200:
        TOKEN["key"] = json.loads(response.content)["key"]


@schemathesis.hook
def before_load_schema(context, schema):
    """Answers are looked at more strictly than clients should: a field that is not described is a failure."""
    schemas = schema["components"]["schemas"]
    schema["x-sent"] = sent = names_of(schemas, bodies(schema))
    for name, described in schemas.items():
        if name not in sent and described.get("type") == "object" and described.get("properties"):
            described.setdefault("additionalProperties", name == "Document")


def bodies(schema):
    operations = (operation for path in schema["paths"].values() for operation in path.values())
    return [operation["requestBody"] for operation in operations if "requestBody" in operation]


def names_of(schemas, part):
    """The names of the schemas in a part of the document, those within them included."""
    found, waiting = set(), [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting.extend(part.values())
    return found


@schemathesis.hook
def filter_failure(context, failure, case, response):
    return not any(reason(type(failure).__name__, case, response) for reason in REASONS)


def scalars_are_read_leniently(kind, case, response):
    """Numbers count as texts, texts of digits as integers, `yes` and `0` as flags, integers beyond 64 bits as the largest
    one; blanks around a text do not count, and form fields are texts anyway. Source: spec, entity §0.3."""
    if kind != "AcceptedNegativeData" or not case.operation.body:
        return False
    document = case.operation.schema.raw_schema
    described = case.operation.definition.raw["requestBody"]["content"]
    sent = case.body
    for content in described.values():
        schema = {**content["schema"], "components": document["components"]}
        if is_valid(schema, meant(schema, content["schema"], sent)):
            return True
    return False


def is_valid(schema, value):
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def meant(document, schema, value):
    """The value as the server reads it where the schema asks for something else."""
    if "$ref" in schema:
        return meant(document, resolved(document, schema["$ref"]), value)
    for part in schema.get("anyOf", []):
        candidate = meant(document, part, value)
        if is_valid({**part, "components": document["components"]}, candidate):
            return candidate
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {key: meant(document, properties.get(key, {}), part) for key, part in value.items()}
    if isinstance(value, list):
        return [meant(document, schema.get("items", {}), part) for part in value]
    if "string" in kinds and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if "string" in kinds and isinstance(value, str):
        return value.strip()
    if "integer" in kinds and not isinstance(value, bool):
        return integer(value)
    if "boolean" in kinds and str(value).lower() in ("true", "t", "yes", "on", "1"):
        return True
    if "boolean" in kinds and str(value).lower() in ("false", "f", "no", "off", "0"):
        return False
    return value


def integer(value):
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        value = int(value.strip())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return max(-(2**63), min(value, 2**63 - 1)) if isinstance(value, int) else value


def resolved(document, reference):
    return document["components"]["schemas"][reference.rpartition("/")[2]]


# Parameters whose unusable values count as not sent, or for flags as false. Source: spec, entity §0.4 and §2.5, job §5.1,
# entry §16.
FORGIVEN = {"limit", "offset", "is_active", "all_users", "isAll", "format"}
# Ids that are not there are no error, however large. Source: spec, job §5.1.
ANY_INTEGER = {"target_id", "object_id"}


def parameters_fall_back(kind, case, response):
    """Each one by itself; one without a value counts as not sent, a number may have blanks around it. Source: spec, entity
    §0.4."""
    if kind != "AcceptedNegativeData" or not case.meta:
        return False
    changed = {mutation.parameter for mutation in getattr(case.meta.phase.data, "mutations", None) or []}
    changed.add(getattr(case.meta.phase.data, "parameter", None))
    changed.discard(None)
    # As it arrives: the last of several values counts, and an empty list or object is no value.
    arrived = dict(parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True))
    sent = {name: arrived.get(name, "") if name in (case.query or {}) else "-" for name in changed}
    plain = {name for name, text in sent.items() if not text or text != text.strip() and text.strip().isdecimal()}
    return bool(changed) and changed <= FORGIVEN | ANY_INTEGER | plain


# Operations that refuse some users without a body. Source: spec, entity §0.2 and auth-user §4.9.
REFUSE_IN_SILENCE = {"user_token_refresh", "entry_restore_value", "entry_rollback"}


def refusals_may_be_silent(kind, case, response):
    return (
        response.status_code == 403
        and not response.content
        and is_operation(case, *REFUSE_IN_SILENCE)
        and kind in ("MissingContentType", "MalformedJson")
    )


def nobody_refers_to_what_is_not_there(kind, case, response):
    """Whatever the digits are, the answer is an empty list. Source: spec, entry §13."""
    digits = str((case.path_parameters or {}).get("id", "")).strip()
    is_none = digits.isdecimal() and int(digits) >= 2**63
    changed = getattr(case.meta.phase.data, "parameter", None) if case.meta else None
    return kind == "AcceptedNegativeData" and is_operation(case, "entry_referrers") and (is_none or changed == "id")


def an_import_finds_its_roles_in_a_job(kind, case, response):
    """An id that no role has is a failure of its row, which the job tells. Source: spec, acl-role §6.3."""
    if kind != "AcceptedNegativeData" or not is_operation(case, "role_import") or not isinstance(case.body, list):
        return False
    document = case.operation.schema.raw_schema
    rows = [
        {key: value for key, value in row.items() if key != "id"} if isinstance(row, dict) else row for row in case.body
    ]
    schemas = [content["schema"] for content in case.operation.definition.raw["requestBody"]["content"].values()]
    whole = [{**schema, "components": document["components"]} for schema in schemas]
    return any(is_valid(full, meant(full, schema, rows)) for full, schema in zip(whole, schemas))


def the_older_route_answers_400(kind, case, response):
    """In plain text, to every method but GET. Source: spec, entity §2.7."""
    return kind == "UnsupportedMethodResponse" and case.operation.path == "/entity/api/v2/history/{id}"


def a_value_is_restored_by_patch_only(kind, case, response):
    """PUT is known, looks whether there is such a value, and is refused with 400. Source: spec, entry §10."""
    return kind == "UnsupportedMethodResponse" and case.operation.path == "/entry/api/v2/{id}/attrv_restore/"


def is_operation(case, *ids):
    return case.operation.definition.raw.get("operationId") in ids


def strangers_learn_no_methods(kind, case, response):
    """Who has not logged in is refused before it is looked whether there is such a method, and not told which there are.
    Source: spec, entity §0.1."""
    return kind == "UnsupportedMethodResponse" and response.status_code == 403 and not TOKEN["key"]


REASONS = [
    strangers_learn_no_methods,
    nobody_refers_to_what_is_not_there,
    an_import_finds_its_roles_in_a_job,
    the_older_route_answers_400,
    a_value_is_restored_by_patch_only,
    scalars_are_read_leniently,
    parameters_fall_back,
    refusals_may_be_silent,
]
