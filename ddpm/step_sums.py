"""What training steps add up to between two rows of metrics."""

from dataclasses import dataclass


@dataclass
class StepSums:
    """What has come together since the last row of metrics; part of a checkpoint, so that no row is cut in two.

    ``steps`` and ``images`` are those that were learned from; ``skipped`` steps had no loss.
    """

    loss: float = 0.0
    grad_norm: float = 0.0
    steps: int = 0
    images: int = 0
    seconds: float = 0.0
    skipped: int = 0

    def add(self, loss: float, grad_norm: float, images: int) -> None:
        """One more step."""
        self.loss += loss
        self.grad_norm += grad_norm
        self.steps += 1
        self.images += images

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
