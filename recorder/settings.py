"""What recorder needs to know."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.runtime.settings import ServiceSettings


class RecorderSettings(ServiceSettings):
    """Addresses of the brokers it looks at, and how often."""

    vault_private_key: SecretStr = Field(description="opens sealed credentials (64 hex digits)")
    vault_previous_private_key: SecretStr = Field(
        SecretStr(""), description="the key before it, until `tm vault rotate` is through"
    )
    paper_url: str = Field("http://127.0.0.1:5010/v1", description="REST base of the paper venue")
    tradovate_demo_url: str = Field(
        "https://demo.tradovateapi.com/v1", description="REST base of demo accounts"
    )
    recorder_poll_s: float = Field(
        60.0, ge=1, le=300, description="pause between two looks at demo and paper accounts"
    )
