"""Texts that a run holds until it is told of them: packed, since there may be as many as there are files."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

#: The fastest that packs at all: code shrinks to a quarter.
_LEVEL = 1

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Packed:
    """One text; empty for none."""

    data: bytes = b""

    @classmethod
    def of(cls, text: str) -> Packed:
        """A text, packed."""
        return cls(zlib.compress(text.encode("utf-8", "surrogatepass"), _LEVEL) if text else b"")

    def read(self) -> str:
        """The text, as it was."""
        return zlib.decompress(self.data).decode("utf-8", "surrogatepass") if self.data else ""

    def __bool__(self) -> bool:
        return bool(self.data)


NO_TEXT = Packed()


class Texts(Mapping[K, str]):
    """Packed texts by their places: each is unpacked when it is asked for, and not kept."""

    def __init__(self, packed: Mapping[K, Packed]) -> None:
        self._packed = packed

    def __getitem__(self, key: K) -> str:
        return self._packed[key].read()

    def __iter__(self) -> Iterator[K]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
