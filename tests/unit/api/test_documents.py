"""The documents say what the code does: examples that are taken, refusals that are named."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from api import access
from api.app import ROUTERS

ROUTES = {
    f"{method} {route.path}": route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in sorted(route.methods or ())
}
WITH_BODY = sorted(name for name, route in ROUTES.items() if route.body_field is not None)
# Bodies of any shape: settings under the original's names, an alert of whatever dialect.
FREE = {"POST /api/strategies/validate/", "POST /api/strategies/explain/"}


@cache
def documents() -> dict[str, Any]:
    app = FastAPI(title="Trade Manager", version="1", redirect_slashes=False)
    access.include(app, ROUTERS)
    return app.openapi()


def examples_in(schema: Any, schemas: dict[str, Any]) -> list[Any]:
    """Those of a body, or of each body it may be."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        return [each for one in schema["oneOf"] for each in examples_in(one, schemas)]
    found: list[Any] = schema.get("examples", [])
    return found


@pytest.mark.parametrize("name", sorted(set(WITH_BODY) - FREE))
def test_every_body_has_an_example_that_is_taken(name: str) -> None:
    route = ROUTES[name]
    assert route.body_field is not None
    kind: Any = route.body_field.field_info.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    method, path = name.split(" ")
    body = documents()["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]
    examples = examples_in(body["schema"], documents()["components"]["schemas"])
    assert examples, "no example"
    for example in examples:
        adapter.validate_python(example)


def test_every_refusal_is_named_and_has_the_one_shape() -> None:
    told = documents()
    assert told["openapi"].startswith("3.1")
    ids = [each["operationId"] for path in told["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids))
    error = {"$ref": "#/components/schemas/ErrorOut"}
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status >= "400" and not path.startswith("/webhook") and answer.get("content"):
                    found = answer["content"]["application/json"]["schema"]
                    assert found in (error, {}), f"{method} {path} {status}"
