"""How the files of previews are named."""


def preview_name(step: int, weights: str) -> str:
    """The name of a preview's files, without suffix: ``00001000``, or ``00001000.raw`` of the raw weights."""
    return f"{step:08d}.raw" if weights == "raw" else f"{step:08d}"
