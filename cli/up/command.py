"""`tm up`: from the command line to an exit code."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence

from cli.up import options as command_line
from cli.up import plan
from cli.up.account import server_account
from cli.up.data import DataDir
from cli.up.errors import UpError
from cli.up.stack import Stack


def main(arguments: Sequence[str]) -> int:
    began_s = time.monotonic()
    options = command_line.parse(arguments)
    data = DataDir(options.data)
    try:
        data.create(server_account())
        with data.locked():
            try:
                chosen = plan.make(options, data, os.environ)
                return asyncio.run(Stack(chosen, say, began_s).serve())
            finally:
                data.forget()
    except (UpError, OSError) as error:
        say(f"tm up: {error}")
        return 1
    except KeyboardInterrupt:  # before the event loop took over Ctrl-C
        return 0


def say(text: str) -> None:
    """Progress goes to standard error; standard output is for the ready message."""
    print(text, file=sys.stderr, flush=True)
