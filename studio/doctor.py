"""What this machine can do and whether every run is sound: findings in words, with what to do where one is bad."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ddpm.checkpoint import Checkpoint, list_set_aside, verify
from ddpm.errors import DDPMError
from ddpm.retention import is_marked
from ddpm.runs import Run
from ddpm.runs_root import list_runs
from ddpm.sizes import size
from studio.figures import age
from studio.run_state import seen_state, silence_words

LITTLE_ROOM = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found, and where it is bad what to do. ``mend`` is empty where all is well."""

    subject: str
    found: str
    mend: str = ""

    @property
    def well(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.mend


def examine(root: Path, *, hashes: bool) -> Iterator[Finding]:
    """Look at everything; ``root`` is the folder of the runs, ``hashes``: read every checkpoint to its end."""
    yield python()
    yield from torch_and_devices()
    yield terminal()
    yield from place_of(root)
    yield from runs_in(root, hashes=hashes)


def python() -> Finding:
    """The interpreter and the system."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    old = sys.version_info < (3, 11)
    return Finding("python", found, "Install Python 3.11 or later." if old else "")


def torch_and_devices() -> Iterator[Finding]:
    """PyTorch, and what it can compute on. It is imported here, which takes a second."""
    try:
        import torch
    except Exception as error:  # a broken installation raises whatever its libraries raise
        words = f"cannot be imported: {type(error).__name__}: {error}"
        yield Finding("torch", words, "Install it again: pip install --force-reinstall torch")
        return
    built_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU only"
    yield Finding("torch", f"{torch.__version__}, built for {built_for}")
    driver = _nvidia_driver()
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        memory = size(properties.total_memory)
        name = f"cuda:{index}"
        yield Finding(name, f"{properties.name}, {memory}, driver {driver or 'unknown'}")
        yield from chosen_for(name)
    if driver and not torch.cuda.is_available():
        reason = (
            "torch is built without CUDA" if not torch.version.cuda else "torch finds no device it can use"
        )
        yield Finding(
            "cuda",
            f"there is an NVIDIA driver ({driver}), and {reason}",
            "Install a torch built for this driver's CUDA; `nvidia-smi` names the newest that it knows.",
        )
    if torch.backends.mps.is_available():
        yield Finding("mps", "this Mac's own GPU")
        yield from chosen_for("mps")
    yield Finding("cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} used by torch")
    yield from chosen_for("cpu")


def chosen_for(device: str) -> Iterator[Finding]:
    """What training takes on a device of what it could take, and why."""
    import torch

    from ddpm.choices import choices

    for choice in choices(torch.device(device)):
        known = "measured" if choice.measured else "not measured"
        yield Finding(device, f"{choice.subject}: {choice.chosen} ({choice.why}; {known})")


def _nvidia_driver() -> str:
    try:
        words = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return ""
    return next(
        (word for word in words if word.count(".") >= 1 and word.replace(".", "").isdecimal()), "unknown"
    )


def terminal() -> Finding:
    """What this terminal can show, asked as the app asks it; nothing is asked of a pipe."""
    from rich.console import Console

    from studio import terminal_question

    ways = [word for word, name in (("tmux", "TMUX"), ("SSH", "SSH_CONNECTION")) if os.environ.get(name)]
    through = f", through {' and '.join(ways)}" if ways else ""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Finding("terminal", f"none: the app needs one, the commands do not{through}")
    with terminal_question.asked() as answer:
        protocol = answer().protocol
    colors = {"truecolor": "16 million", "256": "256", "standard": "16", "windows": "16"}
    count = colors.get(Console().color_system or "", "no")
    columns, lines = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "?")
    found = f"{kind}, {columns}x{lines}, {count} colours, pictures by {protocol}{through}"
    if kind == "dumb":
        return Finding(
            "terminal", found, "TERM says that this terminal can do nothing: use another, or set TERM."
        )
    return Finding("terminal", found)


def place_of(root: Path) -> Iterator[Finding]:
    """Whether runs can be written, and how much room there is."""
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    elsewhere = "Choose another place with --home, or mend its permissions."
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"1")
    except OSError as error:
        yield Finding("runs", f"{root} cannot be written: {error.strerror}", elsewhere)
    else:
        yield Finding("runs", f"{root} can be {'written' if there == root else 'made'}")
    free = shutil.disk_usage(there).free
    mend = "Make room, or choose another disk with --home." if free < LITTLE_ROOM else ""
    yield Finding("disk", f"{size(free)} free", mend)


def runs_in(root: Path, *, hashes: bool) -> Iterator[Finding]:
    """Every run: its recipe and its checkpoints."""
    try:
        runs = list_runs(root)
    except DDPMError as error:
        yield Finding(
            "runs", str(error), "Mend the permissions of the folder, or choose another with --home."
        )
        return
    for run in runs:
        yield from _run(run, hashes)


def _run(run: Run, hashes: bool) -> Iterator[Finding]:
    subject = f"run {run.name}"
    try:
        run.config()
    except DDPMError as error:
        yield Finding(subject, str(error), "Put a sound config.toml in its place, or delete the run.")
    checkpoints = run.checkpoints()
    problems = {c.step: verify(c) if hashes else c.problem for c in checkpoints}
    whole = [checkpoint for checkpoint in checkpoints if not problems[checkpoint.step]]
    for checkpoint in checkpoints:
        if problem := problems[checkpoint.step]:
            yield Finding(
                subject, f"checkpoint {checkpoint.step} is damaged: {problem}", _way_on(checkpoint, whole)
            )
    for hidden in filter(is_marked, list_set_aside(run.checkpoints_path)):
        get_back = f"ddpm-studio branch {run.name} NEW --set-aside --checkpoint {hidden.step}"
        yield Finding(
            subject,
            f"checkpoint {hidden.step}, to be kept for ever, lies aside in {hidden.path.name}, as training went back "
            f"behind it; make a run of it: {get_back}",
        )
    training = run.is_training()
    status = run.status()
    state = seen_state(status, training=training)
    on_disk = size(sum(checkpoint.size for checkpoint in checkpoints))
    found = (
        f"{state}, {len(whole)} whole checkpoints{', hashes agree' if hashes and whole else ''}, {on_disk}"
    )
    if state == "dead":
        found += f"; its process is gone, go on with: ddpm-studio train --resume {run.name}"
    if state == "stalled":
        found += f"; process {status.pid} gave its last sign of life {age(status.heartbeat)}. {silence_words(status)}"
    yield Finding(subject, found)


def _way_on(damaged: Checkpoint, whole: list[Checkpoint]) -> str:
    rest = f"the newest whole one is of step {whole[-1].step}" if whole else "the run has no whole one"
    return f"Delete {damaged.path}; {rest}."
