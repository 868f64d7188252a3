"""Settings of the gateway. Built once in `__main__`; no module holds an instance."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from shared.runtime.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """What the gateway adds to every service's settings."""

    gateway_host: str = Field("127.0.0.1", description="address to listen on")
    gateway_port: int = Field(5000, ge=0, le=65_535, description="sockets, health and metrics")
    gateway_pool_size: int = Field(10, ge=2, description="database connections of one gateway")
    gateway_sockets_max: int = Field(10_000, ge=1, description="above, new sockets get 503")
    api_port: int = Field(5001, ge=1, le=65_535)
    public_url: str = Field(
        "http://127.0.0.1:5001", description="what people type; https except on loopback"
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="more origins whose pages may connect, separated by commas"
    )

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())

    @property
    def origins(self) -> frozenset[str]:
        """Whose pages may open a socket."""
        url = urlsplit(self.public_url)
        found = {f"{url.scheme}://{url.netloc}", *self.allowed_origins}
        if self.env != "production":
            found |= {f"http://{host}:{self.api_port}" for host in ("127.0.0.1", "localhost")}
        return frozenset(found)
