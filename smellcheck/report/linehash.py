"""The hash by which GitHub follows an alert when its line moves: `primaryLocationLineHash`."""

from __future__ import annotations

from collections import Counter

#: GitHub hashes so many characters from the start of the line on, white space left out.
BLOCK = 100
_WEIGHTS = [pow(37, BLOCK - 1 - at, 1 << 64) for at in range(BLOCK)]
_END = 65535


def line_hashes(text: str) -> list[str]:
    """The hash of each line, from the first on, as github/codeql-action computes it."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    encoded = plain.encode("utf-16-le", "surrogatepass")
    units = [int.from_bytes(encoded[at : at + 2], "little") for at in range(0, len(encoded), 2)]
    starts = [0, *(at + 1 for at, unit in enumerate(units) if unit == 10)]
    units.append(_END)
    seen: Counter[str] = Counter()
    hashes = []
    for start in starts:
        block = zip(units[start : start + BLOCK], _WEIGHTS, strict=False)
        value = f"{sum(unit * weight for unit, weight in block) % (1 << 64):x}"
        seen[value] += 1
        hashes.append(f"{value}:{seen[value]}")
    return hashes
