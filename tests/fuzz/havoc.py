"""Changes of bytes that know nothing of what the bytes mean."""

from collections.abc import Sequence

import numpy as np


def changed(
    rng: np.random.Generator, content: bytes, tokens: Sequence[bytes], most: int = 4
) -> bytes:
    """The bytes with a few changes: bits, runs that go or come twice, words, and an early end."""
    made = bytearray(content)
    for _ in range(int(rng.integers(1, most + 1))):
        size, kind = len(made), int(rng.integers(7))
        at = int(rng.integers(size + 1))
        end = min(size, at + int(rng.integers(1, 9)))
        if kind == 0 and at < size:
            made[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and at < size:
            made[at] = int(rng.integers(256))
        elif kind == 2:
            del made[at:end]
        elif kind == 3:
            made[at:at] = made[at:end] * int(rng.integers(1, 4))
        elif kind == 4:
            made[at:end] = tokens[int(rng.integers(len(tokens)))]
        elif kind == 5:
            made[at:at] = tokens[int(rng.integers(len(tokens)))]
        elif rng.random() < 0.3:
            del made[at:]
    return bytes(made)
