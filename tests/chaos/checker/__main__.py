"""`python -m tests.chaos.checker FOLDER`: judge what a slice left there; exit code 1 if wrong."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.chaos.checker import read, violations

SHOWN_MAX = 40


def main(folder: Path) -> int:
    found = violations(read(folder))
    for violation in found[:SHOWN_MAX]:
        print(f"{violation.kind}: {violation.what}")
    print(f"{len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
