"""The form of the sample screen offers what the run's network can be asked for, on the smallest screen too."""

from app_pilot import drive, finished_run, screen_text, until, until_seen
from textual.widgets import Input

from studio.screens.sample import SampleScreen
from studio.widgets.picker import Picker
from studio.widgets.sample_form import SampleForm


def test_the_form_makes_room_for_the_images_and_hides_what_has_no_meaning_for_sampler_and_network(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        await until_seen(pilot, "Draw  (ctrl+s)")
        assert "Eta" in screen_text(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "Eta" not in screen_text(pilot))
        assert app.screen.query_one("#drawn").size.width > 70
        await pilot.press("escape")
        await until_seen(pilot, "Eta")
        for absent in ("Variance (DDPM)", "Class", "Guidance", "Quantile"):
            assert absent not in screen_text(pilot)
        app.screen.query_one("#clip").query_one(Picker).value = "dynamic"
        await until_seen(pilot, "Quantile")
        form = app.screen.query_one(SampleForm)
        form.field("weights").control.focus()
        await until_seen(pilot, "train.ema_lengths")
        assert not form.field("average_length").display
        app.screen.query_one("#eta").query_one(Input).value = "0.5"
        app.screen.query_one("#threshold_quantile").query_one(Input).value = "0.9"
        await until(pilot, lambda: form.order() is not None)
        assert (form.order().recipe.eta, form.order().recipe.threshold_quantile) == (0.5, 0.9)
        app.screen.query_one("#sampler").query_one(Picker).value = "heun"
        app.screen.query_one("#clip").query_one(Picker).value = "none"
        await until(pilot, lambda: "Eta" not in screen_text(pilot) and "Quantile" not in screen_text(pilot))
        # What is hidden is not asked for either.
        assert (form.order().recipe.eta, form.order().recipe.threshold_quantile) == (None, None)

    drive(home, script, (80, 24))


def test_a_network_that_is_told_classes_can_be_asked_for_one_and_guided(home):
    run = finished_run(home, "alpha")
    told = {"data": {"class_names": ("cat", "dog")}, "model": {"class_conditional": True}}
    run.write_config(run.config().with_values({**told, "diffusion": {"variance": "learned"}}))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        app.screen.query_one("#sampler").query_one(Picker).value = "ddpm"
        await until_seen(pilot, "learned")
        await until_seen(pilot, "each in turn")
        app.screen.query_one("#class").query_one(Picker).value = "dog"
        await until(pilot, lambda: app.screen.query_one(SampleForm).order().recipe.label == ("dog",))
        app.screen.query_one("#class").query_one(Picker).value = "several …"
        app.screen.query_one("#label").query_one(Input).value = "cow"
        await until_seen(pilot, "there is no class cow")
        app.screen.query_one("#label").query_one(Input).value = "dog, 0"
        app.screen.query_one("#guidance_scale").query_one(Input).value = "3"
        await until(pilot, lambda: app.screen.query_one(SampleForm).order() is not None)
        sample = app.screen.query_one(SampleForm).order().recipe
        assert (sample.label, sample.guidance_scale, sample.variance) == (("dog", "0"), 3.0, "learned")

    drive(home, script, (80, 24))
