"""The checkpoints of a run: which are whole, and going on, branching or drawing from any of them."""

import asyncio
from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from ddpm import retention
from ddpm.errors import DDPMError, RunNameError
from ddpm.runs import Run, check_name
from ddpm.runs_root import free_name
from studio import checkpoint_list, figures, messages
from studio.action import Place
from studio.actions import bindings
from studio.checkpoint_list import CheckpointList, Identity, ListedCheckpoint, Verification, identity
from studio.long_job import GivenUpError, LongJob, told_as
from studio.screens.base import StudioScreen
from studio.screens.dialogs import Ask
from studio.screens.export_dialog import ExportDialog
from studio.widgets.checkpoints_table import CheckpointsTable
from studio.widgets.step_samples import StepSamples
from studio.widgets.words import Words
from studio.workshop import Workshop

NEEDS_WHOLE = ("resume", "branch", "sample", "export")
NEEDS_ONE = (*NEEDS_WHOLE, "verify", "keep", "delete")
VERIFYING_SECONDS = 0.2


class CheckpointsScreen(StudioScreen):
    place: ClassVar[Place] = "checkpoints"
    BINDINGS: ClassVar[list[BindingType]] = bindings("checkpoints")

    def __init__(self, workshop: Workshop, run: Run) -> None:
        super().__init__(workshop, run.name, " › Checkpoints")
        self.run = run
        self._list = CheckpointList()
        self._verifying: Verification | None = None
        self._verified: dict[Identity, str] = {}
        self._keys_for: tuple[object, ...] = ()

    @property
    def chosen_run(self) -> Run | None:
        return self.run

    def body(self) -> list[Widget]:
        samples = StepSamples(self.workshop.pictures, empty="", id="checkpoint-samples")
        return [
            Horizontal(CheckpointsTable(id="checkpoints-table"), samples, id="checkpoints"),
            Words("", id="checkpoints-words", markup=False),
        ]

    def on_mount(self) -> None:
        self._table.focus()
        self.follow(self._look)

    def on_unmount(self) -> None:
        self.action_stop_verifying()

    @property
    def _table(self) -> CheckpointsTable:
        return self.query_one(CheckpointsTable)

    async def _look(self) -> float:
        found = await asyncio.to_thread(checkpoint_list.look, self.run, dict(self._verified))
        if self.is_there:
            self._list = found
            self._show()
            await self._show_samples()
        return 1.0

    def _show(self) -> None:
        self._table.show(self._list.listed, self._verifying)
        self._chosen_changed()

    def _chosen_changed(self) -> None:
        """Below the table: what there is, and what is to be known of the chosen one; in the footer, its keys."""
        self.query_one("#checkpoints-words", Words).update(self._words())
        chosen = self._table.chosen
        keys_for = (
            chosen and (chosen.step, chosen.problem, chosen.kept),
            self._list.training,
            self._list.doomed,
        )
        if keys_for != self._keys_for:
            self._keys_for = keys_for
            self.refresh_bindings()

    def _words(self) -> str:
        chosen = self._table.chosen
        if chosen is None:
            return (
                "No checkpoints yet. One is written at intervals while it trains, when you press k in its "
                "monitor, and whenever training stops."
            )
        if chosen.problem:
            about = f"Step {chosen.step:,} is damaged: {chosen.problem}. Choose another one."
        else:
            kept = ", kept for ever" if chosen.kept else ""
            about = f"Step {chosen.step:,}: written {figures.clock(chosen.checkpoint.time)}{kept}"
        return f"{about}\n{self._list.total()}"

    async def _show_samples(self) -> None:
        pane = self.query_one(StepSamples)
        if pane.display:
            chosen = self._table.chosen
            await pane.follow(self.run, chosen.preview_step if chosen else None)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "prune":
            return bool(self._list.doomed) and not self._list.training
        chosen = self._table.chosen if action in NEEDS_ONE else None
        if action in ("verify", "stop_verifying") and (action == "verify") == bool(self._verifying):
            return False
        if action not in NEEDS_ONE:
            return True
        if chosen is None or (action == "resume" and self._list.training):
            return False
        if action == "delete":
            return True if self._list.may_delete(chosen) else None
        return None if action in NEEDS_WHOLE and chosen.problem else True

    def on_data_table_row_highlighted(self) -> None:
        self._chosen_changed()
        self._go_on_showing()

    @work(group="samples", exclusive=True, exit_on_error=False)
    async def _go_on_showing(self) -> None:
        await self._show_samples()

    def on_data_table_row_selected(self) -> None:
        self.action_resume()

    def action_resume(self) -> None:
        if chosen := self._whole():
            self.post_message(messages.ResumeTraining(self.run, chosen.checkpoint))

    def action_sample(self) -> None:
        if chosen := self._whole():
            self.post_message(messages.OpenSample(self.run, chosen.checkpoint))

    def action_toggle_samples(self) -> None:
        pane = self.query_one(StepSamples)
        shown = pane.display
        self.set_class(shown, "-no-samples")
        self.set_class(not shown, "-samples")
        self._go_on_showing()

    def _whole(self) -> ListedCheckpoint | None:
        chosen = self._table.chosen
        return chosen if chosen and not chosen.problem else None

    # Changing what is there

    def action_keep(self) -> None:
        if chosen := self._table.chosen:
            self._keep(chosen)

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _keep(self, chosen: ListedCheckpoint) -> None:
        change = retention.unmark if chosen.kept else retention.mark
        if await self.did(change, chosen.checkpoint):
            await self._look()

    def action_delete(self) -> None:
        if (chosen := self._table.chosen) and self._list.may_delete(chosen):
            self._delete(chosen)

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _delete(self, chosen: ListedCheckpoint) -> None:
        question = f"Delete the checkpoint of step {chosen.step:,}?"
        others = any(not one.problem for one in self._list.listed if one is not chosen)
        detail = f"It frees {figures.size(chosen.checkpoint.size)}. There is no way back."
        if chosen.kept:
            detail = f"It was to be kept for ever. {detail}"
        if not chosen.problem and not others:
            detail += " It is the only whole one: without it the run can neither go on nor draw."
        if await self.agrees(question, detail, "Delete"):
            job = LongJob(
                lambda progress: retention.delete(self.run, chosen.checkpoint, told_as(progress, "files"))
            )
            left = f"Step {chosen.step:,} is gone; what is left of its files goes after the next checkpoint."
            await self.finished(f"Deleting step {chosen.step:,}", job, left)
            await self._look()

    def action_prune(self) -> None:
        self._prune()

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _prune(self) -> None:
        steps = ", ".join(f"{step:,}" for step in sorted(self._list.doomed))
        question = f"Delete {len(self._list.doomed)} old checkpoints?"
        detail = f"Those of step {steps}; it frees {figures.size(self._list.freed)}. There is no way back."
        if await self.agrees(question, detail, "Delete"):
            job = LongJob(lambda progress: retention.prune_run(self.run, told_as(progress, "deleting")))
            await self.finished("Deleting old checkpoints", job, "The checkpoints that were left then stay.")
            await self._look()

    # A run of its own

    def action_branch(self) -> None:
        if chosen := self._whole():
            self._branch(chosen)

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _branch(self, chosen: ListedCheckpoint) -> None:
        root = self.workshop.runs_root
        detail = f"It gets the recipe, the records up to step {chosen.step:,}, and a copy of the checkpoint."
        free = await asyncio.to_thread(free_name, root, self.run.name)

        def check(name: str) -> None:
            check_name(name)
            if (root / name).exists():
                raise RunNameError(f"There is something named {name} already. Choose another name.")

        name = await self.app.push_screen_wait(Ask("The name of the new run", detail, free, "Branch", check))
        if name is None:
            return
        from ddpm.branch import branch

        job = LongJob(partial(branch, root, name, self.run, chosen.checkpoint), figures.size)
        if not await self.finished(f"Copying step {chosen.step:,} into {name}", job, f"{name} was not made."):
            return
        made = job.result()
        self.notify(f"{made.name} begins at step {chosen.step:,}. Press r to train it on.", markup=False)
        self.post_message(messages.OpenMonitor(made))

    # For other programs

    def action_export(self) -> None:
        if chosen := self._whole():
            self._export(chosen)

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _export(self, chosen: ListedCheckpoint) -> None:
        try:
            config = self.run.config()
        except DDPMError as error:
            self.complain(error)
            return
        written = await self.app.push_screen_wait(ExportDialog(self.run, config, chosen.checkpoint))
        if written is not None:
            self.notify(written, title="Exported", timeout=20, markup=False)

    # Hashes

    def action_verify(self) -> None:
        if chosen := self._table.chosen:
            self._verify(chosen)

    def action_stop_verifying(self) -> None:
        if self._verifying is not None:
            self._verifying.job.give_up()

    @work(group="verify", exclusive=True, exit_on_error=False)
    async def _verify(self, chosen: ListedCheckpoint) -> None:
        self._verifying = verifying = Verification(chosen.checkpoint)
        verifying.job.start()
        self.refresh_bindings()
        try:
            while self.is_there and not await verifying.job.over_within(VERIFYING_SECONDS):
                self._show()
            if not self.is_there:
                return
            problem = verifying.job.result()
        except GivenUpError:
            self.notify(f"Step {chosen.step:,}: not all of it was read.")
            return
        finally:
            verifying.job.give_up()
            self._verifying = None
            if self.is_there:
                self.refresh_bindings()
                self._show()
        self._verified[identity(chosen.checkpoint)] = problem
        if problem:
            self.notify(f"Step {chosen.step:,}: {problem}.", severity="error", markup=False)
        else:
            self.notify(f"Step {chosen.step:,}: every hash agrees.")
        await self._look()
