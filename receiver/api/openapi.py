"""The OpenAPI document of the API, made from the table of operations and the shapes themselves.

Owns how they are written down. Refuses to know a path or a field that is not theirs.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs.common.parsing import check_names
from jobs.filters import TIMES, ChargeFilter, DeliveryFilter
from jobs.queries.exceptions.listing import EXAMPLES
from jobs.queries.ledger.billing_events import Basis
from jobs.queries.ledger.revenue import GROUPS
from receiver.api.call import Operation
from receiver.api.export import FORMATS
from receiver.api.operations import OPENAPI_PATH, OPERATIONS

_REF = "#/components/schemas/"
_TEXT = {"type": "string", "minLength": 1}
_TIME = _TEXT | {
    "description": "RFC 3339, a date for its start in RECEIVER_TIMEZONE, or a span such as 7d: so "
    "long before now."
}

#: What each parameter may be; one that is not here is any text.
PARAMETERS: dict[str, dict[str, Any]] = {
    "after": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]*$",
        "description": "An earlier `next` of such a page; empty: from the first line.",
    },
    "basis": {"enum": list(get_args(Basis))},
    "by": {"type": "string", "description": f"Separated by commas: {', '.join(GROUPS)}."},
    "cursor": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]+$",
        "description": "An earlier `next`.",
    },
    "examples": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "default": EXAMPLES},
    "format": {"enum": list(FORMATS)},
    "ids": _TEXT | {"description": "Ids of deliveries, separated by commas."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1, "default": 100},
    **{name: {"enum": list(values)} for name, values in DeliveryFilter.choices().items()},
    **dict.fromkeys(TIMES, _TIME),
}
#: Where a member of a JSON body is another thing than the parameter of that name.
MEMBERS: dict[str, dict[str, Any]] = {
    "dry_run": {"type": "boolean"},
    "rebill": {"type": "boolean"},
    "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 10_000},
    "limit": {"type": "integer", "minimum": 1},
}

#: The filter of a correction, as an object of its own.
MEMBERS["filter"] = {
    "type": "object",
    "properties": {
        name: MEMBERS.get(name, PARAMETERS.get(name, _TEXT)) for name in ChargeFilter.model_fields
    },
    "additionalProperties": False,
}

ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "detail": {"type": "string"}},
    "required": ["error", "detail"],
    "additionalProperties": False,
}
_ERRORS = {
    400: "A parameter or the body is not as it should be; the detail names it and the fix.",
    401: "Without the token, or with another one.",
    404: "There is nothing of this name.",
    409: "Other mappings are in force than those that were named.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    503: "The database did not answer; try again.",
}


@functools.cache
def document() -> dict[str, Any]:
    """The whole document, as OpenAPI 3.1."""
    models = sorted(
        {model for operation in OPERATIONS for model in operation.gives.values()},
        key=lambda model: model.__name__,
    )
    names, schemas = _schemas(models)
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"/api{operation.path}", {})[operation.method.lower()] = _call(
            operation, names
        )
    paths[f"/api{OPENAPI_PATH}"] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "receiver", "version": version("receiver")},
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR, **schemas},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


async def serve_document(request: Request) -> Response:
    """`GET /api/openapi.json`."""
    check_names(request.query_params.keys(), ())
    return JSONResponse(document())


def _schemas(models: Iterable[type[BaseModel]]) -> tuple[dict[type[BaseModel], str], Any]:
    """The reference to each model, and all definitions. A member with a default may be left out."""
    models = tuple(models)
    keys, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=f"{_REF}{{model}}"
    )
    names = {model: keys[model, "validation"]["$ref"] for model in models}
    return names, definitions["$defs"]


def _call(operation: Operation, names: dict[type[BaseModel], str]) -> dict[str, Any]:
    errors = [400, 401, 503]
    errors += [404] if operation.may_miss else []
    errors += [409] if operation.may_conflict else []
    errors += [408, 413] if operation.members is not None else []
    answers = {
        str(status): _answer("As asked.", {"$ref": names[model]}, also=operation.also)
        for status, model in operation.gives.items()
    }
    answers |= {
        str(status): _answer(_ERRORS[status], {"$ref": f"{_REF}Error"}) for status in sorted(errors)
    }
    call: dict[str, Any] = {
        "operationId": operation.answered_by.__name__,
        "summary": operation.summary,
        "parameters": [*_in_path(operation.path), *_in_query(operation)],
        "responses": answers,
    }
    if operation.members is not None:
        call["requestBody"] = {"required": True, "content": _json(_object(operation.members))}
    return call


def _itself() -> dict[str, Any]:
    return {
        "operationId": "openapi",
        "summary": "This document.",
        "responses": {
            "200": _answer("As asked.", {"type": "object"}),
            "400": _answer(_ERRORS[400], {"$ref": f"{_REF}Error"}),
            "401": _answer(_ERRORS[401], {"$ref": f"{_REF}Error"}),
        },
    }


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _in_query(operation: Operation) -> list[dict[str, Any]]:
    choices = operation.filter.choices() if operation.filter else {}
    enums = {name: {"enum": list(values)} for name, values in choices.items()}
    known = {**PARAMETERS, **enums, **operation.parameters}
    return [
        {"name": name, "in": "query", "schema": known.get(name, _TEXT)}
        for name in operation.query_names
    ]


def _object(members: Iterable[str]) -> dict[str, Any]:
    known = {name: MEMBERS.get(name, PARAMETERS.get(name, _TEXT)) for name in members}
    return {"type": "object", "properties": known, "additionalProperties": False}


def _answer(
    description: str, schema: dict[str, Any], *, also: Iterable[str] = ()
) -> dict[str, Any]:
    others = {media: {"schema": {"type": "string"}} for media in also}
    return {"description": description, "content": _json(schema) | others}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
