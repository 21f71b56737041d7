"""How each of several runs is told from the others: by a glyph as well as by colour, the same wherever it is shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SeriesLook:
    glyph: str
    color: str


# Okabe and Ito's palette, with grey in the place of its black: told apart with any common colour deficiency.
SERIES_LOOKS = (
    SeriesLook("●", "#56b4e9"),
    SeriesLook("▲", "#e69f00"),
    SeriesLook("■", "#2bb58a"),
    SeriesLook("◆", "#cc79a7"),
    SeriesLook("○", "#f0e442"),
    SeriesLook("△", "#e8743b"),
    SeriesLook("□", "#6f8fe0"),
    SeriesLook("◇", "#b8c0cc"),
)


class Marks:
    """Runs marked for comparison, each with a look of its own that it keeps until its mark is taken away."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def is_full(self) -> bool:
        return len(self._places) == len(SERIES_LOOKS)

    @property
    def names(self) -> list[str]:
        """The marked runs, in the order of their looks."""
        return sorted(self._places, key=self._places.__getitem__)

    def look(self, name: str) -> SeriesLook | None:
        """The look of a marked run."""
        return SERIES_LOOKS[self._places[name]] if name in self._places else None

    def toggle(self, name: str) -> None:
        """Mark a run, or take its mark away. Raises ValueError where all looks are taken."""
        if name in self._places:
            del self._places[name]
            return
        free = [place for place in range(len(SERIES_LOOKS)) if place not in self._places.values()]
        if not free:
            raise ValueError(f"{len(SERIES_LOOKS)} runs are marked already")
        self._places[name] = free[0]

    def rename(self, old: str, new: str) -> None:
        """Follow a run to its new name."""
        if old in self._places:
            self._places[new] = self._places.pop(old)

    def keep_only(self, names: set[str]) -> None:
        """Forget marks of runs that are gone."""
        self._places = {name: place for name, place in self._places.items() if name in names}
