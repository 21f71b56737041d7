"""Pictures of any size and mode, as uint8 arrays of one size and number of channels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_MODE = {1: "L", 3: "RGB", 4: "RGBA"}
_PAPER = (255, 255, 255, 255)


def is_grey(image: Image.Image) -> bool:
    """Whether a picture is grey by its mode or its palette. RGB with equal channels counts as colour."""
    if image.mode == "P":
        red, green, blue = (image.getpalette("RGB")[channel::3] for channel in range(3))  # type: ignore[index]
        return red == green == blue
    return image.mode in GREY_MODES


def to_array(image: Image.Image, channels: int, image_size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture as uint8 [C, H, W]: upright, scaled until it covers the size, and cropped at the centre.

    With 1 or 3 channels, what is transparent shows white paper. Depths above 8 bits are scaled down.
    """
    upright = ImageOps.exif_transpose(image)
    converted = _with_channels(_eight_bits(upright), channels)
    height, width = image_size
    fitted = ImageOps.fit(converted, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(fitted, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)


def fit_arrays(images: NDArray[np.uint8], fitted: NDArray[np.uint8]) -> None:
    """Bring images [N, C, H, W] to the size and channels of ``fitted`` [N, C', H', W'], where they are put."""
    if images.shape == fitted.shape:
        fitted[:] = images
        return
    channels, height, width = fitted.shape[1:]
    if images.shape[1] == 1 and images.shape[2:] == fitted.shape[2:]:
        fitted[:, :3] = images
        fitted[:, 3:] = 255
        return
    for source, target in zip(images, fitted, strict=True):
        target[:] = to_array(_as_picture(source), channels, (height, width))


def _as_picture(image: NDArray[np.uint8]) -> Image.Image:
    """An image [C, H, W] of 1 (grey), 3 (RGB) or 4 (RGBA) channels."""
    upright = np.ascontiguousarray(image.transpose(1, 2, 0))
    return Image.fromarray(upright[:, :, 0] if len(image) == 1 else upright)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit counts are 0 to 65535. Floats are 0 to 1, or 0 to 255 where one is above 1."""
    if image.mode.startswith("I"):
        counts = np.asarray(image).astype(np.float64)
        return Image.fromarray(np.rint(counts.clip(0, 65535) / 257).astype(np.uint8))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image))
        brightest = 255 if values.max() > 1 else 1
        return Image.fromarray(np.rint(values.clip(0, brightest) * (255 / brightest)).astype(np.uint8))
    return image


def _with_channels(image: Image.Image, channels: int) -> Image.Image:
    if channels == 4 or not image.has_transparency_data:
        return image.convert(_MODE[channels])
    colours = image.convert("RGBA")
    paper = Image.new("RGBA", colours.size, _PAPER)
    return Image.alpha_composite(paper, colours).convert(_MODE[channels])
