"""What is measured of a network: against scipy, against losses known beforehand, and from the command line."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
import torch
from conftest import TINY_OPTIONS, call
from torch import nn

from ddpm import schedules
from ddpm.config import Config
from ddpm.errors import ConfigError, DataError, TrainingError
from ddpm.evaluate import Evaluation, Progress, evaluate, open_evaluated
from ddpm.evaluation_config import EvaluationConfig
from ddpm.generate import Network
from ddpm.runs import Run
from ddpm.sources.imageset import ImageSet

T = 7


class Recording(nn.Module):
    """Some smooth function of x_t and t in the place of a network; remembers how it was called."""

    def __init__(self, channels_out):
        super().__init__()
        self.channels_out = channels_out
        self.calls = []

    def forward(self, x_t, t, labels=None):
        output = torch.tanh(0.7 * x_t + 0.1 * t.view(-1, 1, 1, 1))
        output = output.repeat(1, self.channels_out // x_t.shape[1], 1, 1)
        self.calls.append(SimpleNamespace(x_t=x_t, t=t, labels=labels, output=output))
        return output


def image_set(n=5, classes=0, seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 3, 4, 5), dtype=np.uint8)
    images[:, :, 0, :2] = 0, 255  # both ends, whose levels are wider
    labels = np.arange(n) % classes if classes else None
    return ImageSet("made", images, labels, tuple("abc"[:classes]))


def network_of(unet=None, classes=0, **diffusion):
    config = Config.build(
        {
            "data": {"image_size": (4, 5), "channels": 3, "class_names": tuple("abc"[:classes])},
            "model": {"class_conditional": classes > 0},
            "diffusion": {"T": T, **diffusion},
        }
    )
    return Network(unet or Recording(config.channels_out), config, 3, torch.device("cpu"), "ema")


def measured(network, images, **options):
    *progress, evaluation = evaluate(network, images, EvaluationConfig(**options))
    assert isinstance(evaluation, Evaluation)
    assert all(isinstance(news, Progress) for news in progress)
    for metric in {news.metric for news in progress}:
        done = [news.done for news in progress if news.metric == metric]
        total = {news.total for news in progress if news.metric == metric}
        assert done == sorted(set(done))
        assert {done[-1]} == total
    return evaluation


def expected_terms(config, x_0, calls, variance):
    """The bound's terms of each image, bits per dimension [T, n], from what the network saw and gave: by scipy."""
    schedule = schedules.build(config)
    beta, alpha_bar = schedule.beta.numpy(), schedule.alpha_bar.numpy()
    before = np.concatenate([[1.0], alpha_bar[:-1]])
    posterior = beta * (1 - before) / (1 - alpha_bar)
    narrow = np.concatenate([posterior[1:2] if len(beta) > 1 else beta[:1], posterior[1:]])
    terms = np.full((len(beta), len(x_0)), np.nan)
    for one in calls:
        t = int(one.t[0])
        x_t, output = one.x_t.double().numpy(), one.output.double().numpy()
        prediction = output[:, :3]
        a, b = alpha_bar[t] ** 0.5, (1 - alpha_bar[t]) ** 0.5
        match config.prediction:
            case "eps":
                guess = (x_t - b * prediction) / a
            case "x_0":
                guess = prediction
            case "v":
                guess = a * x_t - b * prediction
        clipped = guess.clip(-1, 1)
        of_x_0 = before[t] ** 0.5 * beta[t] / (1 - alpha_bar[t])
        of_x_t = (1 - beta[t]) ** 0.5 * (1 - before[t]) / (1 - alpha_bar[t])
        if variance == "learned":
            fraction = (output[:, 3:] + 1) / 2
            spread = np.exp(fraction * np.log(beta[t]) + (1 - fraction) * np.log(narrow[t]))
        else:
            spread = beta[t] if variance == "beta" and t > 0 else narrow[t]
        mean, deviation = of_x_0 * clipped + of_x_t * x_t, np.sqrt(spread)
        if t == 0:
            upper = np.where(x_0 > 0.999, np.inf, (x_0 + 1 / 255 - mean) / deviation)
            lower = np.where(x_0 < -0.999, -np.inf, (x_0 - 1 / 255 - mean) / deviation)
            # On the left, where a small probability is not the difference of two that are almost 1.
            upper, lower = np.where(lower > 0, -lower, upper), np.where(lower > 0, -upper, lower)
            nats = -np.log(scipy.stats.norm.cdf(upper) - scipy.stats.norm.cdf(lower))
        else:
            gap = of_x_0 * x_0 + of_x_t * x_t - mean
            nats = 0.5 * (np.log(spread / posterior[t]) + (posterior[t] + gap**2) / spread - 1)
        terms[t] = nats.mean(axis=(1, 2, 3)) / math.log(2)
    return terms


@pytest.mark.parametrize(
    ("diffusion", "variance"),
    [
        ({}, None),
        ({"schedule": "linear", "T": 1000}, "beta"),
        ({"prediction": "x_0"}, "posterior"),
        ({"prediction": "v", "zero_terminal_snr": True}, "beta"),
        ({"prediction": "v", "variance": "learned"}, None),
        ({"variance": "learned"}, "posterior"),
        ({"T": 1, "prediction": "v", "zero_terminal_snr": True}, None),
    ],
)
def test_bits_per_dimension_are_what_scipy_computes(diffusion, variance):
    network, images = network_of(**diffusion), image_set()
    found = measured(network, images, metrics="bpd", variance=variance).bits_per_dimension
    config = network.config.diffusion
    chosen = variance or ("learned" if config.variance == "learned" else "posterior")
    assert found.variance == chosen
    assert [int(one.t[0]) for one in network.unet.calls] == list(reversed(range(config.T)))

    x_0 = images.images / 127.5 - 1
    terms = expected_terms(config, x_0, network.unet.calls, chosen)
    # The network's part is float32.
    np.testing.assert_allclose(found.terms, terms.mean(axis=1), rtol=1e-4, atol=1e-6)
    alpha_bar = float(schedules.build(config).alpha_bar[-1])
    prior = 0.5 * (alpha_bar * (x_0**2 - 1) - math.log1p(-alpha_bar)).mean(axis=(1, 2, 3)) / math.log(2)
    totals = prior + terms.sum(axis=0)
    assert found.prior == pytest.approx(prior.mean(), rel=1e-3, abs=1e-7)
    assert found.decoder == pytest.approx(terms[0].mean(), rel=1e-4)
    assert found.steps == pytest.approx(terms[1:].sum(axis=0).mean(), rel=1e-4, abs=1e-6)
    assert found.total == pytest.approx(totals.mean(), rel=1e-4)
    assert found.standard_error == pytest.approx(scipy.stats.sem(totals), rel=1e-3)


class Guess(nn.Module):
    """Says of every image that it is t / 10 all over."""

    def forward(self, x_t, t):
        return (t / 10).view(-1, 1, 1, 1).expand_as(x_t)


@pytest.mark.parametrize("bins", [1, 3, T, 50])
def test_the_loss_of_each_bin_is_that_of_its_timesteps(bins):
    """All images are grey 51, which is -0.6, so that the loss of ``Guess`` at t is (t / 10 + 0.6)^2."""
    images = ImageSet("grey", np.full((2000, 3, 4, 5), 51, np.uint8))
    network = network_of(Guess(), prediction="x_0")
    found = measured(network, images, metrics="loss", bins=bins, n=2000).loss
    at_t = (np.arange(T) / 10 + 0.6) ** 2
    assert len(found.bins) == min(bins, T)
    assert [part.first for part in found.bins] == [0, *[part.last + 1 for part in found.bins[:-1]]]
    assert found.bins[-1].last == T - 1
    for part in found.bins:
        inside = at_t[part.first : part.last + 1]
        # Which t a bin takes is random unless it has but one.
        assert part.loss == pytest.approx(inside.mean(), rel=1e-5 if len(inside) == 1 else 0.03)
    assert found.mean == pytest.approx(at_t.mean(), rel=1e-5 if bins >= T else 0.03)


@pytest.mark.parametrize(
    "diffusion", [{"loss": "l1", "loss_weight": "min-snr"}, {"variance": "learned", "prediction": "v"}]
)
def test_an_evaluation_is_repeated_exactly_whatever_the_batch_size(diffusion):
    runs = [
        measured(network_of(**diffusion), image_set(9), n=8, batch_size=size, seed=seed)
        for size, seed in ((8, 0), (3, 0), (8, 0), (8, 1))
    ]
    assert runs[0] == runs[2]
    assert runs[0].n == 8
    for other, same in ((runs[1], True), (runs[3], False)):
        pairs = zip(
            [runs[0].loss.mean, *runs[0].bits_per_dimension.terms],
            [other.loss.mean, *other.bits_per_dimension.terms],
            strict=True,
        )
        assert all((a == pytest.approx(b, rel=1e-6)) == same for a, b in pairs)


@pytest.mark.parametrize("classes", [0, 3])
def test_a_class_conditional_network_is_told_the_classes_and_no_other_is(classes):
    network = network_of(classes=classes)
    images = image_set(7, classes=3)
    measured(network, images, batch_size=4)
    for one in network.unet.calls:
        if not classes:
            assert one.labels is None
    if classes:
        told = [one.labels.tolist() for one in network.unet.calls]
        assert told[0] == [0, 1, 2, 0]
        assert told[-1] == [1, 2, 0]


def test_other_classes_than_those_of_the_training_are_refused():
    with pytest.raises(DataError, match=r"classes a, b, c.*made has a, b now"):
        measured(network_of(classes=3), image_set(7, classes=2))


def test_a_variance_that_was_not_learned_is_refused():
    with pytest.raises(ConfigError, match=r"not learned a variance.*posterior or beta"):
        measured(network_of(), image_set(), metrics="bpd", variance="learned")


class Broken(nn.Module):
    """A network whose weights are no numbers any more."""

    def forward(self, x_t, t):
        return x_t * float("nan")


@pytest.mark.parametrize("metric", ["loss", "bpd"])
def test_a_network_that_gives_no_numbers_is_told(metric):
    with pytest.raises(TrainingError, match=r"is nan.*earlier checkpoint"):
        measured(network_of(Broken()), image_set(), metrics=metric)


def test_what_is_held_out_is_measured_where_anything_is(tmp_path):
    config = Config.build({"data": {"held_out": 0.1}})
    split, held_out = open_evaluated(config, tmp_path)
    assert (split, held_out.n) == ("held-out", 180)
    split, train = open_evaluated(Config(), tmp_path)
    assert (split, train.n) == ("train", 1797)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home with a short run that holds images out and learns its variance."""
    home = tmp_path_factory.mktemp("evaluated") / "home"
    options = [
        "--data.held_out",
        "0.02",
        "--diffusion.variance",
        "learned",
        "--model.class_conditional",
        "true",
    ]
    done = call(home, "train", "digits", "--name", "one", *TINY_OPTIONS, *options)
    assert done.returncode == 0, done.stderr
    return home


def test_the_command_prints_a_table_and_writes_it_into_the_run(trained):
    done = call(trained, "evaluate", "one", "--n", "20", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    run = Run(trained / "runs" / "one")
    path = run.path / "evaluations" / "step-00000012-ema-held-out-n-20-seed-0-loss-bpd.json"
    assert done.stdout.splitlines()[-1] == str(path)
    report = json.loads(path.read_bytes())
    expected = {
        "run": "one",
        "step": 12,
        "split": "held-out",
        "n": 20,
        "seed": 0,
        "weights": "ema",
        "metrics": ["loss", "bpd"],
    }
    assert {key: report[key] for key in expected} == expected
    assert len(report["loss"]["bins"]) == 10
    assert len(report["bits_per_dimension"]["terms"]) == 50
    assert report["bits_per_dimension"]["variance"] == "learned"
    assert f"bits/dim            {report['bits_per_dimension']['total']:10.4f}" in done.stdout
    assert "20 held-out images" in done.stdout
    before = path.read_bytes()
    again = call(trained, "evaluate", "one", "--n", "20", "--device", "cpu")
    assert (again.stdout, path.read_bytes()) == (done.stdout, before)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--metrics", "loss,fid"], ["no metric 'fid'", "loss,bpd"]),
        (["--n", "0"], ["ddpm-studio: --n: 0", "greater than or equal to 1"]),
        (["--weights", "best"], ["weights", "'best'"]),
        (["--bins", "51"], ["ddpm-studio: --bins: 51 are not possible", "T = 50"]),
        (["--device", "gpu:7"], ["'gpu:7'", "cuda:N"]),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_sentence(trained, words, expected):
    done = call(trained, "evaluate", "one", *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert [word for word in expected if word not in done.stderr] == []


def test_a_step_without_a_checkpoint_is_told(trained):
    done = call(trained, "evaluate", "one", "--checkpoint", "7")
    assert done.returncode == 2
    assert "no checkpoint of step 7" in done.stderr
