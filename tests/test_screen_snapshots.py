"""How every screen looks, as text: compared with tests/snapshots, which a person has looked at.

SNAPSHOTS=write makes them anew. What a clock, a disk or a machine says is blotted out first, and so are the pictures:
other tests look at those.
"""

import difflib
import os
import re
from pathlib import Path

import pytest
from app_pilot import drive, finished_run, screen_text, until, untrained_checkpoint
from conftest import REPOSITORY

SNAPSHOTS = REPOSITORY / "tests" / "snapshots"

# The screens in the order in which one walk opens them: name, keys that lead there, words that come last of all that
# is shown, keys that lead back.
WALK = [
    ("runs", [], "2 runs", []),
    ("runs-help", ["question_mark"], "Keys: runs", ["escape"]),
    ("runs-filter", ["slash", *"one"], "1 of 2", ["escape", "escape"]),
    ("new-run", ["n"], "memory about", ["escape"]),
    ("checkpoints", ["c"], "Keep", ["escape"]),
    ("sample", ["s"], "press ctrl+s to draw", ["escape"]),
    ("schedule", ["f"], "network, off", ["escape"]),
    ("monitor", ["enter"], "RAM", ["escape"]),
    ("compare", ["space", "down", "space", "C"], "step 60", ["escape"]),
]

UNREAD = "nothing logged yet"  # a curve of a run that has one

VARIES = (
    r"(CPU|RAM|disk|GPU) +[▰▱–\d].*?(?=│|$)",
    r"on CPU,.*?(?=│|$)",
    r"\d\d:\d\d(:\d\d)?",
    r" *\b(just now|now|\d+ (s|min|h)( ago)?)\b *",
    r"\d+(\.\d+)?( of \d+)? ?[KMG]i?B( of.*)?",
    r"off \d+\.\d+",
    r"▀+",
)


def blotted(text: str) -> str:
    for pattern in VARIES:
        text = re.sub(pattern, lambda found: "░" * len(found[0]), text, flags=re.MULTILINE)
    return re.sub("░+$", "░", text, flags=re.MULTILINE)  # of any length, as nothing follows


def walk(home: Path, size: tuple[int, int]) -> dict[str, str]:
    seen = {}

    async def script(pilot, app):
        for name, keys, words, back in WALK:
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await until(
                pilot, lambda words=words: words in screen_text(pilot) and UNREAD not in screen_text(pilot)
            )
            before = ""
            # What is still being read or drawn comes within some looks of the screen.
            for _ in range(40):
                await pilot.pause(0.15)
                now = blotted(screen_text(pilot) + "\n")
                if now == before:
                    break
                before = now
            seen[name] = before
            for key in back:
                await pilot.press(key)
                await pilot.pause()

    drive(home, script, size)
    return seen


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_looks_as_it_did(home, size, monkeypatch):
    monkeypatch.setenv("DDPM_STUDIO_HOME", str(home))  # the usual one is not named in commands
    for name, steps in (("one-1", 40), ("two-2", 60)):
        untrained_checkpoint(finished_run(home, name, steps, kept=()), steps)
    seen = walk(home, size)
    differences = []
    for name, text in seen.items():
        path = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.txt"
        if os.environ.get("SNAPSHOTS") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        kept = path.read_text()
        differences += difflib.unified_diff(
            kept.splitlines(), text.splitlines(), f"{path.name}", "the screen now", lineterm="", n=0
        )
    assert not differences, "\n".join(differences)
