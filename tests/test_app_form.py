"""The form of a new run: what it shows, what it refuses at which field, and the command beside it."""

import re
import shlex

import pytest
from app_pilot import drive, finished_run, screen_text, until, until_seen
from PIL import Image
from textual.widgets import Input

from ddpm import config as recipes
from ddpm.parameter_count import parameter_count
from ddpm.presets import PRESETS, config_for
from ddpm.recipe_file import to_toml
from ddpm.runs_root import list_runs
from studio.cli import build_parser
from studio.commands.train import recipe
from studio.options import given_values
from studio.recipe_fields import FIELDS, texts_of
from studio.recipe_form import command, draft, file_command, starting_texts, values_like
from studio.screens.dialogs import Ask
from studio.screens.new_run import NewRunScreen
from studio.torch_import import load_torch
from studio.widgets import outlook
from studio.widgets.fields import Field
from studio.widgets.outlook import Outlook
from studio.widgets.preview import SamplePane
from studio.widgets.recipe_sections import RecipeSections


def test_the_form_shows_what_will_happen_before_it_does(home):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        await pilot.press("n")
        await until_seen(pilot, "1,797 images, 8×8 grey")
        text = screen_text(pilot)
        parameters = parameter_count(
            config_for("digits", None, {"data": {"image_size": (8, 8), "channels": 1}})
        )
        for words in (
            "10 classes of 174 to 183 images",
            f"{parameters:,} parameters",
            "steps an epoch",
            "ddpm-studio train digits",
        ):
            assert words in text
        assert not list_runs(home / "runs")

    drive(home, script, (120, 60))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
def test_every_field_of_the_recipe_is_within_reach_and_says_what_it_is(home, size):
    async def script(pilot, app):
        await pilot.press("n")
        await until_seen(pilot, "5 more: channels, flip")
        await until_seen(pilot, "1,797 images, 8×8 grey")
        assert re.search(r"Image size +the set's own", screen_text(pilot))
        await until(pilot, lambda: app.screen.query_one("#data-images", SamplePane).arrangement)
        assert len(app.screen.query_one(RecipeSections).query(Field)) < 20
        await pilot.press("ctrl+o")
        await until(pilot, lambda: len(app.screen.query_one(RecipeSections).query(Field)) == len(FIELDS))
        app.screen.query_one(f"#{FIELDS[-1].id}", Field).control.focus()
        await until_seen(pilot, f"{FIELDS[-1].dotted}: {FIELDS[-1].help[:20]}")
        await until_seen(pilot, FIELDS[-1].label)

    drive(home, script, size)


def test_a_wrong_field_that_is_folded_is_told_of_and_shown(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until_seen(pilot, "5 more: channels, flip")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: app.screen.query("#data-held_out"))
        field_input(app, "data-held_out").value = "7"
        await until_seen(pilot, "7 is not allowed")
        app.screen.query_one("#source").control.focus()
        await pilot.press("ctrl+o")
        await until_seen(pilot, "1 to be mended")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.focused is field_input(app, "data-held_out"))
        await until_seen(pilot, "7 is not allowed")

    drive(home, script)


def field_input(app, id: str) -> Input:
    return app.screen.query_one(f"#{id}").query_one(Input)


def test_a_wrong_value_is_marked_at_its_field_and_nothing_starts(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        field_input(app, "train-steps").value = "0"
        field_input(app, "model-dim").value = "7"
        await until_seen(pilot, "0 is not allowed")
        assert "7 is not allowed" in screen_text(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.focused is field_input(app, "model-dim"))
        assert not list_runs(home / "runs")

    drive(home, script, (120, 40))


def test_a_name_that_is_taken_or_no_name_is_refused_at_the_field(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        field_input(app, "name").value = "alpha"
        await until_seen(pilot, "there is a run of that name already")
        field_input(app, "name").value = "../alpha"
        await until_seen(pilot, "cannot be the name")

    drive(home, script, (120, 40))


def test_a_folder_is_looked_at_as_it_is_named(home, tmp_path):
    folder = tmp_path / "pictures"
    (folder / "cats").mkdir(parents=True)
    for at, name in enumerate(("cats/0.png", "cats/1.png", "2.png")):
        Image.new("RGB", (20, 10), (at, 9, 200)).save(folder / name)

    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        app.screen.query_one("#source").control.value = "path or hf:owner/name …"
        await until_seen(pilot, "name a folder of images")
        await until_seen(pilot, "no images to show yet")
        await until(pilot, lambda: app.focused is field_input(app, "folder"))
        field_input(app, "folder").value = str(tmp_path / "nothing")
        await until_seen(pilot, "no folder")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.focused is field_input(app, "folder"))
        assert not list_runs(home / "runs")
        field_input(app, "folder").value = str(folder)
        await until_seen(pilot, "3 images, 64×64")
        await until_seen(pilot, "There are no classes, as 2.png lies beside")
        await until(
            pilot, lambda: (shown := app.screen.query_one(SamplePane).arrangement) and shown.shown == 3
        )
        field_input(app, "data-image_size").value = "16x24"
        await until_seen(pilot, "3 images, 16×24")

    drive(home, script, (160, 48))


def test_a_set_that_is_not_here_is_downloaded_by_app_and_command_and_a_damaged_one_is_named(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        app.screen.query_one("#source").control.value = "mnist"
        await until_seen(pilot, "not on this machine yet")
        await until_seen(pilot, "--download")
        damaged = home / "data" / "MNIST" / "raw" / "train-images-idx3-ubyte"
        damaged.parent.mkdir(parents=True)
        damaged.write_bytes(b"rubbish")
        app.screen.query_one("#source").control.value = "fashion-mnist"
        await until_seen(pilot, "a 30 MB download")
        app.screen.query_one("#source").control.value = "mnist"
        await until_seen(pilot, "is not an IDX file")
        await until(pilot, lambda: app.screen.query_one("#source").problem)
        assert "--download" not in screen_text(pilot)

    drive(home, script, (160, 48))


def test_the_side_tells_memory_at_once_and_time_after_a_trial_that_leaves_nothing(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        field_input(app, "model-dim").value = "8"
        field_input(app, "train-batch_size").value = "4"
        await until_seen(pilot, "activations")
        await until_seen(pilot, "ctrl+r measures it")
        await pilot.press("ctrl+r")
        await until_seen(pilot, "a step, by")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not app.screen.query_one(Outlook).is_measuring())
        field_input(app, "train-steps").value = "1000000"
        await until_seen(pilot, "h ")  # hours, by the same pace
        field_input(app, "model-dim").value = "12"
        await until_seen(pilot, "ctrl+r measures again")
        assert not (home / "runs").exists()

    drive(home, script, (120, 48))


def test_what_this_machine_cannot_train_is_told_before_a_run_is_made(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        field_input(app, "train-device").value = "cuda:99"
        await until(pilot, lambda: "cuda:99" in app.screen.query_one(Outlook).problem)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("cuda:99" in toast.message for toast in app._notifications))
        assert not list_runs(home / "runs")

    drive(home, script, (120, 48))


def test_the_values_of_the_form_are_saved_as_a_preset_and_offered_again(home, tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_STUDIO_SETTINGS", str(tmp_path / "settings.toml"))

    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        form = app.screen
        assert "Once measured" in form.query_one("#forecast").content.plain
        field_input(app, "model-dim").value = "24"
        await until(pilot, lambda: "Once measured" not in form.query_one("#forecast").content.plain)
        await pilot.press("ctrl+g")
        await until_seen(pilot, "Save these values as a preset")
        await pilot.press(*"digits", "enter")
        await until_seen(pilot, "comes with the program")
        await pilot.press(*"-wide", "enter")
        await until(
            pilot, lambda: app.screen is form and form.query_one("#preset").control.value == "digits-wide"
        )
        await until_seen(pilot, "--preset digits-wide")
        await pilot.press("escape")
        await until_seen(pilot, "There are no runs yet")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        app.screen.query_one("#preset").control.value = "digits-wide"
        await until(pilot, lambda: field_input(app, "model-dim").value == "24")

    drive(home, script, (120, 48))


def test_changed_values_outlive_a_change_of_preset(home):
    mnist_steps = str(config_for("mnist").train.steps)

    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        assert field_input(app, "train-steps").value != mnist_steps
        field_input(app, "train-batch_size").value = "17"
        app.screen.query_one("#preset").control.value = "mnist"
        await until(pilot, lambda: field_input(app, "train-steps").value == mnist_steps)
        assert field_input(app, "train-batch_size").value == "17"

    drive(home, script)


def test_the_command_beside_the_form_makes_the_same_run(home):
    texts = {
        **starting_texts("digits", PRESETS["mnist"]),
        "train.steps": "77",
        "diffusion.schedule": "linear",
    }
    made = draft("digits", texts).config
    words = command(made, ("mnist", PRESETS["mnist"]), "my-run", ["--home", str(home)]).split()
    arguments = build_parser(words[1:]).parse_args(words[1:])
    given = given_values(arguments, recipes.sections())
    assert config_for(arguments.data, arguments.preset, given) == made
    assert (arguments.name, arguments.home) == ("my-run", str(home))


# Values that go together, and those of fields that hold lists or words.
OTHER = {
    "data.image_size": "16x12", "model.dim": "12", "model.dim_mults": "1,3", "model.attention_levels": "none",
    "model.linear_attention_levels": "0,1", "diffusion.schedule": "linear", "diffusion.beta_start": "0.001",
    "diffusion.beta_end": "0.03", "diffusion.prediction": "v", "diffusion.loss": "huber",
    "train.ema_more_decays": "0.8,0.99", "train.ema_lengths": "0.05,0.1", "train.device": "cpu",
    "previews.guidance_scale": "2.0",
}  # fmt: skip


def another(field, usual: str) -> str:
    """Something else than usual for a field of the form."""
    if field.dotted in OTHER:
        return OTHER[field.dotted]
    if field.choices:
        return [choice for choice in field.choices if choice != usual][-1]
    if "." in field.keys:
        return str(float(usual or 1) / 2 or 0.25)
    return str(int(usual or 1) + 1)


def test_what_the_form_makes_with_every_field_changed_is_what_the_command_reads_from_its_file(tmp_path):
    usual = texts_of(recipes.Config())
    others = {field.dotted: another(field, usual[field.dotted]) for field in FIELDS}
    assert not [name for name in usual if others[name] == usual[name]]
    # Two that cannot go together: once the one, once the other.
    for texts in (
        {**others, "diffusion.loss_weight": "none"},
        {**others, "diffusion.zero_terminal_snr": "no"},
    ):
        made = draft("digits", texts)
        assert not made.problems
        file = tmp_path / "recipe.toml"
        file.write_text(to_toml(made.config))
        words = shlex.split(file_command(str(file), "mine"))[1:]
        assert recipe(build_parser(words).parse_args(words)) == made.config
        assert texts_of(made.config) == texts


def test_a_recipe_that_no_options_can_say_is_said_by_a_file():
    # The preset sets attention_levels, and no option unsets it.
    texts = {**starting_texts("digits", PRESETS["digits"]), "model.attention_levels": ""}
    assert "--config" in command(draft("digits", texts).config, ("digits", PRESETS["digits"]), "mine")


def test_a_field_that_needs_a_value_says_so_with_the_others_that_are_wrong():
    texts = {**texts_of(recipes.Config()), "train.steps": " ", "model.dim": "7", "train.lr": "1e"}
    problems = draft("", texts).problems
    assert set(problems) == {"train.steps", "model.dim", "train.lr", "data.source"}
    assert problems["train.steps"] == "it needs a value, such as 10000"


def test_what_is_wrong_between_fields_stands_at_their_section():
    usual = texts_of(recipes.Config())
    for texts, section in (
        ({"model.linear_attention_levels": "9"}, "model"),
        ({"diffusion.zero_terminal_snr": "yes"}, "diffusion"),
        ({"previews.guidance_scale": "3"}, "previews"),
    ):
        assert set(draft("digits", usual | texts).problems) <= {section, *texts}


def test_the_recipe_is_shown_and_written_as_the_file_that_the_command_takes(home, tmp_path):
    file = tmp_path / "mine.toml"

    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        field_input(app, "train-steps").value = "77"
        await pilot.press("ctrl+l")
        await until_seen(pilot, "The same run from a shell")
        await until_seen(pilot, "--steps 77")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        app.screen.query_one(Input).value = str(tmp_path)
        await pilot.press("enter")
        await until_seen(pilot, "Name the file to write")
        app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await until_seen(pilot, "with the file that was written")
        await pilot.press("c")
        await until(pilot, lambda: str(file) in app.clipboard)
        words = shlex.split(app.clipboard)[1:]
        made = recipe(build_parser(words).parse_args(words))
        assert made == config_for("digits", None, {"train": {"steps": 77}})

    drive(home, script, (120, 48))


def test_a_clone_has_the_whole_recipe_but_not_what_happened_on_the_way():
    given = {"model": {"dropout": 0.25}, "data": {"class_names": ["a", "b"]}}
    changed = config_for("mnist", "digits", {**given, "changes": [{"step": 9, "lr": 1e-4}]})
    start = values_like(changed)
    made = draft("mnist", starting_texts("mnist", start)).config
    assert made == config_for("mnist", "digits", {"model": {"dropout": 0.25}})


def test_a_run_is_cloned_into_the_form(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("N")
        await until_seen(pilot, "New run like alpha")
        await until(pilot, lambda: field_input(app, "train-steps").value == "40")
        assert app.screen.query_one("#preset").control.value == "like alpha"
        assert field_input(app, "model-dim").value == "8"
        app.screen.query_one("#preset").control.value = "mnist"
        steps = str(PRESETS["mnist"]["train"]["steps"])
        await until(pilot, lambda: field_input(app, "train-steps").value == steps)

    drive(home, script)


def test_keys_of_the_screen_work_while_a_number_is_edited(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        steps = field_input(app, "train-steps")
        steps.focus()
        usual = steps.value
        await pilot.press("end", "5", "x")
        assert steps.value == f"{usual}5"
        await pilot.press("question_mark")
        await until_seen(pilot, "Keys: new run")

    drive(home, script)


def test_memory_is_estimated_though_the_data_set_is_known_late(tmp_path, monkeypatch):
    monkeypatch.setattr(outlook, "LOOK_SECONDS", 1.0)

    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        load_torch()  # so that costs are there before the data
        await pilot.press("n")
        await until_seen(pilot, "memory about")

    drive(tmp_path, script)
