"""Every row of the table of faults names tests that are there."""

import re

import pytest
from conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "reliability.md").read_text()
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_a_promise_names_the_tests_that_show_it(row):
    fault, promise, shown_by = row
    assert fault.strip()
    assert promise.strip()
    named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", shown_by)
    assert named
    for file, name in named:
        source = (REPOSITORY / "tests" / file).read_text()
        assert not name or f"\ndef {name}(" in source, f"{file} has no {name}"


def test_the_cases_that_the_page_counts_are_those_of_the_fuzzed_tests():
    source = (REPOSITORY / "tests" / "test_strangers_fuzzed.py").read_text()
    cases = sum(int(number) for number in re.findall(r"^@cases\((\d+)\)", source, re.M))
    assert f"Files fuzzed: {cases:,} in" in PAGE
    assert cases >= 10_000
