"""Kitty's graphics protocol with placeholders: a picture is sent once, and characters say where it is seen.

A placeholder is U+10EEEE. Marks above it count its row and its column, and its colour is the number of the picture.
Text that is written over it takes it away, as with any character, so the app need not know what covers a picture.
Source: https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

import base64
import io
import unicodedata

from PIL import Image

_CHUNK = 4096
_PLACEHOLDER = "\U0010eeee"
# The marks with which kitty counts are those of Unicode's class "above" that no other character is composed with:
# https://sw.kovidgoyal.net/kitty/_downloads/f0a0de9ec8d9ff4456206db8e0814937/rowcolumn-diacritics.txt
_COMPOSING = {
    *range(0x300, 0x305),
    *range(0x306, 0x30D),
    *(0x30F, 0x311, 0x313, 0x314, 0x342, 0x653, 0x654),
}
_LAST_MARK = 0x82D  # behind it, later versions of Unicode have marks that kitty does not count with
MARKS = "".join(
    chr(code)
    for code in range(0x300, _LAST_MARK + 1)
    if unicodedata.combining(chr(code)) == 230
    and not unicodedata.decomposition(chr(code))
    and code not in _COMPOSING
)


def transmission(image: Image.Image, number: int, cells: tuple[int, int]) -> str:
    """What sends a picture under a number, to be seen on placeholders of (height, width) cells."""
    file = io.BytesIO()
    image.save(file, "PNG")
    data = base64.standard_b64encode(file.getvalue()).decode("ascii")
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    parts = []
    for at, chunk in enumerate(chunks):
        keys = f"a=t,f=100,i={number},q=2," if at == 0 else "q=2,"
        parts.append(f"\x1b_G{keys}m={int(at < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts) + f"\x1b_Ga=p,U=1,i={number},c={cells[1]},r={cells[0]},q=2\x1b\\"


def removal(number: int) -> str:
    """What makes the terminal forget a picture."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def placeholders(row: int, width: int) -> str:
    """The characters of one row of a picture."""
    return "".join(_PLACEHOLDER + MARKS[row] + MARKS[column] for column in range(width))


def color_of(number: int) -> tuple[int, int, int]:
    """The colour of the placeholders of a picture, red, green, blue."""
    return number >> 16 & 255, number >> 8 & 255, number & 255
