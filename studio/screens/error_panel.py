"""An error as a panel that stays until it has been read: what happened, what to do, details to copy."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from studio.action import Place
from studio.actions import window_bindings
from studio.error_report import ErrorReport
from studio.screens.window import StudioWindow
from studio.widgets.choice import Choice
from studio.widgets.key_line import KeyLine


class ErrorPanel(StudioWindow[None]):
    """Shows a report; its details on demand."""

    place: ClassVar[Place] = "error"
    BINDINGS: ClassVar[list[BindingType]] = window_bindings("error")

    def __init__(self, report: ErrorReport) -> None:
        super().__init__()
        self.report = report

    def compose(self) -> ComposeResult:
        report = self.report
        with Vertical(classes="dialog error-panel"):
            yield Static(Content.styled(f"✗ {report.title}", "bold $text-error"))
            yield Static(report.what, classes="dialog-detail", markup=False)
            if report.advice:
                yield Static(Content.styled(report.advice, "$muted"), classes="dialog-detail")
            with VerticalScroll(id="error-details"):
                yield Static(report.details, markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Choice("Details (d)", "details")
                yield Choice("Copy details (c)", "copy")
                yield Choice("Close (esc)", "close", "primary")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#error-details").display = False
        self.query_one("#close").focus()

    def on_choice_chosen(self, event: Choice.Chosen) -> None:
        match event.choice.id:
            case "details":
                self.action_details()
            case "copy":
                self.action_copy()
            case _:
                self.dismiss()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.report.details)

    def action_details(self) -> None:
        details = self.query_one("#error-details")
        details.display = not details.display
        (details if details.display else self.query_one("#close")).focus()
