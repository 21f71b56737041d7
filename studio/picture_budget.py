"""How many bytes pictures may take on the way to the terminal, so that keys and words still get through."""

import os
import time
from collections.abc import Callable

DEFAULT_RATE = 64_000
# Seconds' worth that may come at once: a line over a network is blocked meanwhile, a terminal on this machine is not.
LOCAL_BURST, REMOTE_BURST = 4.0, 1.0
_MINUTE = 60.0


class PictureBudget:
    """Any minute holds at most 60 x ``rate`` bytes, of which up to ``burst_seconds`` x ``rate`` may come at once."""

    def __init__(
        self,
        rate: float = DEFAULT_RATE,
        burst_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``rate`` in bytes a second; the burst is 4 seconds' worth, or 1 where the session came over SSH."""
        remote = "SSH_CONNECTION" in os.environ
        self._burst_seconds = burst_seconds or (REMOTE_BURST if remote else LOCAL_BURST)
        self._clock = clock
        self.set_rate(rate)

    def set_rate(self, rate: float) -> None:
        """Begin anew with another rate."""
        self.rate = rate
        self.burst = self._burst_seconds * rate
        self._left, self._at = self.burst, self._clock()

    @property
    def left(self) -> float:
        """Bytes that may be written now; negative after more was written than there was."""
        now = self._clock()
        # Less than the rate, so that a burst and the minute after it stay within the rate together.
        refill = (_MINUTE * self.rate - self.burst) / _MINUTE
        self._left = min(self.burst, self._left + (now - self._at) * refill)
        self._at = now
        return self._left

    def spend(self, n_bytes: int) -> None:
        """Take note of bytes that are written."""
        self._left = self.left - n_bytes

    def spend_again(self, n_bytes: int) -> None:
        """Take note of bytes of a picture that is sent once more, as something has covered it.

        That is not for pictures to decide. So it leaves a second's worth of debt at most: who goes from screen to
        screen would wait minutes for a picture otherwise.
        """
        self._left = max(self.left - n_bytes, -self.rate)
