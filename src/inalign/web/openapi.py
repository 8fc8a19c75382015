"""The OpenAPI description of the questions, made of the same types that questions and answers are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from inalign.store.queries.filters import MAX_PAGE_ROWS, SPELLED, Filters
from inalign.store.queries.view import AFTER, MAX_CURSOR, View
from inalign.version import __version__

Json = dict[str, Any]  # Any: a schema is JSON of any shape

_REFUSALS = {
    "400": "A filter is not understood, cannot narrow this question, or is there twice",
    "401": "Nobody is signed in, and the token is none or does not count any more",
    "403": "There are no users yet, and the request comes from elsewhere",
    "503": "The store cannot be asked",
}
_PROBLEM: Json = {
    "type": "object",
    "properties": {"status": {"type": "integer"}, "detail": {"type": "string"}},
    "required": ["status", "detail"],
}  # fmt: skip
_MORE: Mapping[str, Json] = {
    "limit": {"minimum": 1, "maximum": MAX_PAGE_ROWS},
    "after": {"maxLength": MAX_CURSOR, "pattern": "^[A-Za-z0-9_-]*$"},
}
"""What the types alone do not say."""


def openapi(views: Mapping[str, View]) -> Json:
    """The description, for machines."""
    rows = [view.row for view in views.values()]
    schemas, components = msgspec.json.schema_components([*rows, Filters], ref_template="#/components/schemas/{name}")
    filters = components.pop("Filters")["properties"]
    paths = {
        f"/api/v1/{view.name}": {"get": _question(view, schema, filters)}
        for view, schema in zip(views.values(), schemas, strict=False)
    }
    paths["/api/v1/openapi.json"] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Inalign", "version": __version__},
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": json.loads(json.dumps(components)) | {"Problem": _PROBLEM},
        },
    }


def _question(view: View, row: Json, filters: Mapping[str, Json]) -> Json:
    needed = "key" if view.needs_key else ""
    return {
        "operationId": view.name,
        "summary": view.about,
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name == needed,
                # Forms send empty fields; they mean that nothing was chosen.
                "allowEmptyValue": name != needed,
                "schema": {**filters[name], **_MORE.get(name, {}), **({"minLength": 1} if name == needed else {})},
            }
            for name in (*(SPELLED[each] for each in view.filters), "zone", "limit", "after")
        ],
        "responses": {
            "200": {
                "description": "The rows",
                "headers": {
                    AFTER: {"schema": {"type": "string"}, "description": "Where rows follow, the cursor to go on with"}
                },
                "content": {"application/json": {"schema": {"type": "array", "items": row}}},
            },
            **_refusals(*_REFUSALS),
        },
    }


def _itself() -> Json:
    return {
        "operationId": "openapi",
        "summary": "This description",
        "responses": {
            "200": {"description": "It", "content": {"application/json": {"schema": {"type": "object"}}}},
            **_refusals("401", "403"),
        },
    }


def _refusals(*statuses: str) -> Json:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _REFUSALS[status], "content": content} for status in statuses}
