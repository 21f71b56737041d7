"""A network as one file: it comes back as it was, and what is no such file is told apart."""

import pytest
import torch
from networks import waken
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ddpm import unet
from ddpm.config import Config
from ddpm.errors import ConfigError, ExchangeError, WrongPlaceError
from ddpm.exchange.network_file import load_network_file, save_network_file
from ddpm.generate import Network
from ddpm.recipe_file import from_toml

RECIPE = {
    "data": {"image_size": (6, 10), "channels": 4, "class_names": ("cat", "dog")},
    "model": {
        "dim": 8,
        "dim_mults": (1, 2),
        "block": "convnext",
        "linear_attention_levels": (0,),
        "class_conditional": True,
    },
    "diffusion": {"variance": "learned", "prediction": "v"},
}


@pytest.fixture
def network():
    config = Config.build(RECIPE)
    return Network(waken(unet.build(config)).eval(), config, 120, torch.device("cpu"), "raw", "pets-1")


def test_a_network_comes_back_as_it_was(network, tmp_path):
    path = tmp_path / "new folder" / "pets.safetensors"
    save_network_file(network, path)
    back = load_network_file(path, "cpu")
    assert back.config == network.config
    assert (back.step, back.weights, back.run_name, back.device.type) == (120, "raw", "pets-1", "cpu")
    assert not back.unet.training
    x_t, t, labels = torch.randn(2, 4, 6, 10), torch.tensor([3, 900]), torch.tensor([0, 2])
    torch.testing.assert_close(back.unet(x_t, t, labels), network.unet(x_t, t, labels), rtol=0, atol=0)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_any_program_that_reads_safetensors_reads_the_recipe(network, tmp_path):
    save_network_file(network, tmp_path / "pets.safetensors")
    with safe_open(tmp_path / "pets.safetensors", "pt") as file:
        metadata = file.metadata()
    assert from_toml(metadata["config"]) == network.config
    assert (metadata["format"], metadata["step"], metadata["weights"]) == ("ddpm-studio", "120", "raw")


def test_only_an_earlier_export_is_overwritten(network, tmp_path):
    path = tmp_path / "pets.safetensors"
    save_network_file(network, path)
    save_network_file(network, path)
    weights = tmp_path / "weights.safetensors"
    save_file({"w": torch.zeros(3)}, weights)
    before = weights.read_bytes()
    for other in (weights, tmp_path):
        with pytest.raises(ExchangeError, match="holds something that is no earlier export"):
            save_network_file(network, other)
    assert weights.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a safetensors file"),
        (b"GIF89a and more", "is not a safetensors file"),
        (b"\xff" * 100, "is not a safetensors file"),
        ((2).to_bytes(8, "little") + b"[]", "does not say how its network is built"),
        ((2).to_bytes(8, "little") + b"{}", "does not say how its network is built"),
    ],
)
def test_what_is_no_such_file_is_told(tmp_path, content, message):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ExchangeError, match=message):
        load_network_file(path, "cpu")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(WrongPlaceError, match=r"There is no file .*x\.safetensors"):
        load_network_file(tmp_path / "x.safetensors", "cpu")


def resaved(path, weights=None, **metadata):
    """The file with other weights, or with something else in its metadata."""
    with safe_open(path, "pt") as file:
        kept = file.metadata()
    save_file(load_file(path) if weights is None else weights, path, {**kept, **metadata})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"format": "pt"}, ExchangeError, "does not say how its network is built"),
        ({"version": "2"}, ExchangeError, r"newer ddpm-studio \(format 2\)"),
        ({"config": "dim ="}, ConfigError, "is not valid TOML"),
        ({"config": "[model]\ndepth = 3"}, ConfigError, "model.depth: there is no such key"),
        ({"step": "many"}, ExchangeError, "do not fit the recipe"),
        ({"weights": {"w": torch.zeros(3)}}, ExchangeError, "do not fit the recipe"),
    ],
)
def test_a_file_that_was_changed_is_told(network, tmp_path, change, error, message):
    path = tmp_path / "pets.safetensors"
    save_network_file(network, path)
    resaved(path, **change)
    with pytest.raises(error, match=message):
        load_network_file(path, "cpu")


def test_a_file_cut_short_is_told(network, tmp_path):
    path = tmp_path / "pets.safetensors"
    save_network_file(network, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ExchangeError, match="cannot be read"):
        load_network_file(path, "cpu")
