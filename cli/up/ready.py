"""What a run tells its reader once it is ready: for people, or as one line of JSON. Pure."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from cli.up.credentials import Credentials
from cli.up.environment import Addresses


def information(
    addresses: Addresses, known: Credentials, pids: Mapping[str, int]
) -> dict[str, Any]:
    """The keys are a fixed interface."""
    return {
        "api_url": addresses.api_url,
        "gateway_url": addresses.gateway_url,
        "paper_url": addresses.paper_url,
        "paper_user": known.paper_user,
        "paper_password": known.paper_password,
        "user": known.user,
        "password": known.password,
        "webhook_url": f"{addresses.api_url}/webhook/{known.webhook_key}",
        "webhook_key": known.webhook_key,
        "strategy": known.strategy,
        "database_url": addresses.database_url,
        "redis_url": addresses.redis_url,
        "pids": dict(pids),
    }


def as_text(info: Mapping[str, Any], took_s: float) -> str:
    message = sample_alert(str(info["strategy"]))
    curl = shlex.join(["curl", "-d", message, str(info["webhook_url"])])
    return "\n".join(
        (
            f"Trade Manager is ready after {took_s:.1f} s. Ctrl-C stops it.",
            f"  open     {info['api_url']}",
            f"  sign in  {info['user']} / {info['password']}",
            f"  webhook  {info['webhook_url']}",
            f"  alert    {message}",
            f"  try      {curl}",
        )
    )


def sample_alert(strategy: str) -> str:
    """A message that TradingView could send, with nothing left to fill in."""
    return json.dumps({"strategy": strategy, "symbol": "MNQ1!", "action": "buy", "quantity": 1})
