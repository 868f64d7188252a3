"""Logging in, staying in, and who one is."""

from __future__ import annotations

from paper.calls import Call, Refusal, endpoint
from paper.oauth import GrantError
from paper.rows import User
from paper.sessions import Tokens

_WRONG_KEY = "Incorrect API key"
_WRONG = "Incorrect username or password. Please try again."


@endpoint("auth/accesstokenrequest", is_open=True)
def access_token_request(call: Call) -> object:
    """200 for bad credentials too, then only with `errorText`.

    An API key (cid, sec) may be left out; one that is sent must be a configured client's.
    """
    name, password = call.params.get("name"), call.params.get("password")
    if not isinstance(name, str) or not isinstance(password, str):
        return {"errorText": _WRONG}
    cid, sec = call.params.get("cid"), call.params.get("sec")
    grants = call.venue.grants
    if cid is not None and grants.clients and not grants.is_right(str(cid), str(sec or "")):
        return {"errorText": _WRONG_KEY}
    user = call.venue.sessions.user(name, password)
    if user is None:
        return {"errorText": _WRONG}
    return _answer(user, call.venue.sessions.open(user.id))


@endpoint("auth/oauthtoken", is_open=True)
def oauth_token(call: Call) -> object:
    """Exchange an authorisation code; what is wrong with it comes as `error` with 200."""
    asked = {name: str(value) for name, value in call.params.items() if value is not None}
    if asked.get("grant_type") != "authorization_code":
        return {"error": "unsupported_grant_type", "error_description": "Only codes are taken"}
    try:
        user_id = call.venue.grants.redeem(
            asked.get("code", ""),
            asked.get("client_id", ""),
            asked.get("client_secret", ""),
            asked.get("redirect_uri", ""),
            call.venue.clock.now(),
        )
    except GrantError as error:
        return {"error": error.error, "error_description": str(error)}
    tokens = call.venue.sessions.open(user_id)
    return {
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": int(call.venue.settings.paper_token_life_s),
    }


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
        "hasSimPlus": False,
        "showKIDs": False,
        "hasFunded": False,
        "hasMarketData": True,
        "outdatedTaC": False,
        "outdatedLiquidationPolicy": False,
    }
