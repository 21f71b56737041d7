"""A terminal that says what pictures it can show, and the pictures that the app then sent it."""

import base64
import io
import os
import re
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from pseudo_terminal import StudioTerminal
from sixel_reader import read_sixels

QUESTIONS = {"kitty": b"\x1b_Gi=31", "colors": b"\x1bP$qm", "cell": b"\x1b[16t", "device": b"\x1b[c"}
ANSWERS = {
    "kitty": {"kitty": b"\x1b_Gi=31;OK\x1b\\", "cell": b"\x1b[6;20;10t", "device": b"\x1b[?62;c"},
    "sixel": {"cell": b"\x1b[6;20;10t", "device": b"\x1b[?62;4;22c"},
    "half": {"colors": b"\x1bP1$r48:2::1:2:3m\x1b\\", "device": b"\x1b[?64;1;2;22c"},
}


class PictureTerminal(StudioTerminal):
    """A terminal of one protocol, at the end of a line over SSH, that waits for the app's questions."""

    environment: ClassVar[dict[str, str]] = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}

    def __init__(self, home: Path, protocol: str, *words: str, picture_bytes: int = 64_000) -> None:
        self._answers = dict(ANSWERS[protocol])
        super().__init__(home, "--images", "auto", *words, picture_bytes=picture_bytes)

    def _read(self, seconds: float) -> None:
        super()._read(seconds)
        for name in [name for name in self._answers if QUESTIONS[name] in self.written]:
            os.write(self._terminal, self._answers.pop(name))

    def kitty_pictures(self) -> list[Image.Image]:
        """The pictures that were sent, each with its placement."""
        pictures, data = [], b""
        for keys, chunk in re.findall(rb"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\", self.written):
            if b"a=q" in keys:
                continue
            if b"a=p" in keys:
                pictures.append(Image.open(io.BytesIO(base64.b64decode(data))))
                data = b""
            data += chunk
        return pictures

    def sixel_lines(self) -> list[np.ndarray]:
        """The sixel images that were drawn, one for each line of a picture."""
        return [
            read_sixels(found.decode()) for found in re.findall(rb"\x1bP0;1;0q[^\x1b]*\x1b\\", self.written)
        ]

    def picture_bytes(self) -> int:
        """Bytes that pictures took. Half cells are told by their character, with the colours before it."""
        parts = (
            rb"\x1b_G[^\x1b]*\x1b\\",
            rb"(?:\xf4\x8e\xbb\xae(?:[\xcc-\xdf].)+)+",
            rb"\x1bP0;1;0q[^\x1b]*\x1b\\",
            "(?:\x1b\\[[0-9;]*m)?▀+\x1b\\[0m".encode(),
        )
        return sum(len(found) for part in parts for found in re.findall(part, self.written))
