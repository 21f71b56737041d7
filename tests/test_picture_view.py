"""A picture among other widgets: what it takes of the budget of bytes."""

import asyncio

from PIL import Image
from textual.app import App, ComposeResult
from textual.widgets import Static

from studio.picture_budget import PictureBudget
from studio.terminal import find_pictures
from studio.widgets.picture import Draw, PictureView


class Between(App[None]):
    """A picture with words above and below it."""

    CSS = "PictureView { width: 8; height: 4; }"

    def __init__(self) -> None:
        super().__init__()
        self.pictures = find_pictures("half")
        self.pictures.budget = PictureBudget(1e6, clock=lambda: 0.0)
        self.shown: list[Draw] = []

    def on_picture_view_shown(self, event: PictureView.Shown) -> None:
        self.shown.append(event.draw)

    def compose(self) -> ComposeResult:
        yield Static("above", id="above")
        yield PictureView(self.pictures)
        yield Static("below", id="below")

    def written(self, *selectors: str) -> float:
        """The bytes of pictures that it takes to paint these widgets again."""
        before = self.pictures.budget.left
        widgets = {self.query_one(selector).refresh() for selector in selectors}
        self.screen._compositor.update_widgets(widgets)
        update = self.screen._compositor.render_update(screen_stack=[self.screen])
        assert update is not None
        update.render_segments(self.console)
        return before - self.pictures.budget.left


def test_a_picture_counts_again_only_when_it_is_sent_again():
    async def script() -> None:
        app = Between()
        async with app.run_test(size=(20, 10)) as pilot:
            view = app.query_one(PictureView)
            view.show(lambda scale: Image.new("RGB", (8, 8), "red"), (4, 8))
            while view not in app.screen._compositor.visible_widgets:
                await pilot.pause(0.02)
            await pilot.pause()
            assert app.written("PictureView") == 0  # it was counted when it was put there
            assert app.written("#above", "#below") == 0
            assert app.written("PictureView") > 0

    asyncio.run(script())


def test_a_picture_that_looks_like_the_one_shown_is_not_sent_again():
    async def script() -> None:
        app = Between()
        async with app.run_test(size=(20, 10)) as pilot:
            view, budget = app.query_one(PictureView), app.pictures.budget

            async def show(color: str) -> float:
                """The bytes that it takes."""
                before = budget.left

                def draw(scale):
                    return Image.new("RGB", (8, 8), color)

                view.show(draw, (4, 8))
                while draw not in app.shown:
                    await pilot.pause(0.02)
                return before - budget.left

            assert await show("red") > 0
            assert await show("red") == 0
            assert await show("blue") > 0

    asyncio.run(script())
