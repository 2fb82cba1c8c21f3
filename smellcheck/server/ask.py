"""What the server asks of its worker process and what it is answered: plain data, nothing of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..finding import Finding, Problem, TextEdit, TextFix


@dataclass(frozen=True)
class Wishes:
    """What an editor's settings say of checking the files of one folder, as a command line run there would."""

    folder: Path
    configuration: Path | None = None
    isolated: bool = False
    #: Whether a configuration file silences the selectors below.
    yields: bool = False
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    preview: bool | None = None
    unsafe_fixes: bool | None = None


@dataclass(frozen=True)
class Check:
    """Check a text that is being edited, or the JSON of a notebook; without a path it was never saved."""

    uri: str
    path: Path | None
    text: str
    wishes: Wishes
    notebook: bool = False
    #: The other texts that are open: for other modules they stand in the place of what is saved.
    others: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True)
class Mend:
    """Apply the fixes that `smellcheck --fix` would; the unsafe ones too when asked, whatever is configured."""

    uri: str
    path: Path | None
    text: str
    wishes: Wishes
    unsafe: bool = False
    notebook: bool = False
    #: The other texts that are open: for other modules they stand in the place of what is saved.
    others: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True)
class Offer:
    """Say what can be done about some findings of a text, which may be that of a notebook's cell."""

    text: str
    findings: tuple[Finding, ...]
    cell: bool = False


@dataclass(frozen=True)
class Catalogue:
    """List the installed rules."""


@dataclass(frozen=True)
class Forget:
    """Read configuration files anew; without a document, all else is kept."""

    closed: str | None = None


Ask = Check | Mend | Offer | Catalogue | Forget


@dataclass(frozen=True)
class Findings:
    """What a check found, or that the file is none that a run would check."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    left_out: bool = False
    #: How many characters were parsed for it.
    parsed: int = 0
    #: The other files that had a say; and whether any other of the project may have one.
    consulted: frozenset[str] = frozenset()
    anywhere: bool = False
    #: Which cells were left out without being wrong.
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Mended:
    """The edits that make a text what `--fix` makes of it, by the cell that they are made in; a module's by None."""

    edits: Mapping[int | None, tuple[TextEdit, ...]] = field(default_factory=dict)
    fixed: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Remedies:
    """What can be done about one finding."""

    finding: Finding
    #: Why its fix must not be applied, when that is so.
    fault: str | None = None
    on_line: TextFix | None = None
    in_file: TextFix | None = None


@dataclass(frozen=True)
class RulePage:
    """A rule as a hover shows it."""

    name: str
    family: str
    practice: str
    level: str
    path: Path
    text: str


@dataclass(frozen=True)
class Failed:
    """An ask that could not be answered, because the process did not survive it, needed too long or is set up wrongly.

    `kind` is that of a `Problem`.
    """

    kind: str
    message: str


Answer = Findings | Mended | tuple[Remedies, ...] | tuple[RulePage, ...] | Failed
