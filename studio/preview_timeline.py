"""Which preview of a run is shown: the latest, or an earlier one that was chosen. Knows no screen."""

from bisect import bisect_right


class PreviewTimeline:
    """The steps of a run's previews, and a place among them that follows the latest until another is chosen."""

    def __init__(self) -> None:
        self.steps: tuple[int, ...] = ()
        self._chosen: int | None = None

    def take(self, steps: tuple[int, ...]) -> None:
        """The steps that there are previews of now, rising. What was chosen stays, as long as it is there."""
        self.steps = steps

    @property
    def follows(self) -> bool:
        """Whether the next preview will be shown as soon as it is there."""
        return self._chosen is None

    @property
    def position(self) -> int:
        """The number of the one that is shown, 0 for the first; 0 also while there is none."""
        last = max(0, len(self.steps) - 1)
        if self._chosen is None:
            return last
        return max(0, bisect_right(self.steps, self._chosen) - 1)

    @property
    def step(self) -> int | None:
        """The step of the one that is shown; None while there is none."""
        return self.steps[self.position] if self.steps else None

    def go_to(self, position: int) -> None:
        """Choose one by its number; the last one, or any after it, is the latest, which is followed."""
        if not self.steps:
            return
        position = max(0, position)
        self._chosen = None if position >= len(self.steps) - 1 else self.steps[position]

    def move(self, by: int) -> None:
        """Go on, or back, by so many previews."""
        self.go_to(self.position + by)

    def follow(self) -> None:
        """Go to the latest and stay with it."""
        self._chosen = None

    @property
    def words(self) -> str:
        """Where the one that is shown stands: ``3 of 12``, ``latest of 12``."""
        if not self.steps:
            return ""
        place = "latest" if self.follows else str(self.position + 1)
        return f"{place} of {len(self.steps)}"
