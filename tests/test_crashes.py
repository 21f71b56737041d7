"""Runs that are killed at random instants open, resume, and end as the run that nobody killed."""

import importlib.util
import json
import sys

import pytest
from conftest import REPOSITORY, TINY, environment
from fork_server import run_code

from ddpm.config import Config
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.session import train_run

BENCHMARK = REPOSITORY / "benchmarks" / "crash.py"


def test_twelve_kills_at_random_instants_lose_nothing(tmp_path):
    code = f"import runpy; runpy.run_path({str(BENCHMARK)!r}, run_name='__main__')"
    options = ("--kills", "12", "--seed", "3", "--json")
    done = run_code(code, *options, cwd=REPOSITORY, env=environment(tmp_path), timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["failures"] == []
    assert sum(result["kills"].values()) == 12
    assert min(result["kills"].values()) >= 2, "a kill of each kind"


@pytest.fixture(scope="module")
def crash():
    spec = importlib.util.spec_from_file_location("crash", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["crash"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["crash"]


def damage(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_the_harness_sees_what_it_looks_for(crash, tmp_path):
    """Two runs of one recipe are equal to it; a bit, a row or a step too many is not."""
    one, other = (create_run(tmp_path / name, "run", Config.build(TINY)) for name in ("one", "other"))
    for run in (one, other):
        for _ in train_run(run, data_root=tmp_path, take_commands=list):
            pass
    assert crash.differences(one, other) == []
    assert crash.faults_of(other) == []

    weights = other.checkpoints()[-1].path / "model.safetensors"
    damage(weights)
    assert crash.differences(one, other) == ["checkpoints/00000012/model.safetensors"]
    assert crash.faults_of(other) == ["00000012: model.safetensors has changed since it was written"]
    damage(weights)
    other.append_metrics(other.metrics()[-1])
    assert crash.differences(one, other) == ["metrics of step 12"]
    assert crash.faults_of(other) == ["metrics.jsonl has the steps [4, 8, 12, 12]"]
    damage(Run(other.path).previews()[0].image)
    assert "00000006.png" in crash.differences(one, other)
