"""``ddpm-studio doctor``: what this machine can do, whether every run is sound, and how to mend what is not."""

import argparse
import json
import sys
from dataclasses import asdict

from ddpm.printable import printable
from studio.doctor import examine
from studio.home import home_directory, runs_root


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``doctor``."""
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare every checkpoint with its hashes, which reads all of it",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def command(arguments: argparse.Namespace) -> int:
    """Print what was found; returns 1 where anything is to be mended."""
    ill = 0
    rows = []
    for finding in examine(runs_root(home_directory(arguments.home)), hashes=arguments.verify):
        ill += not finding.well
        if arguments.json:
            rows.append({**asdict(finding), "well": finding.well})
            continue
        mark = "✓" if finding.well else "✗"
        print(printable(f"{mark} {finding.subject:10} {finding.found}"), flush=True)
        if finding.mend:
            print(printable(f"  {'':10} {finding.mend}"), flush=True)
    if arguments.json:
        json.dump({"well": not ill, "findings": rows}, sys.stdout, indent=2)
        print()
    else:
        print("\nAll is well." if not ill else f"\nTo be mended: {ill}.")
    return 1 if ill else 0
