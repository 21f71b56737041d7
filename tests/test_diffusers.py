"""Weights that move: what diffusers makes of our folders, and we of theirs."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import waken
from safetensors.torch import load_file, save_file

from ddpm import denoisers, samplers, schedules, unet
from ddpm.config import Config, DiffusionConfig
from ddpm.errors import ExchangeError
from ddpm.exchange.diffusers_folder import MARK, WEIGHTS, read_pipeline, save_pipeline
from ddpm.exchange.diffusers_schedule import diffusion_values, scheduler_json
from ddpm.exchange.diffusers_unet import recipe_values
from ddpm.generate import Network
from ddpm.parameter_count import parameter_count

SMALL = {"dim": 16, "dim_mults": (1, 2), "blocks_per_level": 1, "attention_head_dim": 8}


def network_of(values, image_size=(8, 8), channels=3, class_names=()):
    """A network with random weights everywhere."""
    data = {"source": "digits", "image_size": image_size, "channels": channels, "class_names": class_names}
    config = Config.build({"data": data, **values})
    torch.manual_seed(0)
    return Network(waken(unet.build(config)).eval(), config, 7, torch.device("cpu"), "ema", "digits-1")


def outputs(network, pipeline):
    """What both networks predict for the same images at three timesteps, float32."""
    config = network.config
    x_t, t = torch.randn(3, *config.data.shape), torch.tensor([0, 3, config.diffusion.T - 1])
    with torch.no_grad():
        return network.unet(x_t, t), pipeline.unet(x_t, t).sample


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda levels: st.fixed_dictionaries(
            {
                "dim": st.sampled_from([8, 16]),
                "dim_mults": st.lists(st.integers(1, 3), min_size=levels - 1, max_size=levels - 1).map(
                    lambda rest: (1, *rest)
                ),
                "blocks_per_level": st.integers(1, 2),
                "attention_levels": st.sets(st.integers(0, levels - 1)).map(tuple),
                "middle_attention": st.booleans(),
                "attention_head_dim": st.sampled_from([4, 8, 512]),
                "norm_groups": st.sampled_from([1, 2, 4]),
                "norm_eps": st.sampled_from([1e-5, 1e-6, 1e-2]),
                "time_frequency_shift": st.sampled_from([0, 1]),
                "downsample_padding": st.sampled_from(["both", "end"]),
            }
        )
    ),
    st.sampled_from([1, 3, 4]),
    st.sampled_from(["fixed", "learned"]),
    st.sampled_from([(8, 8), (4, 12)]),
)
def test_an_export_computes_the_same_in_diffusers_and_comes_back_identical(
    tmp_path_factory, model, channels, variance, image_size
):
    folder = tmp_path_factory.mktemp("export") / "pipeline"
    values = {"model": model, "diffusion": {"T": 40, "variance": variance}}
    network = network_of(values, image_size, channels)
    save_pipeline(network, folder)
    ours, theirs = outputs(network, DDPMPipeline.from_pretrained(folder))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    back = read_pipeline(folder)
    parameters = dict(network.unet.named_parameters())
    assert back.weights.keys() == parameters.keys()
    assert all(torch.equal(back.weights[name], parameters[name]) for name in parameters)
    again = unet.build(Config.build(back.values)).eval()
    again.load_state_dict(back.weights)
    x_t, t = torch.randn(2, *network.config.data.shape), torch.tensor([0, 39])
    torch.testing.assert_close(again(x_t, t), network.unet(x_t, t), rtol=0, atol=0)


CIFAR_KIND = {  # google/ddpm-cifar10-32's config.json, but for its size
    "sample_size": 8,
    "block_out_channels": (16, 32, 32),
    "layers_per_block": 2,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": None,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "norm_eps": 1e-6,
    "norm_num_groups": 8,
}
COURSE_KIND = {  # one channel in each group, sine after cosine, as many tutorials leave it
    "sample_size": (12, 8),
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "norm_num_groups": 8,
}


def their_folder(folder, values, scheduler=None, **saving):
    """A pipeline of diffusers with random weights, saved by diffusers."""
    torch.manual_seed(1)
    pipeline = DDPMPipeline(waken(UNet2DModel(**values)).eval(), scheduler or DDPMScheduler())
    pipeline.save_pretrained(folder, **saving)
    return pipeline


def taken_in(folder):
    """Our network of a folder of theirs."""
    back = read_pipeline(folder)
    config = Config.build(back.values)
    network = unet.build(config).eval()
    network.load_state_dict(back.weights)
    return Network(network, config, 0, torch.device("cpu"), "ema")


@pytest.mark.parametrize(
    "told",
    [
        CIFAR_KIND,
        COURSE_KIND,
        {**COURSE_KIND, "add_attention": False, "attention_head_dim": 16, "dropout": 0.3},
        {**COURSE_KIND, "out_channels": 2, "time_embedding_dim": 32, "attn_norm_num_groups": 8},
    ],
    ids=["cifar", "course", "no middle attention", "learned variance"],
)
def test_their_networks_compute_the_same_here(tmp_path, told):
    scheduler = DDPMScheduler(
        variance_type="learned_range" if told.get("out_channels") == 2 else "fixed_small"
    )
    pipeline = their_folder(tmp_path, told, scheduler)
    network = taken_in(tmp_path)
    assert network.config.diffusion.variance == ("learned" if told.get("out_channels") == 2 else "fixed")
    ours, theirs = outputs(network, pipeline)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=3),
    st.fixed_dictionaries(
        {
            "layers_per_block": st.integers(1, 2),
            "norm_num_groups": st.sampled_from([1, 4, 8]),
            "attention_head_dim": st.sampled_from([None, 1, 2, 8]),
            "norm_eps": st.sampled_from([1e-6, 1e-2]),
            "flip_sin_to_cos": st.booleans(),
            "freq_shift": st.sampled_from([0, 1]),
            "downsample_padding": st.sampled_from([0, 1]),
            "add_attention": st.booleans(),
        }
    ),
)
def test_any_of_their_networks_that_is_taken_in_computes_the_same(tmp_path_factory, levels, values):
    folder = tmp_path_factory.mktemp("theirs")
    multiples = [1, *(multiple for multiple, _ in levels[1:])]
    kinds = ["Attn" if attended else "" for _, attended in levels]
    network = {
        "sample_size": 8,
        "block_out_channels": tuple(8 * multiple for multiple in multiples),
        "down_block_types": tuple(f"{kind}DownBlock2D" for kind in kinds),
        "up_block_types": tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        **values,
    }
    pipeline = their_folder(folder, network)
    ours, theirs = outputs(taken_in(folder), pipeline)
    # Sinusoids of t = 999 differ by up to 3e-5 in float32; see the test of the sinusoids.
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-5)


def test_the_network_of_the_paper_can_be_told_in_a_recipe():
    network = UNet2DModel(
        **CIFAR_KIND
        | {
            "sample_size": 32,
            "block_out_channels": (128, 256, 256, 256),
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            "norm_num_groups": 32,
        }
    )
    config = Config.build(recipe_values(dict(network.config)))
    theirs = sum(parameter.numel() for parameter in network.parameters())
    assert parameter_count(config) == theirs == 35_746_307


def test_a_folder_of_an_early_diffusers_is_taken_in(tmp_path):
    pipeline = their_folder(tmp_path / "new", CIFAR_KIND)
    old = tmp_path / "old"  # all files in one folder, attention under its old names
    old.mkdir()
    weights = load_file(tmp_path / "new" / "unet" / WEIGHTS)
    names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    for new_name, old_name in names.items():
        weights = {name.replace(new_name, old_name): tensor for name, tensor in weights.items()}
    save_file(weights, old / WEIGHTS)
    for name in ("model_index.json", "unet/config.json", "scheduler/scheduler_config.json"):
        (old / Path(name).name).write_bytes((tmp_path / "new" / name).read_bytes())
    ours, theirs = outputs(taken_in(old), pipeline)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v"])
@pytest.mark.parametrize("variance", ["fixed", "learned"])
def test_the_pipeline_draws_what_our_sampler_draws(tmp_path, prediction, variance):
    diffusion = DiffusionConfig(T=12, prediction=prediction, variance=variance)
    network = network_of({"model": SMALL, "diffusion": diffusion.model_dump()})
    save_pipeline(network, tmp_path / "pipeline")
    pipeline = DDPMPipeline.from_pretrained(tmp_path / "pipeline")
    theirs = pipeline(
        2, generator=torch.Generator().manual_seed(3), num_inference_steps=12, output_type="np"
    ).images
    generator = torch.Generator().manual_seed(3)
    schedule = schedules.build(diffusion)

    def noise():
        return torch.randn((2, *network.config.data.shape), generator=generator)

    timesteps = range(11, -1, -1)
    if variance == "learned":
        denoiser = denoisers.of_network_with_fraction(network.unet, diffusion, schedule)
        denoiser = denoisers.wrapped(denoiser, denoisers.clipped)
        *_, last = samplers.ddpm_learned(denoiser, schedule, noise(), timesteps, noise)
    else:
        denoiser = denoisers.clipped(denoisers.of_network(network.unet, diffusion, schedule))
        *_, last = samplers.ddpm(denoiser, schedule, noise(), timesteps, noise)
    ours = (last.x_t / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=0, atol=1e-4)
    assert theirs.std() > 0.1


@pytest.mark.parametrize("label", [None, 0, 1])
def test_a_class_goes_into_the_weights(tmp_path, label):
    values = {"model": {**SMALL, "class_conditional": True}}
    network = network_of(values, class_names=("cat", "dog"))
    save_pipeline(network, tmp_path / "pipeline", label)
    pipeline = DDPMPipeline.from_pretrained(tmp_path / "pipeline")
    x_t, t = torch.randn(2, 3, 8, 8), torch.tensor([0, 999])
    labels = None if label is None else torch.tensor([label, label])
    torch.testing.assert_close(
        network.unet(x_t, t, labels), pipeline.unet(x_t, t).sample, rtol=1e-5, atol=1e-5
    )


def test_a_network_that_was_always_told_a_class_needs_one(tmp_path):
    values = {"model": {**SMALL, "class_conditional": True}, "train": {"label_dropout": 0.0}}
    network = network_of(values, class_names=("cat", "dog"))
    with pytest.raises(ExchangeError, match="Choose the class that it is to draw"):
        save_pipeline(network, tmp_path / "pipeline")
    save_pipeline(network, tmp_path / "pipeline", 1)


def test_a_class_that_the_network_does_not_know_is_refused(tmp_path):
    with pytest.raises(ExchangeError, match="knows 0 classes, numbered from 0; there is no 3"):
        save_pipeline(network_of({"model": SMALL}), tmp_path / "pipeline", 3)


@pytest.mark.parametrize("T", [1, 2, 10, 20, 50, 1000])
@pytest.mark.parametrize("zero_terminal_snr", [False, True])
@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule": "linear"},
        {"schedule": "linear", "beta_start": 2e-4, "beta_end": 0.0125},
        {"schedule": "scaled-linear"},
        {"schedule": "quadratic", "beta_start": 2e-4},
        {"schedule": "cosine"},
        {"schedule": "sigmoid"},
    ],
)
def test_every_schedule_comes_back_from_its_json(schedule, zero_terminal_snr, T):
    diffusion = DiffusionConfig(
        **schedule, T=T, zero_terminal_snr=zero_terminal_snr, prediction="v", variance="learned"
    )
    there = json.loads(json.dumps(scheduler_json(diffusion)))
    back = DiffusionConfig(**diffusion_values(there, learned_variance=True))
    assert (back.T, back.prediction, back.variance) == (T, "v", "learned")
    beta = schedules.build(diffusion).beta
    torch.testing.assert_close(schedules.build(back).beta, beta, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(DDPMScheduler(**there).betas, beta.float())


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"num_train_timesteps": 400, "beta_end": 0.03},
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
        {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 100},
        {"beta_schedule": "linear", "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
        {"trained_betas": torch.linspace(1e-3, 0.03, 200).tolist(), "num_train_timesteps": 200},
        {"trained_betas": torch.linspace(1e-4, 0.020005, 1000).tolist()},  # near the named one, but another
    ],
)
def test_their_schedules_are_found_in_ours(told):
    scheduler = DDPMScheduler(**told)
    values = diffusion_values(dict(scheduler.config), learned_variance=False)
    found = schedules.build(DiffusionConfig(**values))
    # Theirs are float32, in which rescaling to zero terminal SNR loses four digits of the smallest.
    torch.testing.assert_close(found.beta.float(), scheduler.betas, rtol=1e-4, atol=1e-6)


def test_what_early_schedulers_said_is_understood():
    early = {"beta_schedule": "linear", "num_train_timesteps": 1000}
    assert diffusion_values(early, learned_variance=False)["prediction"] == "eps"
    early["predict_epsilon"] = False
    assert diffusion_values(early, learned_variance=False)["prediction"] == "x_0"


def test_a_scheduler_without_betas_is_refused():
    with pytest.raises(ExchangeError, match="a KarrasVeScheduler, has no betas"):
        diffusion_values({"_class_name": "KarrasVeScheduler", "sigma_max": 100}, learned_variance=False)


@pytest.mark.parametrize(
    ("model", "image_size", "message"),
    [
        ({"block": "convnext"}, (8, 8), "it has no convnext blocks"),
        ({"linear_attention_levels": (0,)}, (8, 8), "it has no linear attention"),
        ({"dim_mults": (2, 2)}, (8, 8), "model.dim_mults begins with 2"),
        ({}, (9, 8), "that 2 divides, not 9x8"),
        ({"dim": 12}, (8, 8), "has 6 and 8"),
        ({"dim": 24, "attention_levels": (0,), "attention_head_dim": 16}, (8, 8), "have 16 and 24 channels"),
    ],
)
def test_what_diffusers_lacks_is_refused_with_the_reason(tmp_path, model, image_size, message):
    network = network_of({"model": {**SMALL, **model}}, image_size)
    with pytest.raises(ExchangeError, match=message):
        save_pipeline(network, tmp_path / "pipeline")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"act_fn": "gelu"}, "its act_fn is 'gelu', not 'silu' or 'swish'"),
        ({"num_class_embeds": 10}, "told one of 10 classes, and nothing says which number means none"),
        ({"resnet_time_scale_shift": "scale_shift"}, "its resnet_time_scale_shift is 'scale_shift'"),
        ({"block_out_channels": (16, 24)}, r"\[16, 24\] are not all multiples of the first"),
        ({"sample_size": None}, "sample_size is null"),
        ({"in_channels": 2}, "it makes 1 channels of 2"),
        ({"up_block_types": ("UpBlock2D", "AttnUpBlock2D")}, "do not mirror its down_block_types"),
        ({"down_block_types": ("DownBlock2D", "SkipDownBlock2D")}, "it has a SkipDownBlock2D"),
    ],
)
def test_what_we_lack_is_refused_with_the_reason(tmp_path, told, message):
    their_folder(tmp_path, {**COURSE_KIND, **told})
    with pytest.raises(ExchangeError, match=message):
        read_pipeline(tmp_path)


def test_the_groups_that_are_named_for_these_widths_can_be_exported(tmp_path):
    model = {**SMALL, "dim": 12, "attention_head_dim": 12}
    with pytest.raises(ExchangeError, match=r"model\.norm_groups \d+, can be exported") as refused:
        save_pipeline(network_of({"model": model}, (8, 8)), tmp_path / "pipeline")
    named = int(str(refused.value).partition("model.norm_groups ")[2].partition(",")[0])
    assert named == 6
    save_pipeline(network_of({"model": {**model, "norm_groups": named}}, (8, 8)), tmp_path / "pipeline")


def edited(path, **changes):
    """Change a json file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model_index.json").unlink(), "it has no model_index.json"),
        (
            lambda folder: edited(folder / "model_index.json", _class_name="StableDiffusionPipeline"),
            "holds a StableDiffusionPipeline; what can be taken in is a DDPMPipeline",
        ),
        (
            lambda folder: edited(folder / "unet/config.json", _class_name="UNet2DConditionModel"),
            "UNet2DCond",
        ),
        (lambda folder: (folder / "unet/config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "unet/config.json").write_text("{"), "config.json cannot be read"),
        (lambda folder: (folder / "unet/config.json").write_text("[]"), "config.json cannot be read"),
        (
            lambda folder: edited(folder / "unet/config.json", block_out_channels="many"),
            "is not what diffusers writes",
        ),
        (
            lambda folder: edited(folder / "unet/config.json", layers_per_block=2),
            "lack down_blocks.0.resnets.1.norm1.weight",
        ),
        (
            lambda folder: edited(folder / "unet/config.json", block_out_channels=[8, 8]),
            r"has the shape \[16, 8, 3, 3\], but its config.json asks for \[8, 8, 3, 3\]",
        ),
        (lambda folder: edited(folder / "unet/config.json", add_attention=False), "does not tell of"),
        (
            lambda folder: edited(
                folder / "scheduler/scheduler_config.json",
                trained_betas=[0.1, 0.3, 0.2],
                num_train_timesteps=3,
            ),
            "3 betas, from 0.1 to 0.2, follow none",
        ),
        (
            lambda folder: edited(folder / "scheduler/scheduler_config.json", prediction_type="flow"),
            "prediction_type is 'flow'",
        ),
        (
            lambda folder: edited(folder / "scheduler/scheduler_config.json", beta_schedule="sigmoid"),
            "beta_schedule is 'sigmoid'",
        ),
        (lambda folder: (folder / "unet" / WEIGHTS).write_bytes(b"no weights"), "cannot be read"),
        (lambda folder: (folder / "unet" / WEIGHTS).unlink(), "has no weights"),
    ],
)
def test_a_folder_of_another_kind_is_told_in_one_sentence(tmp_path, damage, message):
    their_folder(tmp_path, COURSE_KIND)
    damage(tmp_path)
    with pytest.raises(ExchangeError, match=message) as error:
        read_pipeline(tmp_path)
    assert "\n" not in str(error.value)


def test_the_folder_of_a_ddim_pipeline_is_taken_in(tmp_path):
    pipeline = their_folder(tmp_path / "ddpm", COURSE_KIND)
    DDIMPipeline(pipeline.unet, DDIMScheduler(beta_schedule="squaredcos_cap_v2")).save_pretrained(
        tmp_path / "ddim"
    )
    network = taken_in(tmp_path / "ddim")
    assert network.config.diffusion.schedule == "cosine"
    ours, theirs = outputs(network, pipeline)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_pickle_is_never_opened(tmp_path):
    their_folder(tmp_path, COURSE_KIND, safe_serialization=False)
    with pytest.raises(ExchangeError, match="a pickle, which may run any program"):
        read_pipeline(tmp_path)


def test_only_an_earlier_export_is_overwritten(tmp_path, monkeypatch):
    network = network_of({"model": SMALL})
    folder = tmp_path / "there"
    folder.mkdir()
    save_pipeline(network, folder)  # empty
    save_pipeline(network, folder)  # an earlier export
    monkeypatch.chdir(folder)
    save_pipeline(network, Path())  # the same, from inside
    assert json.loads((folder / MARK).read_text())["step"] == 7
    other = tmp_path / "letters"
    other.mkdir()
    (other / "dear.txt").write_text("reader")
    with pytest.raises(ExchangeError, match="holds something that is no earlier export"):
        save_pipeline(network, other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters", "there"]
    assert (other / "dear.txt").read_text() == "reader"


def test_an_export_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    network = network_of({"model": SMALL})
    folder = tmp_path / "there"
    save_pipeline(network, folder)
    before = sorted(path.name for path in folder.rglob("*"))
    rename = Path.rename

    def fails(path, target):
        if path.suffix == ".new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(ExchangeError, match="No space left on device"):
        save_pipeline(network, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert sorted(path.name for path in folder.rglob("*")) == before
