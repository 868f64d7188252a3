"""The command line of `tm up`. Its flags are a fixed interface; scripts depend on them."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cli.paths import DEFAULT_DATA

LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Options:
    """A port of 0 means any free one. None: not given."""

    data: Path
    api_port: int
    gateway_port: int
    paper_port: int
    user: str | None
    password: str | None
    prices: Path | None
    speed: Decimal | None
    json: bool
    check: bool


def parse(arguments: Sequence[str]) -> Options:
    """Ends the process with a usage message if the arguments make no sense."""
    parser = argparse.ArgumentParser(
        prog="tm.py up",
        description="Start everything on this machine. Ctrl-C stops it in order.",
        epilog="DATABASE_URL and REDIS_URL name servers of your own instead of the embedded ones.",
    )
    add = parser.add_argument
    add("--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help="default: %(default)s")
    add("--api-port", type=_port, default=5001, metavar="PORT", help="default: %(default)s")
    add("--gateway-port", type=_port, default=5000, metavar="PORT", help="default: %(default)s")
    add("--paper-port", type=_port, default=5010, metavar="PORT", help="default: %(default)s")
    add("--user", type=_text, metavar="NAME", help="sign-in name; kept for later starts")
    add("--password", type=_text, metavar="TEXT", help="sign-in password; kept for later starts")
    add("--prices", type=_file, metavar="FILE", help="CSV of bars for the paper venue to replay")
    add("--speed", type=_speed, metavar="X", help="of prices against real time; 0 holds them still")
    add("--json", action="store_true", help="print one line of JSON when ready")
    add("--check", action="store_true", help="run a sample alert to a closed trade, then stop")
    found = vars(parser.parse_args(arguments))
    return Options(**{**found, "data": found["data"].absolute()})


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to {LAST_PORT}")
    return int(text)


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it may not be empty")
    return text


def _file(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no file")
    return path


def _speed(text: str) -> Decimal:
    try:
        speed = Decimal(text)
    except InvalidOperation:
        speed = Decimal("NaN")
    if not (speed.is_finite() and speed >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 up")
    return speed
