"""The application, built from its resources by constructors. Nothing here runs at import."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from api import access, errors
from api.accounts import endpoints as accounts
from api.analytics import endpoints as analytics
from api.auth import endpoints as auth
from api.commands import endpoints as commands
from api.connections import endpoints as connections
from api.controls import endpoints as controls
from api.dashboard import endpoints as dashboard
from api.drifts import endpoints as drifts
from api.edge import Edge
from api.instruments import endpoints as instruments
from api.jobs import endpoints as jobs
from api.live import endpoints as live
from api.logs import endpoints as logs
from api.onboarding import endpoints as onboarding
from api.orders import endpoints as orders
from api.profiles import endpoints as profiles
from api.recorder import endpoints as recorder
from api.resources import Resources
from api.signals import endpoints as signals
from api.strategies import endpoints as strategies
from api.system import codes
from api.system import endpoints as system
from api.trades import endpoints as trades
from api.users import endpoints as users
from api.webhooks import endpoints as webhooks

# A REST resource is a folder with `endpoints.py`, and one line here.
ROUTERS: Final = (
    *system.ROUTERS,
    *codes.ROUTERS,
    *auth.ROUTERS,
    *users.ROUTERS,
    *onboarding.ROUTERS,
    *webhooks.ROUTERS,
    *strategies.ROUTERS,
    *accounts.ROUTERS,
    *controls.ROUTERS,
    *instruments.ROUTERS,
    *drifts.ROUTERS,
    *live.ROUTERS,
    *connections.ROUTERS,
    *commands.ROUTERS,
    *orders.ROUTERS,
    *jobs.ROUTERS,
    *trades.ROUTERS,
    *dashboard.ROUTERS,
    *analytics.ROUTERS,
    *profiles.ROUTERS,
    *recorder.ROUTERS,
    *signals.ROUTERS,
    *logs.ROUTERS,
)


def create_app(resources: Resources) -> FastAPI:
    """Raises `UndeclaredAccessError` when a route says not who may call it."""
    app = FastAPI(
        title="Trade Manager",
        version="1",
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.resources = resources
    app.state.door = webhooks.Door(resources)
    app.add_middleware(
        Edge,
        settings=resources.settings,
        clock=resources.clock,
        random_bytes=resources.random_bytes,
    )
    errors.install(app)
    access.include(app, ROUTERS)
    access.check_all(app.routes)
    return app
