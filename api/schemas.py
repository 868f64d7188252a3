"""Bases of what comes in and what goes out."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A request body. An unknown field is an error; the owner's id is never one of the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Answer(BaseModel):
    """A response body: Decimals go out as strings, times as ISO 8601 with Z."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
