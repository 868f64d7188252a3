"""The error tree: each class says what to do next, each code is stable and public.

TradeManagerError
├── InvalidInput        the caller must change the request
│   └── AlertRefused    an alert that can never become a signal (stored for its owner)
├── NotFound            no such thing, or not yours: the two look alike
├── Conflict            the state has moved on; read it again
├── NotAllowed          known, and refused
├── RateLimited         come back later
├── Unavailable         something we depend on is away; trying again may help
│   └── BrokerUnavailable
├── BrokerRefused       the broker said no; repeating changes nothing
└── CredentialsExpired  a person must sign in at the broker again
"""

from __future__ import annotations


class TradeManagerError(Exception):
    """Root of every error we raise on purpose.

    `code` is a dotted, stable name (`parse.too_large`); `message` is one plain sentence for a
    person and never holds a secret; `context` holds the compared values.
    """

    def __init__(self, code: str, message: str, **context: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.context = context

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"


class InvalidInput(TradeManagerError):  # noqa: N818 - the tree names what to do, not "Error"
    """The caller must change the request."""


class AlertRefused(InvalidInput):
    """An alert that can never become a signal; it is stored with this code for its owner."""


class NotFound(TradeManagerError):  # noqa: N818 - see InvalidInput
    """No such thing, or somebody else's: the two must look alike."""


class Conflict(TradeManagerError):  # noqa: N818 - see InvalidInput
    """The state has moved on."""


class NotAllowed(TradeManagerError):  # noqa: N818 - see InvalidInput
    """Known, and refused."""


class RateLimited(TradeManagerError):  # noqa: N818 - see InvalidInput
    """Come back later."""


class Unavailable(TradeManagerError):  # noqa: N818 - see InvalidInput
    """A dependency is away; trying again may help."""


class BrokerUnavailable(Unavailable):
    """The broker cannot be reached or asked now."""


class BrokerRefused(TradeManagerError):  # noqa: N818 - see InvalidInput
    """The broker said no; repeating changes nothing."""


class CredentialsExpired(TradeManagerError):  # noqa: N818 - see InvalidInput
    """A person must sign in at the broker again."""
