"""Drawing by keys from a really trained run: back through the steps, saved, opened again, and made of pictures."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from app_pilot import drive, screen_text, tiny_config, until, until_seen, untrained_checkpoint
from PIL import Image
from textual.widgets import Input

from ddpm.edit_recipe import fitted_edit
from ddpm.errors import RunError
from ddpm.exchange.network_file import load_network_file
from ddpm.generate import draw, load_network
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.sample_config import SampleConfig
from ddpm.session import train_run
from studio.attention_look import MARK, heat_picture, look, step_of
from studio.drawing import Order
from studio.gallery import images_of, saved_drawings
from studio.screens.sample import SampleScreen
from studio.widgets.picker import Picker
from studio.widgets.preview import SamplePane
from studio.widgets.sample_form import SampleForm


@pytest.fixture(scope="module")
def alpha(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    config = tiny_config(
        model={"class_conditional": True}, train={"ema_more_decays": [0.9], "checkpoint_every": 6}
    )
    run = create_run(root, "alpha", config)
    list(train_run(run, data_root=root, take_commands=list))
    return run


@pytest.fixture
def trained(home, alpha):
    """That run, in the home of the test."""
    return Run(shutil.copytree(alpha.path, home / "runs" / "alpha"))


async def open_sample(pilot, app, **values):
    await until_seen(pilot, "alpha")
    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, SampleScreen))
    fill(app, **values)


def fill(app, **values):
    for id, value in values.items():
        (control,) = app.screen.query_one(f"#{id}").query("Input, Picker")
        control.value = value


async def drawn(pilot, app):
    await pilot.pause()
    before = app.screen.drawer.frames
    await pilot.press("ctrl+s")
    await until(pilot, lambda: app.screen.drawer.frames is not before and not app.screen.drawer.is_alive)
    await until_seen(pilot, "Done.")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
def test_the_steps_of_a_drawing_can_be_gone_back_through(home, trained, size):
    async def script(pilot, app):
        await open_sample(pilot, app, n="3", steps="5")
        await drawn(pilot, app)
        pane = app.screen.query_one(SamplePane)
        assert pane.border_title == "samples"
        await pilot.press("left", "left")
        await until_seen(pilot, "3/5")
        await until_seen(pilot, "estimate of x_0")
        await pilot.press("home")
        await until_seen(pilot, "1/5")
        await pilot.press("right", "o")
        await until_seen(pilot, "2/5")
        assert pane.border_title == "x_t"
        await pilot.press("end")
        await until_seen(pilot, "5/5")

    drive(home, script, size)


def test_what_was_saved_is_opened_again_with_its_recipe_and_draws_the_same(home, trained):
    values = {"n": "3", "steps": "5", "seed": "7", "weights": "ema-0.9", "sampler": "dpm++2m", "class": "4"}

    async def script(pilot, app):
        await open_sample(pilot, app, **values)
        await drawn(pilot, app)
        order = app.screen.query_one(SampleForm).order()
        assert (order.recipe.label, order.recipe.weights) == (("4",), "ema-0.9")
        await pilot.press("left", "G")
        await until_seen(pilot, "with x_0.gif")
        fill(app, n="2", seed="1", weights="raw", sampler="ddim", **{"class": "each in turn"})
        await drawn(pilot, app)
        app.screen.query_one(SamplePane).focus()
        await pilot.press("g")
        await until_seen(pilot, "step 12 · 3 images · dpm++2m, 5 steps · seed 7 · ema-0.9")
        await pilot.press("enter")
        await until_seen(pilot, "Press ctrl+s")
        again = app.screen.query_one(SampleForm).order()
        changed = {"threshold_quantile", "variance", "eta"}
        assert again.recipe.model_dump(exclude=changed) == order.recipe.model_dump(exclude=changed)
        await drawn(pilot, app)
        saved = images_of(saved_drawings(trained)[0])
        assert np.array_equal(app.screen.drawer.frames.latest.x_t, saved)

    drive(home, script, (120, 36))
    (folder,) = (trained.path / "samples").iterdir()
    with Image.open(folder / "x_0.gif") as gif:
        assert (gif.n_frames, gif.size) == (5, Image.open(folder / "grid.png").size)


def test_images_are_made_of_pictures_of_the_data_of_earlier_samples_and_of_files(home, trained, tmp_path):
    Image.new("L", (8, 8), 200).save(tmp_path / "grey.png")

    async def script(pilot, app):
        await open_sample(pilot, app, steps="4", making="interpolation")
        await until_seen(pilot, "From picture")
        await pilot.press("ctrl+s")
        await until_seen(pilot, "↑ name a file")
        fill(app, a="data:0", b=str(tmp_path / "grey.png"), strength="0.5")
        await drawn(pilot, app)
        await pilot.press("w")
        await until_seen(pilot, "Saved in")
        (saved,) = saved_drawings(trained)
        made = app.screen.drawer.order
        assert saved.order() == replace(made, recipe=fitted_edit(made.recipe, trained.config()))
        assert images_of(saved).shape == (9, 1, 8, 8)
        fill(app, making="inpainting", picture=f"{saved.name}/0000.png", mask="left half", resample="1")
        await until_seen(pilot, "Paint where")
        await drawn(pilot, app)
        assert app.screen.drawer.order == Order(
            app.screen.query_one(SampleForm).order().recipe,
            "inpaint",
            (f"{saved.name}/0000.png", "left half"),
        )
        painted = app.screen.drawer.frames.latest.x_t
        assert (painted[:, :, :, 4:] == images_of(saved)[:1, :, :, 4:]).all()
        fill(app, making="variations", picture="data:99999")
        await until(pilot, lambda: "Paint where" not in screen_text(pilot))
        await pilot.press("ctrl+s")
        await until_seen(pilot, "data:99999 is no image")

    drive(home, script, (80, 40))


def test_an_average_of_any_length_is_drawn_and_exported_where_the_run_stores_what_it_takes(home):
    averages = {"ema_lengths": [0.05, 0.1], "ema_snapshot_every": 2}
    run = create_run(home / "runs", "alpha", tiny_config(train=averages))
    list(train_run(run, data_root=home / "data", take_commands=list))

    async def script(pilot, app):
        await open_sample(pilot, app, weights="post-hoc …", n="2", steps="2")
        form = app.screen.query_one(SampleForm)
        await until(pilot, lambda: form.field("average_length").display)
        form.field("average_length").control.focus()
        await until_seen(pilot, "0.05, 0.1")
        fill(app, average_length="0.3")
        await until_seen(pilot, "↑ a share of the run")
        fill(app, average_length="0.001")
        await pilot.press("ctrl+s")
        await until_seen(pilot, "would be off")
        fill(app, average_length="0.08")
        await drawn(pilot, app)
        order = app.screen.drawer.order
        assert order.recipe.weights == "post-hoc-0.08"
        fill(app, weights="raw")
        await until(pilot, lambda: not form.field("average_length").display)
        form.fill(order, form.field("checkpoint").text)
        assert form.order() == order
        await pilot.press("escape", "c")
        await until_seen(pilot, "e Export")
        await pilot.press("e")
        await until_seen(pilot, "Export step 12")
        app.screen.query_one("#export-weights").query_one(Picker).value = "post-hoc …"
        length, place = (app.screen.query_one(f"#export-{id}").query_one(Input) for id in ("length", "path"))
        await until(pilot, lambda: place.value.endswith("post-hoc-0.08.safetensors"))
        length.value = "0.3"
        await until(pilot, lambda: place.value.endswith("post-hoc-0.3.safetensors"))
        await pilot.press("ctrl+s")
        await until_seen(pilot, "Length: a share of the run")
        length.value = "0.07"
        await until(pilot, lambda: place.value.endswith("post-hoc-0.07.safetensors"))
        await pilot.press("ctrl+s")
        await until_seen(pilot, "e Export")

    drive(home, script, (120, 50))
    exported = load_network_file(
        run.path / "exports" / "alpha-step-00000012-post-hoc-0.07.safetensors", "cpu"
    )
    assert exported.weights == "post-hoc-0.07"


def test_saved_drawings_that_are_damaged_are_told_of_or_left_out(home, trained):
    for name, content in {
        "a": "[1]",
        "b": "{",
        "c": '{"n": 2, "channels": 1, "height": 8, "width": 8}',
    }.items():
        folder = trained.path / "samples" / name
        folder.mkdir(parents=True)
        (folder / "sample.json").write_text(content)
    Image.new("L", (9, 8)).save(folder / "0000.png")
    (found,) = saved_drawings(trained)
    assert found.name == "c"
    with pytest.raises(RunError, match=r"0000\.png is 9x8 and should be 8x8"):
        images_of(found)
    (folder / "sample.json").write_text(json.dumps({"edit": "unheard of", "n": 2}))
    with pytest.raises(RunError, match="cannot be understood"):
        saved_drawings(trained)[0].order()


def test_the_attention_of_a_step_is_that_of_the_step_drawn_again(home, trained):
    network = load_network(trained, trained.checkpoints()[-1], device="cpu")
    recipe = SampleConfig(n=3, steps=6, seed=4, batch_size=2, guidance_scale=2)
    there = [drawing.x_0.numpy() for drawing in draw(network, recipe)]
    # Images 0 and 1 are drawn in the first six steps, image 2 in the six after those.
    assert [step_of(8, index, recipe) for index in range(3)] == [6, 6, 2]
    found = look(network, recipe, 2, step_of(8, 2, recipe))
    assert np.abs(found.x_0.astype(int) - there[7][2]).max() <= 1
    assert "middle_attention" in found.maps
    for layer, heads in found.maps.items():
        assert heads.shape[1:] == (4, 4, 4, 4)
        np.testing.assert_allclose(heads.sum(axis=(3, 4)), 1, atol=0.01)  # in the recipe's precision
        assert np.array_equal(found.heat(layer, 0, (0.99, 0.3)), heads[0, 3, 1])
    marked = found.marked("middle_attention", (0.99, 0.3))
    assert np.argwhere((marked == np.array(MARK)[:, None, None]).all(axis=0)).tolist() == [
        [6, 2], [6, 3], [7, 2], [7, 3]
    ]  # fmt: skip
    picture = heat_picture(found.heat("middle_attention", None, None))
    assert (picture.shape, picture.dtype) == ((3, 4, 4), np.uint8)
    told = []
    look(network, recipe, 0, 4, lambda *row: told.append(row))
    assert told == [(0, 4), (1, 4), (2, 4)]


def test_where_the_network_looks_is_seen_by_keys(home, trained):
    async def script(pilot, app):
        await open_sample(pilot, app, n="3", steps="5")
        await drawn(pilot, app)
        await pilot.press("left", "t")
        await until_seen(pilot, "image 0 · step 4 · ")
        await until_seen(pilot, "what the marked pixel takes")
        await pilot.press("h")
        await until_seen(pilot, "head 1 of")
        await pilot.press("m", "l")
        await until_seen(pilot, "mean over all pixels")
        await pilot.press("i")
        await until_seen(pilot, "image 1 · ")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))

    drive(home, script, (80, 24))


def test_a_network_without_attention_says_so(home):
    shape = {"image_size": [8, 8], "channels": 1}
    config = tiny_config(data=shape, model={"attention_levels": [], "middle_attention": False})
    run = create_run(home / "runs", "alpha", config)
    untrained_checkpoint(run, 1)

    async def script(pilot, app):
        await open_sample(pilot, app, n="1", steps="2")
        await drawn(pilot, app)
        await pilot.press("t")
        await until_seen(pilot, "no layer with full attention")

    drive(home, script, (80, 24))
