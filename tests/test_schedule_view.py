"""The schedule explorer without its screen: schedules beside each other, real images noised, and words for both."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from app_pilot import tiny_config, untrained_checkpoint
from hypothesis import given
from hypothesis import strategies as st

from ddpm import schedules
from ddpm.config import DiffusionConfig
from ddpm.data import to_uint8
from ddpm.diffusion import q_sample
from ddpm.errors import ConfigError, DataError, NoSuchCheckpointError
from ddpm.ideal_denoiser import ideal_denoiser
from ddpm.randomness import generator
from ddpm.runs_root import create_run
from studio import noised_image, schedule_words
from studio.long_job import GivenUpError
from studio.schedule_lab import Laboratory
from studio.schedule_view import (
    Scene,
    curves_of,
    read_schedule,
    rival_of,
    schedule_of,
    strip_steps,
    texts_of,
)

COSINE, LINEAR = DiffusionConfig(prediction="v"), DiffusionConfig(schedule="linear", prediction="v")


# The scene


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid", "quadratic", "scaled-linear"])
def test_a_schedule_survives_its_form(schedule):
    ends = {"beta_start": 0.0002, "beta_end": 0.03} if schedule == "linear" else {}
    chosen = DiffusionConfig(schedule=schedule, T=250, zero_terminal_snr=True, prediction="v", **ends)
    assert read_schedule(texts_of(chosen)) == chosen


def test_a_recipe_gives_its_schedule_and_nothing_else():
    recipe = DiffusionConfig(schedule="linear", T=70, beta_end=0.05, loss="l1", variance="learned")
    assert schedule_of(recipe) == DiffusionConfig(schedule="linear", T=70, beta_end=0.05, prediction="v")
    assert rival_of(recipe).schedule == "cosine"
    assert rival_of(COSINE).schedule == "linear"


def test_ends_that_a_schedule_does_not_have_are_not_asked_for():
    texts = texts_of(LINEAR) | {"beta_start": "0.5", "beta_end": "0.1"}
    with pytest.raises(ConfigError, match=r"beta_start \(0.5\) must not be above"):
        read_schedule(texts)
    assert read_schedule(texts | {"schedule": "cosine"}) == COSINE


@pytest.mark.parametrize(
    ("field", "text"), [("T", "0"), ("T", "1e3"), ("beta_end", "2"), ("beta_start", "-")]
)
def test_what_is_no_number_of_a_schedule_is_named(field, text):
    with pytest.raises(ConfigError, match=f"{field}: .*{text}"):
        read_schedule(texts_of(LINEAR) | {field: text})


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0, 1))
def test_another_T_keeps_the_share_of_the_way(T, other, share):
    scene = Scene(DiffusionConfig(T=T), DiffusionConfig(T=other), 0).at(round(share * T) - 1)
    moved = scene.with_schedule("A", DiffusionConfig(T=other))
    assert 0 <= moved.t < other
    assert 0 <= scene.t_second < other
    assert abs(moved.share - scene.share) <= 1 / other
    assert moved.t == scene.t_second == scene.swapped().t


def test_moves_stay_on_the_way():
    scene = Scene.of(COSINE)
    assert scene.t == 333
    assert scene.moved(1).t == 334
    assert scene.moved(-1, coarse=True).t == 283
    assert scene.at(10**9).t == 999
    assert scene.at(-5).t == 0
    assert Scene.of(DiffusionConfig(T=1)).moved(1, coarse=True).t == 0


@given(st.integers(1, 1000), st.integers(0, 12))
def test_a_strip_goes_from_the_first_to_the_last_t(T, n):
    steps = strip_steps(T, n)
    assert len(steps) == min(n, T) or (n == 0 and steps == [])
    assert steps == sorted(set(steps))
    if n > 1:
        assert (steps[0], steps[-1]) == (0, T - 1)


# The curves


def test_curves_are_the_tables_of_the_schedule():
    curves, table = curves_of(LINEAR), schedules.linear(1000)
    np.testing.assert_array_equal(curves.beta, table.beta)
    np.testing.assert_array_equal(curves.alpha_bar, table.alpha_bar)
    np.testing.assert_allclose(curves.log_snr, table.snr.log())
    assert curves.signal(400) ** 2 + curves.noise(400) ** 2 == pytest.approx(1)
    assert curves.snr(400) == pytest.approx(float(table.snr[400]))
    assert curves.even_share == pytest.approx(0.26, abs=0.01)
    assert curves_of(COSINE).even_share == pytest.approx(0.5, abs=0.01)


def test_zero_terminal_snr_ends_in_no_signal_at_all():
    curves = curves_of(DiffusionConfig(zero_terminal_snr=True, prediction="v"))
    assert curves.log_snr[-1] == -math.inf
    assert (curves.signal(999), curves.snr(999)) == (0, 0)
    assert schedule_words.state_of(curves, 999) == "0 % of the image's standard deviation is left · SNR 0"


def test_a_schedule_that_cannot_be_says_why():
    with pytest.raises(ConfigError, match="alpha_bar"):
        curves_of(DiffusionConfig(schedule="linear", beta_start=0.9, beta_end=0.99))


# The words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.624, "62 %"),
        (0.0996, "10 %"),
        (0.0503, "5.0 %"),
        (0.000049, "0.0049 %"),
        (0.0, "0 %"),
    ],
)
def test_percentages_have_the_digits_that_matter(share, text):
    assert schedule_words.percent(share) == text


def test_words_change_with_what_can_still_be_guessed():
    scene, first = Scene.of(COSINE), curves_of(COSINE)

    def said(candidates):
        return schedule_words.task(scene, first, schedule_words.Knowledge(candidates, 1797, 1797)).words

    assert said(1.0).startswith("Only 1 of the 1,797 images fits")
    assert said(37.4).startswith(
        "About 37 of the 1,797 images fit this x_t. The perfect guess is their weighted mean"
    )
    assert said(1523).startswith("About 1,500 of the 1,797 images fit this x_t: hardly anything")
    assert "plain to see" in schedule_words.task(scene.at(0), first, None).words
    assert "Hardly anything" in schedule_words.task(scene.at(990), first, None).words


def test_words_compare_two_schedules_where_one_stands():
    scene, first, second = Scene.of(COSINE), curves_of(COSINE), curves_of(LINEAR)
    here = schedule_words.comparison(scene, first, second).words
    assert "86 % and 56 % of the image are left" in here
    assert "in cosine after 50 %, in linear after 26 % of the way" in here
    end = schedule_words.comparison(scene.at(999), first, second).words
    assert "The last step of A leaves 0.0049 % of the image, that of B 0.64 %" in end
    assert "the same schedule" in schedule_words.comparison(replace(scene, second=COSINE), first, first).words


def test_words_tell_the_mixture_and_how_many_images_are_known():
    scene, first = Scene.of(COSINE), curves_of(COSINE)
    assert "x_t = 0.86 · x_0 + 0.51 · ε" in schedule_words.forward_process(scene, first).words
    some = schedule_words.Knowledge(3, 2000, 60_000)
    assert "knows 2,000 of the 60,000 training images" in schedule_words.guesses(scene, some, 333).words
    assert "asked at t = 41 " in schedule_words.guesses(scene, some, 41).words
    assert "asked at" not in schedule_words.guesses(scene, some, 333).words


# Real images


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return noised_image.load_bank(tiny_config(data={"held_out": 0.1}), tmp_path_factory.mktemp("data"))


def test_the_bank_holds_the_images_that_are_trained_on(bank):
    assert bank.total == len(bank.images) == 1797 - 180
    assert bank.images.shape[1:] == (1, 8, 8)
    assert (float(bank.images.min()), float(bank.images.max())) == (-1, 1)
    assert set(bank.classes) == set("0123456789")
    assert len({bank.position(number) for number in range(50)}) == 50


def test_of_many_images_an_even_choice_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(noised_image, "MOST_IMAGES", 100)
    some = noised_image.load_bank(tiny_config(), tmp_path)
    assert (len(some.images), some.total) == (100, 1797)
    monkeypatch.setattr(noised_image, "MOST_NUMBERS", 64 * 30)
    assert len(noised_image.load_bank(tiny_config(), tmp_path).images) == 30


def test_a_data_set_that_is_not_there_is_told_and_waiting_for_one_can_be_given_up(tmp_path):
    with pytest.raises(DataError, match="mnist"):
        noised_image.load_bank(tiny_config(data={"source": "mnist"}), tmp_path)
    array = tmp_path / "some.npy"
    np.save(array, np.zeros((9, 8, 8, 1), np.uint8))

    def give_up(*_):
        raise GivenUpError

    with pytest.raises(GivenUpError):
        noised_image.load_bank(tiny_config(data={"source": str(array)}), tmp_path, progress=give_up)


def test_a_moment_is_the_closed_form_and_the_ideal_guess(bank):
    schedule, step = schedules.cosine(1000), torch.tensor([600])
    found = noised_image.moment(bank, 7, COSINE, 600, None)
    x_0 = bank.images[bank.position(7)][None]
    np.testing.assert_array_equal(found.x_0, to_uint8(x_0)[0])
    in_strip = noised_image.strip(bank, 7, COSINE, [0, 600, 999])
    np.testing.assert_array_equal(in_strip[1], found.x_t)
    # The same noise at every t: what pure noise shows is eps, but for the little that is left of the image.
    assert (
        np.abs(in_strip[0].astype(int) - found.x_0).mean() < np.abs(found.x_t.astype(int) - found.x_0).mean()
    )
    eps = torch.randn(x_0.shape, generator=generator(0, "schedule explorer", 7))
    guess = ideal_denoiser(bank.images, schedule)(q_sample(schedule, x_0, step, eps), step)
    np.testing.assert_array_equal(found.perfect.pixels, to_uint8(guess)[0])
    assert found.perfect.error == pytest.approx(float((guess - x_0).square().mean().sqrt()))
    assert found.candidates > 1
    assert found.trained is None


def test_more_noise_leaves_more_candidates(bank):
    counts = [noised_image.moment(bank, 3, LINEAR, t, None).candidates for t in (0, 300, 600, 999)]
    assert counts == sorted(counts)
    assert counts[0] == pytest.approx(1)
    assert counts[-1] > 0.9 * len(bank.images)


def trained_run(root, **overrides):
    """A run with one checkpoint of an untrained network."""
    config = tiny_config(
        data={"image_size": [8, 8], "channels": 1, "class_names": tuple("0123456789")}, **overrides
    )
    run = create_run(root, "net-1", config)
    untrained_checkpoint(run, 20)
    return run


@pytest.mark.parametrize("told", [False, True])
def test_a_network_is_asked_where_its_own_schedule_has_as_much_noise(tmp_path, bank, told):
    run = trained_run(tmp_path, model={"class_conditional": told})
    trained = noised_image.load_trained(run, bank)
    assert trained.step == 20
    own = run.config().diffusion
    for t in (0, 17, 49):
        assert noised_image.moment(bank, 0, own, t, trained).trained_t == t
    found = noised_image.moment(bank, 0, LINEAR, 259, trained)
    theirs = float(schedules.build(own).alpha_bar[found.trained_t])
    assert theirs == pytest.approx(float(schedules.linear(1000).alpha_bar[259]), abs=0.03)
    assert found.trained.pixels.shape == (1, 8, 8)
    assert found.trained.error > found.perfect.error


def test_a_network_that_memory_is_too_small_for_is_let_go(tmp_path):
    run = trained_run(tmp_path)
    lab = Laboratory(run.config(), tmp_path, run)
    scene = Scene.of(run.config().diffusion)
    assert lab.moment(scene) is None
    lab.load_images()
    lab.load_network()
    assert lab.moment(scene).trained is not None

    def full(*_):
        raise torch.OutOfMemoryError("no more")

    lab._trained.network.unet.register_forward_pre_hook(full)
    assert lab.moment(scene).trained is None
    assert lab.network_words == "memory is full"


def test_without_a_network_that_fits_it_says_so(tmp_path, bank):
    run = create_run(tmp_path, "new-1", tiny_config())
    with pytest.raises(NoSuchCheckpointError, match="no whole checkpoint yet"):
        noised_image.load_trained(run, bank)
    other = noised_image.ImageBank(torch.zeros(3, 3, 4, 4), (), 3)
    with pytest.raises(ConfigError, match=r"\(1, 8, 8\).*\(3, 4, 4\)"):
        noised_image.load_trained(trained_run(tmp_path), other)
