"""How many numbers a recipe's network has, counted without building it (or importing torch)."""

from ddpm.config import Config, ModelConfig


def parameter_count(config: Config) -> int:
    """The parameters of ddpm.unet.build(config). A test holds the two together.

    Raises ConfigError while the recipe does not say the channels of its images, or the classes that it needs.
    """
    labels = (config.num_classes + 1) * 4 * config.model.dim if config.num_classes else 0
    return _of_unet(config.model, config.channels, config.channels_out) + labels


def _of_unet(config: ModelConfig, channels: int, channels_out: int) -> int:
    dims = [config.dim * multiple for multiple in config.dim_mults]
    last = len(dims) - 1
    time_dim = 4 * config.dim
    attended = {*config.full_attention_levels, *config.linear_attention_levels}
    block = _resnet if config.block == "resnet" else _convnext

    def level(index: int, inputs: list[int]) -> int:
        attention = _attention(dims[index]) * len(inputs) if index in attended else 0
        return sum(block(channels_in, dims[index], time_dim) for channels_in in inputs) + attention

    total = _linear(config.dim, time_dim) + _linear(time_dim, time_dim) + _conv(channels, config.dim)
    skips = [config.dim]
    for index, dim in enumerate(dims):
        total += level(index, [skips[-1], *[dim] * (config.blocks_per_level - 1)])
        total += _conv(dim, dim) if index < last else 0
        skips += [dim] * (config.blocks_per_level + (index < last))
    total += 2 * block(dims[-1], dims[-1], time_dim) + (
        _attention(dims[-1]) if config.middle_attention else 0
    )
    below = dims[-1]
    for index in reversed(range(len(dims))):
        inputs = []
        for _ in range(config.blocks_per_level + 1):
            inputs.append(below + skips.pop())
            below = dims[index]
        total += level(index, inputs) + (_conv(dims[index], dims[index]) if index > 0 else 0)
    return total + _norm(dims[0]) + _conv(dims[0], channels_out)


def _linear(width_in: int, width_out: int) -> int:
    return (width_in + 1) * width_out


def _conv(channels_in: int, channels_out: int, kernel: int = 3) -> int:
    return (channels_in * kernel * kernel + 1) * channels_out


def _norm(channels: int) -> int:
    return 2 * channels


def _resnet(channels_in: int, channels_out: int, time_dim: int) -> int:
    skip = 0 if channels_in == channels_out else _conv(channels_in, channels_out, kernel=1)
    convolutions = _conv(channels_in, channels_out) + _conv(channels_out, channels_out)
    return _norm(channels_in) + _norm(channels_out) + convolutions + _linear(time_dim, channels_out) + skip


def _convnext(channels_in: int, channels_out: int, time_dim: int) -> int:
    # Liu et al.'s expansion by 4; see ddpm.convnext.
    wide = 4 * channels_out
    skip = 0 if channels_in == channels_out else _conv(channels_in, channels_out, kernel=1)
    depthwise = _conv(1, channels_in, kernel=7)
    pointwise = _conv(channels_in, wide, kernel=1) + _conv(wide, channels_out, kernel=1)
    return depthwise + _linear(time_dim, 2 * channels_in) + _norm(channels_in) + pointwise + skip


def _attention(channels: int) -> int:
    return _norm(channels) + _conv(channels, 3 * channels, kernel=1) + _conv(channels, channels, kernel=1)
