"""Logging in, staying in, and who one is."""

from __future__ import annotations

from paper.calls import Call, Refusal, endpoint
from paper.rows import User
from paper.sessions import Tokens

_WRONG = "Incorrect username or password. Please try again."


@endpoint("auth/accesstokenrequest", is_open=True)
def access_token_request(call: Call) -> object:
    """200 for bad credentials too, then only with `errorText`. appId, cid and sec are not read."""
    name, password = call.params.get("name"), call.params.get("password")
    if not isinstance(name, str) or not isinstance(password, str):
        return {"errorText": _WRONG}
    user = call.venue.sessions.user(name, password)
    if user is None:
        return {"errorText": _WRONG}
    return _answer(user, call.venue.sessions.open(user.id))


@endpoint("auth/renewaccesstoken")
def renew_access_token(call: Call) -> object:
    if call.session is None:
        raise Refusal(401, "Access is denied")
    user = call.venue.store.must(User, call.session.user_id)
    return _answer(user, call.venue.sessions.renew(call.session))


@endpoint("auth/me")
def me(call: Call) -> object:
    user = call.venue.store.must(User, call.user_id)
    return {
        "userId": user.id,
        "name": user.name,
        "fullName": user.name,
        "email": user.email,
        "emailVerified": True,
        "isTrial": False,
        "currentMDSubs": [],
        "activePlugins": [],
    }


def _answer(user: User, tokens: Tokens) -> object:
    return {
        "accessToken": tokens.access,
        "mdAccessToken": tokens.market_data,
        "expirationTime": tokens.session.expires_at,
        "userStatus": user.status,
        "userId": user.id,
        "name": user.name,
        "hasLive": False,
        "hasMarketData": True,
    }
