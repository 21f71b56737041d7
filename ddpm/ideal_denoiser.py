"""The best denoiser there can be for a set of images: it knows them all and weighs them by Bayes' rule.

Where x_0 is one of N images, each as likely as the others, x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps says
which of them it may be, and the denoiser of least squared error is their mean under that posterior (Karras et al.
2022, appendix B.3, there for x_0 + sigma eps). A network that reached it would have learned its training images by
heart, and its samplers would draw nothing else.
"""

import torch
from torch import Tensor

from ddpm.denoisers import Denoiser
from ddpm.diffusion import at
from ddpm.errors import DataError
from ddpm.schedules import Schedule

# Images that are float64 at one time.
_AT_ONCE = 512


def ideal_denoiser(images: Tensor, schedule: Schedule) -> Denoiser:
    """E[x_0 | x_t] where x_0 is one of ``images``, floats [N, C, H, W] in [-1, 1]. Exact for this set only.

    Computed in float64 and given in the type of x_t. Each call reads all images twice. Raises DataError where there
    are none.
    """

    def denoiser(x_t: Tensor, t: Tensor) -> Tensor:
        return weighted_mean(images, posterior_weights(images, schedule, x_t, t)).to(x_t)

    return denoiser


def posterior_weights(images: Tensor, schedule: Schedule, x_t: Tensor, t: Tensor) -> Tensor:
    """The probability that x_t came of each image: float64 [B, N] whose rows sum to 1.

    A softmax of -||x_t - sqrt(alpha_bar) x_i||^2 / (2 (1 - alpha_bar)) over the images x_i. The part that is the
    same for all of them, ||x_t||^2, is left out. Raises DataError where there are no images.
    """
    if len(images) == 0:
        raise DataError("A denoiser that knows its images by heart needs at least one image.")
    x_t = x_t.to(_home(images)).double().flatten(1)
    alpha_bar = at(schedule.alpha_bar, t.to(x_t.device), x_t)
    fits = []
    for some in torch.split(images, _AT_ONCE):
        x_i = some.to(x_t).flatten(1)
        fits.append(alpha_bar.sqrt() * (x_t @ x_i.T) - alpha_bar / 2 * x_i.square().sum(1))
    return (torch.cat(fits, dim=1) / (1 - alpha_bar)).softmax(dim=1)


def weighted_mean(images: Tensor, weights: Tensor) -> Tensor:
    """The mean of images [N, C, H, W] under each row of weights [B, N]: in the type of the weights, [B, C, H, W]."""
    total = weights.new_zeros(len(weights), images[0].numel())
    for some, share in zip(torch.split(images, _AT_ONCE), torch.split(weights, _AT_ONCE, dim=1), strict=True):
        total += share @ some.to(weights).flatten(1)
    return total.view(-1, *images.shape[1:])


def candidates(weights: Tensor) -> Tensor:
    """Between how many images the weights [B, N] hesitate, float64 [B]: 1 is certainty, N knows nothing.

    The exponential of their entropy, which counts N images of equal weight as N.
    """
    entropy: Tensor = torch.special.entr(weights).sum(dim=1)
    return entropy.exp()


def _home(images: Tensor) -> torch.device:
    """Where to compute: with the images, but MPS has no float64."""
    return torch.device("cpu") if images.device.type == "mps" else images.device
