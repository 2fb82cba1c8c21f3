"""A rule's page: Markdown that a person reads, whose every Python fence is run."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

FENCE = re.compile(r"^```python(?: (?P<role>\w+))?\n(?P<code>.*?)^```$", re.M | re.S)
MARK = re.compile(r" *# smell$", re.M)
_HEADING = re.compile(r"^(#+) (.*)$", re.M)
_SIZES = re.compile(r"^Sizes: (\d+(?:, \d+)+)\.?$", re.M)
_COUNTER = re.compile(r"^Counter: ([a-z ]+[a-z])\.?$", re.M | re.I)
_TOLERANCE = re.compile(r"^Tolerance: (?:none|rtol=(?P<rtol>[\d.e+-]*\d), atol=(?P<atol>[\d.e+-]*\d))\.?$", re.M)


@dataclass(frozen=True)
class Tolerance:
    """How far the results of the two arms may differ; zero and zero means bit for bit."""

    rtol: float = 0.0
    atol: float = 0.0


@dataclass(frozen=True)
class Case:
    """One fence of code: where it stands, and what is to be found in it."""

    title: str
    line: int
    code: str
    fixed: str | None = None
    tolerance: Tolerance = Tolerance()
    #: The workload sizes that a proof is measured in.
    sizes: tuple[int, ...] = (64, 256)
    #: What a proof claims to lower where no energy is measured, as the page says it: `live peak`; or nothing.
    counter: str = ""

    @property
    def marked(self) -> list[int]:
        """The lines that must be found, from 1."""
        return [number for number, text in enumerate(self.code.split("\n"), 1) if MARK.search(text)]

    @property
    def plain(self) -> str:
        """The code without its marks."""
        return MARK.sub("", self.code)


@dataclass(frozen=True)
class Page:
    """A page taken apart: its prose, its cases and its proofs."""

    path: Path
    text: str
    title: str
    mechanism: str
    leave_it: str
    fix_safety: str
    cases: tuple[Case, ...]
    proofs: tuple[Case, ...]
    no_proof: str


def read_page(path: Path) -> Page:
    """Read a page.

    Raises `OSError` when it is not there and `ValueError` when it has no title or a `fixed` fence without a case.
    """
    text = path.read_text(encoding="utf-8")
    title = re.match(r"# (.+)\n", text)
    if title is None:
        raise ValueError(f"{path}: a page begins with a title")
    cases: list[Case] = []
    proofs: list[Case] = []
    for fence in FENCE.finditer(text):
        headings = _HEADING.findall(_without_fences(text[: fence.start()]))
        case = Case(headings[-1][1], text.count("\n", 0, fence.start()) + 1, fence["code"])
        match fence["role"]:
            case None:
                cases.append(case)
            case "fixed" if cases:
                cases[-1] = replace(cases[-1], fixed=case.code)
            case "proof":
                proofs.append(_proof(case, text[: fence.start()]))
            case role:
                raise ValueError(f"{path}:{case.line}: a fence marked {role!r} has no meaning here")
    return Page(
        path=path,
        text=text,
        title=title[1],
        mechanism=_paragraph(text[title.end() :]),
        leave_it=_section(text, "Leave it"),
        fix_safety=_section(text, "Fix safety"),
        cases=tuple(cases),
        proofs=tuple(proofs),
        no_proof=_section(text, "Proof") if not proofs else "",
    )


@cache
def mechanism(path: Path) -> str:
    """The first paragraph of a page: what wastes, and how."""
    try:
        return read_page(path).mechanism
    except (OSError, ValueError):
        return ""


def _without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def _paragraph(text: str) -> str:
    first = next((block for block in re.split(r"\n\s*\n", text) if block.strip()), "")
    return "" if first.lstrip().startswith(("#", "```")) else " ".join(first.split())


def _section(text: str, heading: str) -> str:
    match = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", _without_fences(text), re.M | re.S)
    return match[1].strip() if match else ""


def _proof(case: Case, before: str) -> Case:
    """A proof with what the page says of it, under the heading above it."""
    said = before[before.rfind("\n#") :]
    tolerance = next((found for found in reversed(list(_TOLERANCE.finditer(said))) if found["rtol"] is not None), None)
    sizes, counter = _SIZES.search(said), _COUNTER.search(said)
    return replace(
        case,
        tolerance=Tolerance(float(tolerance["rtol"]), float(tolerance["atol"])) if tolerance else Tolerance(),
        sizes=tuple(int(size) for size in sizes[1].split(", ")) if sizes else case.sizes,
        counter=counter[1].lower() if counter else "",
    )
