"""Where the project stands, and where a local run keeps its data unless told otherwise."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_DATA = ROOT / ".tm"
