"""How a commit is made known: the events it wrote are offered to the streams, nothing waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.contracts.envelope import Envelope

Bell = Callable[[Sequence[Envelope]], None]
