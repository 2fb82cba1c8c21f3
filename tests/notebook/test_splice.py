"""Only the text of what changed is rewritten, in the style that the notebook has, whatever that is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smellcheck.edits import apply
from smellcheck.notebook import Notebook
from smellcheck.splice import differences, sources, splice

OUTPUT = {"data": {"text/plain": ["1e-05\u2028é"]}, "n": 1e-05, "output_type": "execute_result", "b": float("nan")}
BODY = "import demo\n\nx = 'é\u2028😀\"\\\\t'\ndemo.waste()  # über\ny = 1"


def notebook(source: Any) -> dict[str, Any]:
    cell = {"source": source, "cell_type": "code", "outputs": [OUTPUT], "metadata": {"z": 1, "a": 2}, "id": "c1"}
    return {"nbformat_minor": 5, "cells": [{"cell_type": "markdown", "source": "# %"}, cell, cell], "nbformat": 4}


STYLES = {
    "jupyter": {"indent": 1, "ensure_ascii": False},
    "two": {"indent": 2, "ensure_ascii": True},
    "four": {"indent": 4, "ensure_ascii": False},
    "tabs": {"indent": "\t", "ensure_ascii": False},
    "compact": {"separators": (",", ":"), "ensure_ascii": True},
    "one line": {"ensure_ascii": False},
}
LISTED = {"list": True, "string": False}
ENDS = {"lf": "\n", "crlf": "\r\n"}


def written(style: str, form: str, end: str, body: str = BODY) -> bytes:
    text = json.dumps(notebook(body.splitlines(True) if LISTED[form] else body), **STYLES[style])
    return ((text + "\n").replace("\n", ENDS[end]).replace("1e-05", "1E-05")).encode()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("form", LISTED)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_change_of_one_line_is_a_change_of_one_line(style: str, form: str, end: str, mark: bytes) -> None:
    data = mark + written(style, form, end)
    source = Notebook.decode(data)
    assert source.encode(source.text) == data
    new = source.encode(source.text.replace("demo.waste", "demo.spare", 1))
    assert new == data.replace(b"demo.waste", b"demo.spare", 1)
    before, after = data.split(b"\n"), new.split(b"\n")
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("style", [style for style in STYLES if "indent" in STYLES[style]])
def test_lines_that_come_and_go_are_lines_of_the_file(style: str, end: str) -> None:
    data = written(style, "list", end)
    source = Notebook.decode(data)
    before = data.split(b"\n")
    added = source.encode(source.text.replace("demo.waste", "import os\ndemo.waste", 1)).split(b"\n")
    at = next(at for at, line in enumerate(before) if b"demo.waste" in line)
    assert added[:at] + added[at + 1 :] == before
    assert added[at] == before[at].replace(before[at].strip(b' \t\r",'), b"import os\\n")
    gone = source.encode(source.text.replace("demo.waste()  # über\n", "", 1)).split(b"\n")
    assert gone == before[:at] + before[at + 1 :]


@pytest.mark.parametrize("form", LISTED)
@pytest.mark.parametrize("style", STYLES)
def test_new_letters_are_spelled_as_the_notebook_spells_them(style: str, form: str) -> None:
    source = Notebook.decode(written(style, form, "lf"))
    new = source.encode(source.text.replace("y = 1", "y = 'ö'", 1))
    assert ("ö".encode() in new) is (not STYLES[style].get("ensure_ascii"))
    assert (b"\\u00f6" in new) is bool(STYLES[style].get("ensure_ascii"))


def test_escapes_that_nobody_needs_stay() -> None:
    cell = r'{"cell_type": "code", "source": "x\u0020=\u00201\/2\ndemo.waste()\u000ay"}'
    data = ('{"nbformat": 4, "cells": [' + cell + "]}").encode()
    source = Notebook.decode(data)
    assert source.encode(source.text.replace("waste", "spare")) == data.replace(b"waste", b"spare")


def test_newlines_within_a_cell_are_those_of_the_cell() -> None:
    data = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1\r\ny = 2\r\n"}]}).encode()
    source = Notebook.decode(data)
    new = source.encode(source.text.replace("y", "import os\ny"))
    assert new == data.replace(b"y = 2", b"import os\\r\\ny = 2")


UNITS = st.text(st.sampled_from('ab"\\\n\té\u2028😀\r/'), max_size=12)
SPACES = st.sampled_from(["", " ", "\n", "\r\n  ", "\t"])


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A JSON string, its characters escaped or not."""
    parts = []
    for char in text:
        forms = [json.dumps(char)[1:-1], json.dumps(char, ensure_ascii=False)[1:-1]]
        if ord(char) < 0x10000:
            forms += [f"\\u{ord(char):04x}", f"\\u{ord(char):04X}"]
        parts.append(draw(st.sampled_from(forms)))
    return '"' + "".join(parts) + '"'


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """The JSON of a notebook in any style, and the sources of its cells."""
    cells, texts = [], []
    for _ in range(draw(st.integers(1, 3))):
        pieces = draw(st.lists(UNITS, max_size=4))
        space, inner = draw(SPACES), draw(SPACES)
        listed = draw(st.booleans())
        source = (
            f"[{inner}{f'{space},{inner}'.join(draw(spelled(piece)) for piece in pieces)}{space}]"
            if listed
            else draw(spelled("".join(pieces)))
        )
        extra = draw(st.sampled_from(["", '"outputs": [{"source": ["no"], "n": 1e-05}],', '"source": "not this",']))
        cells.append(f'{{{space}{extra}{inner}"source"{space}:{inner}{source}{space}}}')
        texts.append("".join(pieces))
    space = draw(SPACES)
    return f'{space}{{"cells":{space}[{space}{f"{space},".join(cells)}]{space},"nbformat":4}}{space}', texts


@given(documents(), st.data())
def test_any_change_of_any_style_is_that_change_and_no_other(
    document: tuple[str, list[str]], data: st.DataObject
) -> None:
    raw, texts = document
    found = sources(raw)
    assert [source.text for source in found if source] == texts
    at = data.draw(st.integers(0, len(texts) - 1))
    new = data.draw(UNITS | st.tuples(UNITS, UNITS).map(lambda ends: ends[0] + texts[at] + ends[1]))
    source = found[at]
    assert source
    edits = differences(source.text, new)
    assert apply(source.text, edits) == new
    made = splice(source, edits)
    changed = apply(raw, made)
    again = sources(changed)
    assert [source.text for source in again if source] == [*texts[:at], new, *texts[at + 1 :]]
    # Nothing outside of the source is touched.
    assert all(source.start <= edit.start <= edit.end <= source.end for edit in made)
    old, now = json.loads(raw), json.loads(changed)
    for content in (old, now):
        content["cells"][at].pop("source")
    assert old == now


@given(UNITS, UNITS)
def test_differences_make_the_one_of_the_other(old: str, new: str) -> None:
    assert apply(old, differences(old, new)) == new
