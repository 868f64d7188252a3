"""The endpoints, one module for each group; importing this package registers all of them."""

from paper.endpoints import (
    auth,
    cash,
    charts,
    contracts,
    entities,
    market_data,
    orders,
    risk,
    strategies,
    sync,
)

__all__ = [
    "auth",
    "cash",
    "charts",
    "contracts",
    "entities",
    "market_data",
    "orders",
    "risk",
    "strategies",
    "sync",
]
