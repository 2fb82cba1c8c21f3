"""Edits: how they are made, which go together, and when what they leave is sound."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smellcheck.edits import Sound, Taken, apply, comments, compatible
from smellcheck.finding import TextEdit

TEXT = "0123456789"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], TEXT),
        ([(0, 0, "a")], "a0123456789"),
        ([(10, 10, "a")], "0123456789a"),
        ([(0, 10, "")], ""),
        ([(2, 4, "xyz")], "01xyz456789"),
        ([(6, 8, ""), (2, 4, "é")], "01é4589"),
        ([(2, 4, "a"), (4, 6, "b")], "01ab6789"),
        ([(4, 6, "b"), (4, 4, "a")], "0123ab6789"),
        ([(4, 4, "a"), (2, 4, "b")], "01ba456789"),
        ([(3, 3, "b"), (3, 3, "a")], "012ba3456789"),
        ([(3, 3, "a"), (3, 3, "b"), (3, 3, "a")], "012ab3456789"),
        ([(3, 5, "a"), (3, 5, "a")], "012a56789"),
    ],
)
def test_edits_are_made_where_they_say(edits: list[tuple[int, int, str]], expected: str) -> None:
    assert apply(TEXT, [TextEdit(*edit) for edit in edits]) == expected


@pytest.mark.parametrize(
    "edits",
    [
        [(2, 5, ""), (4, 6, "")],
        [(2, 5, "a"), (2, 5, "b")],
        [(2, 5, ""), (3, 3, "a")],
        [(9, 11, "")],
        [(-1, 2, "")],
        [(5, 4, "")],
    ],
)
def test_edits_that_make_no_sense_raise(edits: list[tuple[int, int, str]]) -> None:
    with pytest.raises(ValueError, match="overlaps another edit or lies outside"):
        apply(TEXT, [TextEdit(*edit) for edit in edits])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((2, 4, "a"), (6, 8, "b"), True),
        ((2, 4, "a"), (4, 6, "b"), True),
        ((2, 4, "a"), (2, 4, "a"), True),
        ((2, 4, ""), (2, 4, ""), True),
        ((3, 3, "a"), (3, 3, "a"), True),
        ((3, 3, "a"), (4, 4, "b"), True),
        ((3, 3, "a"), (3, 3, "b"), False),
        ((2, 4, "a"), (2, 4, "b"), False),
        ((2, 5, "a"), (4, 6, "a"), False),
        ((2, 6, "a"), (3, 4, "a"), False),
        ((2, 6, "a"), (4, 4, "a"), False),
        ((2, 4, "a"), (2, 2, "b"), False),
        ((2, 4, "a"), (4, 4, "b"), False),
    ],
)
def test_which_edits_go_together(one: tuple[int, int, str], other: tuple[int, int, str], expected: bool) -> None:
    first, second = TextEdit(*one), TextEdit(*other)
    assert compatible(first, second) is compatible(second, first) is expected


PLACES = st.tuples(st.integers(0, 10), st.integers(0, 10)).map(sorted)
EDIT = st.builds(lambda place, text: TextEdit(place[0], place[1], text), PLACES, st.sampled_from(["", "x", "yz"]))


@settings(deadline=None)
@given(st.lists(EDIT, min_size=2, max_size=3))
def test_edits_that_go_together_can_be_made_in_any_order(edits: list[TextEdit]) -> None:
    if all(compatible(one, other) for one in edits for other in edits):
        assert len({apply(TEXT, order) for order in permutations(edits)}) == 1


@settings(deadline=None)
@given(st.lists(st.lists(EDIT, min_size=1, max_size=3), max_size=8))
def test_fixes_are_taken_whole_and_by_the_same_measure(fixes: list[list[TextEdit]]) -> None:
    taken, plain = Taken(), list[TextEdit]()
    for edits in fixes:
        if not makes_sense(edits):
            continue
        fits = all(compatible(edit, other) for edit in edits for other in plain)
        assert taken.accept(tuple(edits)) is fits
        plain += edits if fits else []
    apply(TEXT, plain)


def makes_sense(edits: list[TextEdit]) -> bool:
    try:
        apply(TEXT, edits)
    except ValueError:
        return False
    return True


# -- soundness -------------------------------------------------------------------------------------


def swap(text: str, old: str, new: str) -> TextEdit:
    start = text.index(old)
    return TextEdit(start, start + len(old), new)


@pytest.mark.parametrize(
    ("text", "old", "new", "fault"),
    [
        ("x = 1\n", "1", "2", None),
        ("x = 1\n", "1", "(", "does not parse"),
        ("x = 1\n", "1", "'\0'", "does not parse"),
        ("if x:\n    y\n", "    y\n", "", "does not parse"),
        ("f(a=1, **k)\n", "**k", "a=2", "does not parse"),
        ("def f():\n    return 1\n", "def f():\n    ", "", "does not parse"),
        ("def f():\n    yield 1\n", "def f", "async def f", None),
        # What the text itself does not pass is not asked of the result.
        ("return 1\n", "1", "2", None),
        ("await f(1)\n", "1", "(", "does not parse"),
        ("x = 1  # a\n", "1", "2", None),
        ("x = 1  # a\n", "# a", "# b", "lost a comment"),
        ("x = 1  # a\n", "  # a", "", "lost a comment"),
        ("x = (1 +  # a\n  2)\n", "(1 +  # a\n  2)", "3", "lost a comment"),
        ("x = (1 +  # a\n  2)\n", "(1 +  # a\n  2)", "3  # a", None),
        ("x = 1  # a\ny = 2\n", "1  # a\ny = 2", "'''1  # a\ny = 2'''", "lost a comment"),
        ("x = 1\n# a\n# a\n", "# a\n# a\n", "# a\n", "lost a comment"),
        ("x = 1\n# a\ny = 2\n", "x = 1\n# a\ny = 2\n", "if z:\n    x = 1\n    # a  \n    y = 2\n", None),
        ("x = '# a'\n", "'# a'", "1", None),
        ("x = 1\n", "1", "1  # new", None),
    ],
)
def test_what_edits_leave(text: str, old: str, new: str, fault: str | None) -> None:
    assert Sound(text).fault([swap(text, old, new)]) == fault


def test_annotations_and_warnings_of_ours_do_not_matter() -> None:
    text = "x = 1\n"
    assert Sound(text).fault([swap(text, "1", "'\\d' is 1")]) is None
    assert Sound("x: int = 1\n").fault([swap("x: int = 1\n", "int", "(yield)")]) == "does not parse"


def test_only_what_is_forgiven_may_be_lost() -> None:
    text = "x = 1  # a\ny = 2  # b\n"
    first, second = swap(text, "  # a", ""), swap(text, "  # b", "")
    assert Sound(text).fault([first, second], [first]) == "lost a comment"
    assert Sound(text).fault([first, second], [first, second]) is None
    assert Sound(text).fault([first], [first]) is None


def test_grammar_newer_than_the_running_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smellcheck.edits._compiles", lambda text: False)
    monkeypatch.setattr("smellcheck.edits._reads", lambda text: False)
    text = "type X = int\n"
    assert Sound(text).fault([swap(text, "int", "str")]) is None
    assert Sound(text).fault([swap(text, "int", "(")]) == "does not parse"


def test_too_deep_to_compile_is_not_sound() -> None:
    assert Sound("x = 1\n").fault([TextEdit(4, 5, "(" * 500 + ")" * 500)]) == "does not parse"


def test_comments_are_counted_wherever_they_stand() -> None:
    found = comments("# a\nx = '# b'  # c\r\ndef f():\r    # a  \n    pass\n\x0c# d")
    assert found == {"# a": 2, "# c": 1, "# d": 1}
