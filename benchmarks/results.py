"""The file of measured results: each script has one section in it, and replaces only its own."""

import os
import platform
import re
import shlex
import sys
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"


def write_section(title: str, body: str, packages: tuple[str, ...]) -> None:
    """Put a section with the machine, versions, date and command above ``body``, in place of the last of that title."""
    from importlib.metadata import version

    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    section = (
        f"## {title}\n{date.today()}; {_processor()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, {versions}.\n`python {_command()}`\n\n{body.strip()}\n"
    )
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Measured\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    text = (
        pattern.sub(lambda _: section + "\n", text)
        if pattern.search(text)
        else f"{text.rstrip()}\n\n{section}"
    )
    RESULTS.write_text(text.rstrip() + "\n", encoding="utf-8")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns line up for those who read the text itself."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [header, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _command() -> str:
    """The words that ran this, but for paths of this machine, which say nothing to anyone else."""
    words = ["DIR" if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join([f"benchmarks/{Path(sys.argv[0]).name}", *words])


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # no Linux
    return platform.processor() or platform.machine()
