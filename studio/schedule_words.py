"""What the schedule explorer says about a moment of the forward process, in plain sentences."""

import math
from dataclasses import dataclass
from typing import Literal

from studio.schedule_view import Curves, Scene

# Why alpha_bar falls as it does, by the name of the schedule.
_WHY = {
    "linear": "Linear adds noise on a straight line of β, and ᾱ multiplies all of it up: it falls early, and the "
    "last third is almost pure noise that teaches little.",
    "cosine": "Cosine was chosen so that ᾱ itself falls almost straight: the image goes slowly, and every t "
    "leaves something to learn.",
    "quadratic": "Quadratic lets the root of β grow on a straight line: little noise at first, much at the end.",
    "scaled-linear": "Scaled-linear is the curve of latent diffusion: the root of β grows on a straight line, "
    "and some of the image is left at the end.",
    "sigmoid": "Sigmoid lets ᾱ fall gently at both ends and steeply between them.",
}
# Below this share of the images a guess is a blend of some, not the mean of all.
_MOST_OF_THEM = 0.5
_NEARLY_ALL = 0.9
_NEAR_THE_END = 0.95


# What stands below the slider where there is no room for everything.
Face = Literal["guesses", "strip", "form"]


@dataclass(frozen=True)
class Knowledge:
    """Between how many images the perfect denoiser hesitates, of those it knows, of a set of ``total``."""

    candidates: float
    known: int
    total: int

    @property
    def all_of_them(self) -> str:
        return f"the {self.known:,} images"


@dataclass(frozen=True)
class Paragraph:
    heading: str
    words: str


def paragraphs(
    scene: Scene,
    curves: tuple[Curves, Curves],
    known: Knowledge | None,
    asked_t: int | None,
    face: Face | None,
) -> list[Paragraph]:
    """What is said beside the pictures: all of it, or what goes with the one ``face`` that there is room for."""
    match face:
        case "guesses":
            return [task(scene, curves[0], known)]
        case "strip":
            return [forward_process(scene, curves[0])]
        case "form":
            return [comparison(scene, *curves)]
    said = [forward_process(scene, curves[0]), task(scene, curves[0], known)]
    return said if known is None else [*said, guesses(scene, known, asked_t)]


def percent(share: float) -> str:
    """A share of one in percent, with as many digits as it needs: 0.62 as 62 %, 0.0063 as 0.63 %."""
    hundredths = 100 * share
    if hundredths == 0 or hundredths >= 9.95:
        return f"{hundredths:.0f} %"
    return f"{hundredths:.1f} %" if hundredths >= 0.995 else f"{hundredths:.2g} %"


def state_of(curves: Curves, t: int) -> str:
    """What is left of the image at t, in one line."""
    signal, snr = percent(curves.signal(t)), curves.snr(t)
    return f"{signal} of the image's standard deviation is left · SNR {_small(snr)}"


def forward_process(scene: Scene, first: Curves) -> Paragraph:
    """What q does at t."""
    t = scene.t
    mix = f"x_t = {first.signal(t):.2f} · x_0 + {first.noise(t):.2f} · ε."
    if t == 0:
        words = (
            f"{mix} This is the first, smallest noise; ε is drawn from a normal distribution, pixel by pixel."
        )
    else:
        words = (
            f"{mix} One draw of ε leads here at once: the {t:,} steps before need not be taken, so training picks "
            "any t it likes."
        )
    return Paragraph("The forward process", words)


def task(scene: Scene, first: Curves, known: Knowledge | None) -> Paragraph:
    """What a network has to guess at t."""
    return Paragraph("What a network has to guess", _task(first.signal(scene.t), known))


def _task(signal: float, known: Knowledge | None) -> str:
    if known is None:
        if signal > 0.9:
            return "The image is plain to see; the network learns to take the last fine grain away."
        if signal > 0.3:
            return "Outlines are left; the network learns what belongs inside them."
        return "Hardly anything is left; the network can guess little but the mean of all images."
    if known.candidates < 1.5:
        return (
            f"Only 1 of {known.all_of_them} fits this x_t: who knows them by heart guesses it exactly. A network, "
            "which does not, takes the noise away and puts detail in its place."
        )
    nearly_all = known.candidates > _NEARLY_ALL * known.known
    many = "Nearly all" if nearly_all else f"About {_counted(known.candidates)}"
    fitting = f"{many} of {known.all_of_them} fit this x_t"
    if known.candidates < _MOST_OF_THEM * known.known:
        return (
            f"{fitting}. The perfect guess is their weighted mean: it looks blurred because it cannot decide. "
            "Here shape and content are learned."
        )
    return (
        f"{fitting}: hardly anything tells them apart. The perfect guess is nearly the mean of all. Sampling begins "
        "here and decides on its way back."
    )


def guesses(scene: Scene, known: Knowledge, asked_t: int | None) -> Paragraph:
    """What is behind the two guesses; ``asked_t``: where a network was asked, by its own schedule."""
    which = "all" if known.known == known.total else f"{known.known:,} of the"
    words = (
        f"The perfect one knows {which} {known.total:,} training images by heart and is the best there can be for "
        "them. “off” is the root of the mean squared distance from x_0; black and white are 2 apart."
    )
    if asked_t is not None and asked_t != scene.t:
        words += f" The network is asked at t = {asked_t} of the schedule it was trained with: as much noise as here."
    return Paragraph("The guesses", words)


def comparison(scene: Scene, first: Curves, second: Curves) -> Paragraph:
    """How A and B differ, and why."""
    if scene.first == scene.second:
        return Paragraph("A and B", "They are the same schedule. Change one of them to compare.")
    if scene.share > _NEAR_THE_END:
        return Paragraph("A and B at the end", _ends(first, second))
    at = f"{percent(first.signal(scene.t))} and {percent(second.signal(scene.t_second))}"
    halves = [
        f"{curves.name} after {percent(share)}"
        for curves in (first, second)
        if (share := curves.even_share) is not None
    ]
    even = f" Noise outweighs the image in {', in '.join(halves)} of the way." if halves else ""
    return Paragraph("A and B", f"Here {at} of the image are left.{even} {_WHY[second.diffusion.schedule]}")


def _ends(first: Curves, second: Curves) -> str:
    rests = [curves.signal(len(curves.beta) - 1) for curves in (first, second)]
    left = f"The last step of A leaves {percent(rests[0])} of the image, that of B {percent(rests[1])}."
    if max(rests) < 0.001:
        return f"{left} Sampling may begin at pure noise."
    return (
        f"{left} Sampling begins at pure noise, which a network that always saw a rest of the image never met; "
        "with zero SNR the rest is none."
    )


def _counted(number: float) -> str:
    digits = max(0, math.floor(math.log10(number)) - 1)
    return f"{round(number, -digits):,.0f}"


def _small(value: float) -> str:
    if value == 0 or 0.01 <= value < 1000:
        return f"{value:.3g}"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
