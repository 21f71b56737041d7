"""Which part of the x axis a plot shows: all of it, a fixed part, or the latest part. Knows no screen."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class PlotWindow:
    """``span`` of x is shown, up to ``last``; without a span everything, without a last what came last.

    Every change gives a new window. ``whole`` is the range of all points, and ``least`` the shortest span.
    """

    span: float | None = None
    last: float | None = None

    @property
    def shows_everything(self) -> bool:
        return self.span is None

    def within(self, whole: Range) -> Range:
        """The first and the last x that are shown, first < last; a single point stands in the middle."""
        first, last = whole
        if first == last:
            # As wide as the number is precise, for numbers so large that one more is the same.
            margin = max(0.5, abs(first) * 1e-9)
            return first - margin, last + margin
        if self.span is None or self.span >= last - first:
            return first, last
        end = last if self.last is None else min(max(self.last, first + self.span), last)
        return end - self.span, end

    def zoomed(self, factor: float, at: float, whole: Range, least: float) -> "PlotWindow":
        """A window ``factor`` times as wide, in which ``at`` stays where it is."""
        first, last = self.within(whole)
        span = max((last - first) * factor, least)
        if span >= whole[1] - whole[0]:
            return PlotWindow()
        share = (at - first) / (last - first)
        return _kept_inside(at - share * span + span, span, whole)

    def panned(self, share: float, whole: Range) -> "PlotWindow":
        """Moved by a share of its width, to the right where it is positive."""
        if self.span is None:
            return self
        first, last = self.within(whole)
        return _kept_inside(last + share * (last - first), last - first, whole)

    def showing(self, x: float, whole: Range) -> "PlotWindow":
        """Moved just so far that x is inside."""
        first, last = self.within(whole)
        if self.span is None or first <= x <= last:
            return self
        return _kept_inside(x if x > last else x + self.span, self.span, whole)

    def at_start(self, whole: Range) -> "PlotWindow":
        return self if self.span is None else _kept_inside(whole[0], self.span, whole)

    def at_end(self) -> "PlotWindow":
        """On the latest points, and following them."""
        return PlotWindow(self.span)


def _kept_inside(end: float, span: float, whole: Range) -> PlotWindow:
    """At the end of all points the window follows what comes."""
    end = max(end, whole[0] + span)
    return PlotWindow(span) if end >= whole[1] else PlotWindow(span, end)
