"""Bases of what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


def example(fields: dict[str, Any]) -> ConfigDict:
    """`model_config` of a body that shows this in the documents."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Body(BaseModel):
    """A request body. An unknown field is an error; the owner's id is never one of the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Answer(BaseModel):
    """A response body: Decimals go out as strings, times as ISO 8601 with Z."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
