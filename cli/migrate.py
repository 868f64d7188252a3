"""`tm migrate`: bring the database to the newest schema."""

import os
from pathlib import Path

from cli.running import owner_url


def migrate(data: Path | None) -> int:
    from shared.db.migrate import is_current, upgrade

    url = owner_url(data, os.environ)
    if is_current(url):
        print("The schema is at its newest revision.")
        return 0
    upgrade(url)
    print("The schema has been brought to its newest revision.")
    return 0
