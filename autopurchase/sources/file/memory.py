"""A small memory of very many keys, so that a file of any size is read in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Hashable

_BITS = (1 << 64) - 1


class Memory:
    """Integers by key, 16 bytes an entry and at most half full: a million entries take some 32 MB.

    Keys are kept as 64-bit hashes only. Two of a million different keys look alike with a probability of about
    3e-8; a row is then wrongly rejected as repeated, which is seen, and never bought twice.
    """

    def __init__(self) -> None:
        self._resize(1 << 10)
        self._count = 0

    def get(self, key: Hashable) -> int:
        """What was put under ``key``, or 0."""
        return self._values[self._slot(_hash(key))]

    def put(self, key: Hashable, value: int) -> None:
        """Keep ``value`` (64 bits, signed) under ``key``."""
        code = _hash(key)
        slot = self._slot(code)
        if not self._keys[slot]:
            self._count += 1
        self._keys[slot], self._values[slot] = code, value
        if self._count * 2 > len(self._keys):
            self._grow()

    def _slot(self, code: int) -> int:
        keys, mask = self._keys, len(self._keys) - 1
        slot = code & mask
        while keys[slot] and keys[slot] != code:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        keys, values = self._keys, self._values
        self._resize(2 * len(keys))
        for code, value in zip(keys, values, strict=True):
            if code:
                slot = self._slot(code)
                self._keys[slot], self._values[slot] = code, value

    def _resize(self, size: int) -> None:
        self._keys = array("Q", bytes(8 * size))
        self._values = array("q", bytes(8 * size))


def _hash(key: Hashable) -> int:
    return (hash(key) & _BITS) or 1
