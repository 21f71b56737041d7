"""Sentences about a run that is getting ready, or that something happened to."""

from ddpm.runs import Run
from studio import figures
from studio.run_state import advice, silence_words
from studio.run_view import RunView
from studio.runner import Runner


def preparing_words(view: RunView, runner: Runner, run: Run) -> str:
    """What to say where samples will be."""
    if runner.is_stopping(run):
        return "stopping …"
    if view.state == "preparing":
        if not runner.trains(run):
            return "getting ready …"
        progress = runner.progress
        if progress is None:
            return "getting ready …\nloading torch, reading the data"
        if progress.total:
            return f"{progress.what}\n{progress.done / progress.total:.0%}"
        return f"{progress.what} …"
    if view.state in ("running", "paused"):
        if view.config is not None and view.config.previews.every:
            return f"the first samples come at step {view.config.previews.every:,}\n(v draws some now)"
        return "press v to draw samples now"
    return "this run has no samples yet"


def trouble_words(view: RunView, error: str) -> str:
    """What went wrong and what to do about it; empty while all is well."""
    if view.state == "dead":
        beat = figures.age(view.status.heartbeat)
        return f"† The process that trained this run is gone (last sign of life {beat}).\n{advice('dead')}"
    if view.state == "stalled":
        who = f"process {view.status.pid}" + (f" on {view.status.host}" if view.status.host else "")
        beat = figures.age(view.status.heartbeat)
        return f"▲ {who.capitalize()} gave its last sign of life {beat}.\n{silence_words(view.status)}"
    if view.state == "gone":
        return f"○ This run was deleted or renamed.\n{advice('gone')}"
    if view.state == "failed":
        return f"✗ {_last_line(error) or view.status.message}\n{advice('failed')}"
    if view.problem:
        return f"✗ {view.problem}"
    if error and view.state in ("stopped", "finished"):
        return f"✗ {_last_line(error)}"
    return ""


def _last_line(error: str) -> str:
    """A sentence as it is; of a traceback only the end, as the app prints all of it when it is left."""
    return error.strip().splitlines()[-1] if error.startswith("Traceback") else error
