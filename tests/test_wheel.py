"""The wheel, built and used outside the checkout."""

import subprocess
import sys
import zipfile

import pytest
from conftest import REPOSITORY, TINY_OPTIONS, environment


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=100)
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_the_data_set_the_stylesheet_and_the_type_marker(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        "ddpm/assets/digits.npz",
        "ddpm/assets/digits.md",
        "studio/studio.tcss",
        "ddpm/py.typed",
        "studio/py.typed",
    }
    assert expected - names == set()
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_it_trains_where_there_is_no_checkout(wheel, tmp_path):
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    script = (
        "import sys; sys.path[:0] = [sys.argv.pop(1)]\n"
        "import ddpm, studio.app\n"
        "assert ddpm.__file__.startswith(sys.path[0]), ddpm.__file__\n"
        "assert 'torch' not in sys.modules\n"
        "from studio.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            script,
            str(installed),
            "train",
            "digits",
            "--home",
            str(tmp_path / "home"),
            *TINY_OPTIONS,
        ],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "finished at step 12" in done.stdout
