"""Positions, against the codecs themselves, and texts after many changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .editor import lsp, units

from smellcheck.server.positions import Text  # isort: skip

TEXTS = st.text(st.sampled_from("ab é😀𝒳\u0301\u2028\x0c\t\n\r"), max_size=40)
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])


@given(TEXTS, ENCODINGS)
def test_positions_count_lines_and_units_as_the_protocol_does(text: str, encoding: str) -> None:
    made = Text(text, encoding)
    lines = text.replace("\r\n", "\n\0").replace("\r", "\n")
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] == "\r\n":
            continue
        position = made.position(offset)
        row = lines[:offset].count("\n") - (lines[offset : offset + 1] == "\0")
        start = max((at + 1 + (lines[at + 1 : at + 2] == "\0") for at in range(offset) if lines[at] == "\n"), default=0)
        assert position == lsp.Position(row, units(text[start:offset], encoding))
        assert made.offset(position) == offset


@given(TEXTS, ENCODINGS, st.integers(0, 60), st.integers(0, 60))
def test_a_position_beyond_the_text_means_its_end(text: str, encoding: str, line: int, character: int) -> None:
    offset = Text(text, encoding).offset(lsp.Position(line, character))
    assert 0 <= offset <= len(text)
    assert Text(text, encoding).offset(lsp.Position(10_000, 0)) == len(text)


@given(TEXTS, ENCODINGS, st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5), TEXTS), max_size=8))
def test_changes_make_the_text_that_the_editor_has(
    text: str, encoding: str, changes: list[tuple[int, int, str]]
) -> None:
    made = Text(text, encoding)
    for start, length, new in changes:
        start = min(start, len(text))
        end = min(start + length, len(text))
        # Between the two halves of a newline there is no position.
        if any(text[at - 1 : at + 1] == "\r\n" for at in (start, end)):
            continue
        where = lsp.Range(made.position(start), made.position(end))
        made = made.changed(lsp.TextDocumentContentChangePartial(where, new))
        text = text[:start] + new + text[end:]
        assert made.text == text


def test_a_character_is_never_cut_in_two() -> None:
    assert Text("a😀b", "utf-16").offset(lsp.Position(0, 2)) == 1
    assert Text("aéb", "utf-8").offset(lsp.Position(0, 2)) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_lone_surrogate_does_no_harm(encoding: str) -> None:
    made = Text("x = '\ud800' # é\n", encoding)
    assert made.offset(made.position(8)) == 8
