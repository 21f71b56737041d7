"""What training steps add up to between two rows of metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ddpm.loss_bins import LOSS_BINS, bin_means


@dataclass
class StepSums:
    """What has come together since the last row of metrics; part of a checkpoint, so that no row is cut in two.

    ``steps`` and ``images`` are those that were learned from; ``skipped`` steps had no loss. ``bin_losses`` and
    ``bin_images`` are the sums and numbers of the images' losses by parts of the timesteps: see ddpm.loss_bins.
    """

    loss: float = 0.0
    grad_norm: float = 0.0
    steps: int = 0
    images: int = 0
    seconds: float = 0.0
    skipped: int = 0
    bin_losses: list[float] = field(default_factory=lambda: [0.0] * LOSS_BINS)
    bin_images: list[int] = field(default_factory=lambda: [0] * LOSS_BINS)

    def add(self, loss: float, grad_norm: float, bins: tuple[Sequence[float], Sequence[int]]) -> None:
        """One more step: its loss, the norm of its gradient, and what bin_sums gives for its images."""
        self.loss += loss
        self.grad_norm += grad_norm
        self.steps += 1
        self.images += sum(bins[1])
        self.bin_losses = [known + new for known, new in zip(self.bin_losses, bins[0], strict=True)]
        self.bin_images = [known + new for known, new in zip(self.bin_images, bins[1], strict=True)]

    @property
    def loss_bins(self) -> list[float | None]:
        """The mean loss of each part of the timesteps; None where no image had such a timestep."""
        return bin_means(self.bin_losses, self.bin_images)

    @property
    def mean_loss(self) -> float | None:
        """Over the steps that have one; None where none has."""
        return self.loss / self.steps if self.steps else None

    @property
    def mean_grad_norm(self) -> float | None:
        """Over the steps that have one; None where none has."""
        return self.grad_norm / self.steps if self.steps else None

    @property
    def img_per_s(self) -> float:
        """Images that were learned from in a second."""
        return self.images / max(self.seconds, 1e-9)
