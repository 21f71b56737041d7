"""Text from files and folders that anybody may have written, made fit for a terminal."""


def printable(text: str) -> str:
    """The text with everything that a terminal would obey instead of show written as Python writes it: ``\\x1b``.

    That is control characters but for the end of a line, marks that turn the direction of writing, and what is no
    character at all (names of files may be any bytes).
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
