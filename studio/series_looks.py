"""How each of several runs is told from the others: by a glyph as well as by colour, the same wherever it is shown."""

from dataclasses import dataclass

# Okabe & Ito 2008, told apart with any kind of colour vision, in an order whose neighbours differ most on a dark
# ground; black, which would not be seen there, became grey.
SERIES_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#3d8fd1", "#b8b8b8")
# The same hues in the same order, dark enough to be read on a light ground.
SERIES_COLORS_ON_LIGHT = (
    "#0072b2", "#a86000", "#00735a", "#756800", "#9c4a7c", "#b83a00", "#2a6f97", "#5f5f5f",
)  # fmt: skip
SERIES_GLYPHS = ("●", "▲", "■", "◆", "▼", "○", "△", "□")
ASCII_GLYPHS = ("o", "x", "#", "*", "+", "%", "@", "=")
FEWEST_COMPARED, MOST_SERIES = 2, len(SERIES_COLORS)


@dataclass(frozen=True)
class SeriesLook:
    """The look of the series of a number, which is 0 to MOST_SERIES - 1."""

    number: int

    @property
    def glyph(self) -> str:
        return SERIES_GLYPHS[self.number]

    @property
    def variable(self) -> str:
        """What a theme calls its colour."""
        return f"series-{self.number}"


class Marks:
    """Runs marked for comparison, each with a look of its own that it keeps until its mark is taken away."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def names(self) -> list[str]:
        """The marked runs, in the order of their looks."""
        return sorted(self._numbers, key=self._numbers.__getitem__)

    def look(self, name: str) -> SeriesLook | None:
        """The look of a marked run."""
        return SeriesLook(self._numbers[name]) if name in self._numbers else None

    def toggle(self, name: str) -> None:
        """Mark a run, or take its mark away. Raises ValueError where all looks are taken."""
        if name in self._numbers:
            del self._numbers[name]
            return
        free = [number for number in range(MOST_SERIES) if number not in self._numbers.values()]
        if not free:
            raise ValueError(f"{MOST_SERIES} runs are marked already")
        self._numbers[name] = free[0]

    def rename(self, old: str, new: str) -> None:
        """Follow a run to its new name."""
        if old in self._numbers:
            self._numbers[new] = self._numbers.pop(old)

    def keep_only(self, names: set[str]) -> None:
        """Forget marks of runs that are gone."""
        self._numbers = {name: number for name, number in self._numbers.items() if name in names}
