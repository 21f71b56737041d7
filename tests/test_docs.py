"""What the documents show of the library is what the library has, and it runs."""

import re

import pytest
from conftest import REPOSITORY, environment
from fork_server import run_code

DOCUMENTS = sorted((REPOSITORY / "docs").glob("*.md"))
FENCE = re.compile(r"^```python(?: (?P<file>\S+))?\n(?P<code>.*?)^```", re.S | re.M)
WITH_CODE = [document for document in DOCUMENTS if "```python" in document.read_text()]
EXCERPTS = [
    (document.name, match["file"], match["code"])
    for document in DOCUMENTS
    for match in FENCE.finditer(document.read_text())
    if match["file"]
]


@pytest.mark.parametrize("document", WITH_CODE, ids=lambda path: path.name)
def test_the_code_of_a_document_runs_from_top_to_bottom(document, tmp_path):
    blocks = [match["code"] for match in FENCE.finditer(document.read_text()) if not match["file"]]
    assert blocks
    done = run_code("\n".join(blocks), cwd=tmp_path, env=environment(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("document", "file", "code"), EXCERPTS)
def test_an_excerpt_is_in_the_source(document, file, code):
    source = (REPOSITORY / file).read_text()
    assert code in source, f"{document} quotes {file} wrongly"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_pictures_and_links_of_a_document_are_there(document):
    for path in re.findall(r"\]\((?!https?:|#)([^)]+)\)", document.read_text()):
        assert (document.parent / path.partition("#")[0]).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_a_document_lead_to_a_heading(document):
    text = document.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
