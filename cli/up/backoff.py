"""How long to wait before a program that died is started again. Pure."""

from dataclasses import dataclass

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
STEADY_AFTER_S = 10.0  # a program that ran this long starts over with the first delay


@dataclass(frozen=True, slots=True)
class Backoff:
    """`failures` counts deaths in a row, each within STEADY_AFTER_S of its start."""

    failures: int = 0

    def died(self, uptime_s: float) -> "Backoff":
        steady = uptime_s >= STEADY_AFTER_S
        return Backoff(1 if steady else self.failures + 1)

    @property
    def delay_s(self) -> float:
        if self.failures == 0:
            return 0.0
        return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(self.failures - 1, 16))
