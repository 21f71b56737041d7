"""What a terminal makes of sixels."""

import re

import numpy as np


def read_sixels(text: str) -> np.ndarray:
    """The RGB pixels, in percent, that a terminal makes of one sixel image; -1 where it draws none."""
    width, height = map(int, re.match(r'\x1bP0;1;0q"1;1;(\d+);(\d+)', text).groups())
    pixels = np.full((height + 6, width, 3), -1)
    colors, x, top, color = {}, 0, 0, None
    body = text.partition(f"{width};{height}")[2].removesuffix("\x1b\\")
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)(.)|(\$)|(-)|([?-~])", body):
        register, red, green, blue, n, repeated, back, down, single = token.groups()
        if register:
            color = int(register)
            if red:
                colors[color] = int(red), int(green), int(blue)
        elif back:
            x = 0
        elif down:
            x, top = 0, top + 6
        else:
            bits = ord(repeated or single) - 63
            end = x + int(n or 1)
            for row in range(6):
                if bits >> row & 1:
                    pixels[top + row, x:end] = colors[color]
            x = end
    assert (pixels[height:] == -1).all(), "nothing below the picture"
    return pixels[:height]
