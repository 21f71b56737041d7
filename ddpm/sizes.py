"""Bytes as people read them."""


def size(n_bytes: float) -> str:
    """Bytes with a binary unit: 1536 as 1.5 KiB."""
    if n_bytes < 1024:
        return f"{n_bytes:.0f} B"
    value = float(n_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024 or unit == "GiB":
            break
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
