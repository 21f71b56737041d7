"""Seeds that are derived from a run's seed, one for every purpose. Needs no torch."""

import hashlib


def derived_seed(seed: int, purpose: str, count: int, rank: int = 0) -> int:
    """A 63-bit seed for one purpose at one count; different arguments give unrelated seeds."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{count}/{rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
