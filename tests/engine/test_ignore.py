"""Suppressions: what a comment silences, what it does not, and what is told about the comment itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smellcheck.comments import Lines, tokens
from smellcheck.edits import apply
from smellcheck.finding import Finding, Range
from smellcheck.ignore import RULE, Applied, Suppressions

RAN = {"idle-gpu": "torch", "cold-cache": "torch", "slow-frame": "pandas"}
KNOWN = {**RAN, "late-tensor": "jax", RULE: "smellcheck"}


def at(text: str, part: str, rule: str = "idle-gpu", nth: int = 0) -> Finding:
    """A finding at the nth place where a part of the text stands."""
    start = [match.start() for match in re.finditer(re.escape(part), text)][nth]
    end = start + len(part)

    def place(offset: int) -> tuple[int, int]:
        before = re.split("\r\n|\r|\n", text[:offset])
        return len(before), len(before[-1]) + 1

    family = KNOWN.get(rule, "torch")
    return Finding(rule, family, "hardware", "warning", "m", "w", Range(*place(start), *place(end)), start, end)


def applied(
    text: str, *findings: Finding, ran: Mapping[str, str] = RAN, known: Mapping[str, str] | None = KNOWN
) -> Applied:
    return Suppressions.read(text).apply(findings, ran, known)


def silenced(text: str, part: str, rule: str = "idle-gpu", nth: int = 0) -> bool:
    result = applied(text, at(text, part, rule, nth))
    assert result.suppressed == 1 - len(result.kept)
    return result.suppressed == 1


def told(text: str, *findings: Finding, known: Mapping[str, str] | None = KNOWN) -> list[str]:
    return [finding.message for finding in applied(text, *findings, known=known).unused]


# -- what is silenced ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comment", ["ignore[idle-gpu]", "ignore[torch]", "ignore[all]", "ignore[cold-cache, idle-gpu]"]
)
def test_names_families_and_all(comment: str) -> None:
    assert silenced(f"x = smell()  # smellcheck: {comment}\n", "smell()")


@pytest.mark.parametrize(
    "comment",
    ["ignore[cold-cache]", "ignore[pandas]", "ignore[idle]", "ignore[IDLE-GPU]", "ignore[hardware]"],
)
def test_other_names_silence_nothing(comment: str) -> None:
    assert not silenced(f"x = smell()  # smellcheck: {comment}\n", "smell()")


@pytest.mark.parametrize(
    "comment",
    [
        "# smellcheck: ignore[idle-gpu]",
        "#smellcheck:ignore[idle-gpu]",
        "#  smellcheck:  ignore [ idle-gpu , ]",
        "# smellcheck: ignore[idle-gpu] -- measured: nothing to gain, see #12",
        "# smellcheck: ignore[idle-gpu] the reason may stand like this",
        "# noqa: E501  # smellcheck: ignore[idle-gpu]",
        "# smellcheck: ignore[idle-gpu]  # noqa: E501",
        "# smellcheck: ignore[idle-gpu]# noqa",
        "# type: ignore # smellcheck: ignore[idle-gpu] -- why # pragma: no cover",
        "# smellcheck: ignore[cold-cache] # smellcheck: ignore[idle-gpu]",
        "# déjà vu 😀 # smellcheck: ignore[idle-gpu]",
    ],
)
def test_spellings(comment: str) -> None:
    assert silenced(f"x = smell()  {comment}\n", "smell()")
    assert silenced(f"{comment}\nx = smell()\n", "smell()")


@pytest.mark.parametrize(
    "text",
    [
        "x = '# smellcheck: ignore[idle-gpu]', smell()\n",
        "'''\n# smellcheck: ignore[idle-gpu]\n'''; smell()\n",
        "x = smell()  # write `# smellcheck: ignore[idle-gpu]` to keep it\n",
        "x = smell()  # Smellcheck: ignore[idle-gpu]\n",
        "x = smell()  # smellcheck: Ignore[idle-gpu]\n",
        "x = smell()  # nosmellcheck: ignore[idle-gpu]\n",
    ],
)
def test_what_is_no_suppression(text: str) -> None:
    assert not silenced(text, "smell()")


def test_a_trailing_comment_holds_for_its_line_alone() -> None:
    text = "a = smell()\nb = smell()  # smellcheck: ignore[idle-gpu]\nc = smell()\n"
    assert [silenced(text, "smell()", nth=nth) for nth in range(3)] == [False, True, False]


CALL = """\
loader = make({0}
    first=smell(1),{1}
    second=smell(2),{2}
    third=smell(3),{3}
){4}
other = smell(4)
"""


@pytest.mark.parametrize(("line", "reach"), [(0, "123"), (1, "1"), (2, "2"), (3, "3"), (4, "123")])
def test_the_first_and_last_line_of_a_statement_hold_for_all_of_it(line: int, reach: str) -> None:
    comments = ["  # smellcheck: ignore[idle-gpu]" if number == line else "" for number in range(5)]
    text = CALL.format(*comments)
    assert "".join(number for number in "1234" if silenced(text, f"smell({number})")) == reach


def test_any_line_of_the_finding_will_do() -> None:
    text = "loader = make(\n    1,\n    2,  # smellcheck: ignore[idle-gpu]\n    3,\n)\n"
    assert silenced(text, text[text.index("make") : -1])
    assert silenced(text, "2,  # smellcheck: ignore[idle-gpu]\n    3")
    assert not silenced(text, "1,\n")
    assert not silenced(text, "3,\n)")


def test_an_end_at_the_first_column_holds_nothing_of_the_line() -> None:
    text = "if y:\n    smell()\nz = 1  # smellcheck: ignore[idle-gpu]\n"
    assert not silenced(text, "smell()\n")
    assert silenced(text, "smell()\nz")


def test_strings_over_lines() -> None:
    text = 'x = smell("""\n# smellcheck: ignore[cold-cache]\n""")  # smellcheck: ignore[idle-gpu]\n'
    assert silenced(text, "smell")
    assert told(text, at(text, "smell")) == []


def test_a_comment_of_its_own_holds_for_the_next_statement() -> None:
    text = CALL.format("", "", "", "", "")
    text = f"before = smell(0)\n# smellcheck: ignore[idle-gpu]\n\n# another comment\n{text}"
    assert [silenced(text, f"smell({number})") for number in range(5)] == [False, True, True, True, False]


def test_comments_of_their_own_stack() -> None:
    text = "# smellcheck: ignore[idle-gpu]\n# smellcheck: ignore[cold-cache] -- why\nx = smell()\ny = smell()\n"
    for rule in ("idle-gpu", "cold-cache"):
        assert silenced(text, "smell()", rule)
        assert not silenced(text, "smell()", rule, nth=1)
    assert not silenced(text, "smell()", "slow-frame")


@pytest.mark.parametrize(
    "header",
    [
        "for x in smell(\n    1\n):",
        "while smell():",
        "with smell() as a, \\\n    b:",
        "async def f(\n    a=smell(),\n) -> None:",
        "@cached\n@smell(\n    1)\n# between\nclass A(\n    B\n):",
        "@a.b\ndef smell():",
        "if smell(): pass  #",
    ],
)
def test_a_header_is_a_statement_and_its_body_is_not(header: str) -> None:
    text = f"# smellcheck: ignore[idle-gpu]\n{header}\n    body()\n"
    assert silenced(text, "smell")
    assert not silenced(text, "body")
    within = f"def g():\n    # smellcheck: ignore[idle-gpu]\n    {header}\n        body()\n".replace("\n)", "\n    )")
    assert silenced(within, "smell")
    assert not silenced(within, "body")
    if not header.endswith("#"):
        trailing = f"{header}  # smellcheck: ignore[idle-gpu]\n    body()\n"
        assert silenced(trailing, "smell")
        assert not silenced(trailing, "body")


def test_the_whole_of_a_decorated_header_is_one_statement() -> None:
    text = "# smellcheck: ignore[idle-gpu]\n@a\n@b(\n  1)\ndef f(\n  x\n): \n    pass\n"
    assert all(silenced(text, part) for part in ("@a", "@b", "1", "def", "x"))
    between = "@a\n# smellcheck: ignore[idle-gpu]\n@b\ndef f():\n    pass\n"
    assert [silenced(between, part) for part in ("@a", "@b", "def")] == [False, True, True]


def test_a_comment_of_its_own_inside_a_statement_holds_for_the_next_line_with_code() -> None:
    comment = "# smellcheck: ignore[idle-gpu]"
    text = f"x = make(\n    smell(1),\n    {comment}\n\n    # why\n    smell(2),\n    smell(3),\n)\n"
    assert [silenced(text, f"smell({number})") for number in (1, 2, 3)] == [False, True, False]
    assert silenced(text, text[4:-1]), "it stands within the whole call"


def test_a_comment_at_the_end_of_a_block_holds_for_what_comes_next() -> None:
    text = "def f():\n    x = smell(1)\n    # smellcheck: ignore[idle-gpu]\ny = smell(2)\n"
    assert [silenced(text, f"smell({number})") for number in (1, 2)] == [False, True]


def test_a_comment_with_nothing_below_silences_nothing() -> None:
    text = "x = smell()\n# smellcheck: ignore[idle-gpu]"
    assert not silenced(text, "smell()")
    assert told(text) == ["`ignore[idle-gpu]` suppresses nothing"]


def test_statements_on_one_line() -> None:
    text = "a = 1; b = smell(); c = 2  # smellcheck: ignore[idle-gpu]\n"
    assert silenced(text, "smell()")


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_the_whole_file_from_anywhere_in_it(place: int) -> None:
    lines = ["a = smell(1)", "def f():", "    return smell(2)"]
    lines.insert(place, "    # smellcheck: file-ignore[idle-gpu] -- generated")
    text = "\n".join(lines)
    assert silenced(text, "smell(1)")
    assert silenced(text, "smell(2)")
    assert not silenced(text, "smell(1)", "cold-cache")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x0c\n"])
@pytest.mark.parametrize("tail", ["", "\n"])
def test_newlines(newline: str, tail: str) -> None:
    text = newline.join(["é = 1", "# smellcheck: ignore[idle-gpu]", "x = smell(", "  '漢😀')", "y = smell()"]) + tail
    assert silenced(text, "'漢😀'")
    assert not silenced(text, "smell()")
    assert told(text, at(text, "smell")) == []


@pytest.mark.parametrize("rest", ["x = (", "'''", "  y\n z", "?", "x = '", "\\", "\x00", "if x:\n\ty\n        z\n"])
def test_a_text_that_cannot_be_read_to_its_end(rest: str) -> None:
    text = f"x = smell()  # smellcheck: ignore[idle-gpu]\n{rest}"
    assert silenced(text, "smell()")


def test_a_text_without_the_word_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lines, "read", lambda text: pytest.fail("read"))
    assert Suppressions.read("x = 1  # smell-check\n" * 3) == Suppressions()
    finding = at("x = 1", "x")
    assert applied("x = 1", finding) == Applied([finding], 0, [])


# -- what is told ----------------------------------------------------------------------------------


def test_a_used_comment_is_not_told() -> None:
    for comment in ("ignore[idle-gpu]", "ignore[torch]", "ignore[all]"):
        text = f"x = smell()  # smellcheck: {comment}\n"
        assert told(text, at(text, "smell()")) == []
    text = "# smellcheck: file-ignore[idle-gpu]\nx = smell()  # smellcheck: ignore[idle-gpu]\n"
    assert told(text, at(text, "smell()")) == [], "either may be meant"


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("ignore[idle-gpu]", ["`ignore[idle-gpu]` suppresses nothing"]),
        (
            "ignore[idle-gpu, slow-frame]",
            ["`ignore[idle-gpu]` suppresses nothing", "`ignore[slow-frame]` suppresses nothing"],
        ),
        ("ignore[pandas]", ["`ignore[pandas]` suppresses nothing"]),
        ("ignore[late-tensor]", []),
        ("ignore[jax]", []),
        ("ignore[all]", []),
        ("ignore[idle-gpus]", ["`ignore[idle-gpus]` names no rule; did you mean `idle-gpu`?"]),
        ("ignore[zzzzzzzz]", ["`ignore[zzzzzzzz]` names no rule"]),
        ("ignore[idle gpu]", ["`ignore[idle gpu]` names no rule; did you mean `idle-gpu`?"]),
        ("ignore[unused-suppression]", []),
        ("ignore[smellcheck]", []),
    ],
)
def test_unused_and_unknown_names(comment: str, expected: list[str]) -> None:
    assert told(f"x = 1  # smellcheck: {comment}\n") == expected
    assert told(f"# smellcheck: file-{comment}\n") == [f"`file-{message[1:]}" for message in expected]


def test_only_rules_that_ran_are_judged() -> None:
    text = "x = 1  # smellcheck: ignore[idle-gpu, torch, all]\n"
    few = applied(text, ran={"slow-frame": "pandas"})
    assert few.unused == []
    whole = applied(text, ran=KNOWN)
    assert [finding.message for finding in whole.unused] == [
        "`ignore[idle-gpu]` suppresses nothing",
        "`ignore[torch]` suppresses nothing",
        "`ignore[all]` suppresses nothing",
    ]


def test_without_knowing_the_rules_only_the_sure_is_told() -> None:
    text = "x = 1  # smellcheck: ignore[idle-gpu, torch, all, no-such-rule]\n"
    assert told(text, known=None) == ["`ignore[idle-gpu]` suppresses nothing"]


def test_a_name_given_twice() -> None:
    text = "x = smell()  # smellcheck: ignore[idle-gpu, idle-gpu]\n"
    assert told(text, at(text, "smell()")) == ["`ignore[idle-gpu]` is named twice"]


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("# smellcheck: ignore", "# smellcheck: ignore"),
        ("# smellcheck: ignore -- why", "# smellcheck: ignore -- why"),
        ("# smellcheck: ignore[]", "# smellcheck: ignore[]"),
        ("# smellcheck: ignore[ , ] # noqa", "# smellcheck: ignore[ , ]"),
        ("# smellcheck: ignore[idle-gpu", "# smellcheck: ignore[idle-gpu"),
        ("# smellcheck: ignore idle-gpu", "# smellcheck: ignore idle-gpu"),
        ("# smellcheck: ignore(idle-gpu)", "# smellcheck: ignore(idle-gpu)"),
        ("# smellcheck: disable=idle-gpu", "# smellcheck: disable=idle-gpu"),
        ("# noqa # smellcheck: off", "# smellcheck: off"),
        ("# smellcheck:", "# smellcheck:"),
    ],
)
def test_what_cannot_be_read_is_told_and_not_guessed(comment: str, shown: str) -> None:
    text = f"x = smell()  {comment}\n"
    result = applied(text, at(text, "smell()"))
    assert result.suppressed == 0
    (finding,) = result.unused
    assert finding.message == f"cannot read `{shown}`: write `# smellcheck: ignore[rule-name]`"
    assert text[finding.start : finding.end] == shown
    assert (finding.level, finding.fix) == ("info", None)


def test_a_file_ignore_behind_code_is_told() -> None:
    text = "x = smell()  # smellcheck: file-ignore[idle-gpu]\n"
    assert not silenced(text, "smell()")
    assert told(text) == ["`file-ignore` must stand on a line of its own"]


def test_the_findings_are_like_any_other() -> None:
    text = "\r\né = '😀'  # smellcheck: ignore[idle-gpu]\r\n# smellcheck: ignore[idle-gpu]\r\n"
    first, second = applied(text).unused
    assert (first.rule, first.family, first.practice, first.level) == (
        RULE,
        "smellcheck",
        "refactoring",
        "info",
    )
    assert first.why
    assert text[first.start : first.end] == text[second.start : second.end] == "idle-gpu"
    assert first.range == Range(2, 31, 2, 39)
    assert second.range == Range(3, 22, 3, 30)
    assert first.fingerprint != second.fingerprint
    moved = applied("\r\n\r\n" + text).unused
    assert [finding.fingerprint for finding in moved] == [first.fingerprint, second.fingerprint]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # smellcheck: ignore[idle-gpu, unused-suppression]\n",
        "x = 1  # smellcheck: ignore[idle-gpu] # smellcheck: ignore[unused-suppression]\n",
        "# smellcheck: ignore[unused-suppression] -- it depends\n# smellcheck: ignore[idle-gpu]\nx = 1\n",
        "# smellcheck: ignore[unused-suppression]\nx = 1  # smellcheck: ignore[idle-gpu]\n",
        "# smellcheck: file-ignore[smellcheck]\n# smellcheck: ignore\n\tx # smellcheck: ignore[idle-gpu]\n",
    ],
)
def test_it_can_be_silenced_itself(text: str) -> None:
    result = applied(text)
    assert result.unused == []
    assert result.suppressed == text.count("ignore[idle-gpu") + text.count("ignore\n")


def test_all_does_not_silence_what_is_told_of_comments() -> None:
    text = "x = 1  # smellcheck: ignore[idle-gpu, all]\n"
    assert told(text) == ["`ignore[idle-gpu]` suppresses nothing"]


# -- what is fixed ---------------------------------------------------------------------------------


def fixed(text: str, *findings: Finding) -> str:
    """The text after every fix of what is told of its comments."""
    unused = applied(text, *findings).unused
    fixes = [finding.fix for finding in unused if finding.fix]
    assert {fix.safety for fix in fixes} <= {"safe"}
    return apply(text, [edit for fix in fixes for edit in fix.edits])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # smellcheck: ignore[idle-gpu]\n", "x = 1\n"),
        ("x = 1\t \x0c# smellcheck: ignore[idle-gpu] -- why  \r\ny", "x = 1\r\ny"),
        ("x = 1# smellcheck: ignore[idle-gpu]", "x = 1"),
        ("x = 1  # smellcheck: ignore[idle-gpu, slow-frame, zzzzzzzz]\n", "x = 1\n"),
        ("x = 1  # noqa  # smellcheck: ignore[idle-gpu]\n", "x = 1  # noqa\n"),
        ("x = 1  # smellcheck: ignore[idle-gpu]  # noqa\n", "x = 1  # noqa\n"),
        ("x = 1  # smellcheck: ignore[idle-gpu] -- see #7  # noqa\n", "x = 1  # noqa\n"),
        ("x = 1  # a # smellcheck: ignore[idle-gpu] -- b # c\n", "x = 1  # a # c\n"),
        ("    # smellcheck: ignore[idle-gpu]\nx = 1\n", "x = 1\n"),
        ("a\r\n  # smellcheck: ignore[idle-gpu] -- why\r\nx = 1\r\n", "a\r\nx = 1\r\n"),
        ("a\r# smellcheck: ignore[idle-gpu]\rx = 1", "a\rx = 1"),
        ("a\n# smellcheck: ignore[idle-gpu]", "a\n"),
        ("x = 1 \\\n  # smellcheck: ignore[idle-gpu]", "x = 1"),
        ("x = 1  # a \\\n  # smellcheck: ignore[idle-gpu]", "x = 1  # a \\\n"),
        ("a\r\nx = 1 \\\r\n  # smellcheck: ignore[idle-gpu]\r\ny", "a\r\nx = 1\r\ny"),
        ("a\n# smellcheck: file-ignore[idle-gpu]\n\nb", "a\n\nb"),
        ("# noqa # smellcheck: ignore[idle-gpu]\nx = 1\n", "# noqa\nx = 1\n"),
        ("x = f(  # smellcheck: ignore[idle-gpu]\n  1)\n", "x = f(\n  1)\n"),
        ("x = f(\n  # smellcheck: ignore[idle-gpu]\n  1)\n", "x = f(\n  1)\n"),
        ("# é😀\nx = '😀'  # smellcheck: ignore[idle-gpu]\n", "# é😀\nx = '😀'\n"),
        (
            "x = 1  # smellcheck: ignore[late-tensor, idle-gpu]\n",
            "x = 1  # smellcheck: ignore[late-tensor]\n",
        ),
        (
            "x = 1  # smellcheck: ignore[idle-gpu, late-tensor] -- why\n",
            "x = 1  # smellcheck: ignore[late-tensor] -- why\n",
        ),
        (
            "x = 1  # smellcheck: ignore[idle-gpu, late-tensor ,slow-frame,  jax, cold-cache , pandas]\n",
            "x = 1  # smellcheck: ignore[late-tensor ,jax]\n",
        ),
        ("x = 1  # smellcheck: ignore[jax, idle-gpu, slow-frame,]\n", "x = 1  # smellcheck: ignore[jax,]\n"),
        ("x = 1  # smellcheck: ignore[jax, jax]\n", "x = 1  # smellcheck: ignore[jax]\n"),
    ],
)
def test_what_silences_nothing_is_taken_out(before: str, after: str) -> None:
    assert fixed(before) == after
    assert fixed(after) == after


def test_each_fix_alone_leaves_a_comment_that_can_be_read() -> None:
    text = "x = 1  # smellcheck: ignore[idle-gpu, late-tensor, slow-frame, cold-cache]\n"
    unused = applied(text).unused
    assert [finding.fix.title for finding in unused if finding.fix] == [
        "Remove `idle-gpu` from the suppression",
        "Remove `slow-frame` from the suppression",
        "Remove `cold-cache` from the suppression",
    ]
    results = [apply(text, finding.fix.edits) for finding in unused if finding.fix]
    assert results == [
        "x = 1  # smellcheck: ignore[late-tensor, slow-frame, cold-cache]\n",
        "x = 1  # smellcheck: ignore[idle-gpu, late-tensor, cold-cache]\n",
        "x = 1  # smellcheck: ignore[idle-gpu, late-tensor, slow-frame]\n",
    ]


def test_what_silences_something_stays() -> None:
    text = "x = smell()  # smellcheck: ignore[cold-cache, idle-gpu, slow-frame]\n"
    finding = at(text, "smell()")
    assert fixed(text, finding) == "x = smell()  # smellcheck: ignore[idle-gpu]\n"


NAMES = [*KNOWN, "torch", "jax", "all", "no-such-rule", "idle gpu"]
COMMENT = st.builds(
    lambda verb, names, separator, tail: f"# smellcheck: {verb}[{separator.join(names)}]{tail}",
    st.sampled_from(["ignore", "file-ignore"]),
    st.lists(st.sampled_from(NAMES), max_size=5),
    st.sampled_from([", ", ",", " , "]),
    st.sampled_from(["", " -- why", " # noqa", " ", " -- #1 # x"]),
)
LINE = st.one_of(
    st.sampled_from(["x = smell()", "", "y = f(", ")", "if z:", "    smell()", "@d", "'''", "# a", "\tsmell()"]),
    COMMENT,
    st.builds(lambda comment: f"x = smell()  {comment}", COMMENT),
    st.builds(lambda first, second: f"{first} {second}", COMMENT, COMMENT),
)


@settings(deadline=None)
@given(st.lists(LINE, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_fixes_silence_as_before_and_come_to_rest(lines: list[str], newline: str) -> None:
    text = newline.join(lines)
    for _ in range(5):
        places = [at(text, "smell()", nth=nth) for nth in range(text.count("smell()"))]
        result = applied(text, *places)
        for finding in result.unused:
            if finding.fix is None:
                continue
            new = apply(text, finding.fix.edits)
            again = applied(new, *(at(new, "smell()", nth=nth) for nth in range(new.count("smell()"))))
            assert len(again.kept) == len(result.kept), "a fix never lets a finding loose"
            assert re.sub(r"#[^\r\n]*|\s", "", new) == re.sub(r"#[^\r\n]*|\s", "", text), "only comments go"
        fixes = [finding.fix.edits for finding in result.unused if finding.fix]
        if not fixes:
            return
        text = apply(text, fixes[0])


@settings(deadline=None)
@given(st.text(st.sampled_from("# smellcheck:ignore[]a,-\n\r'\"()\\{}é😀\x0c@:"), max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    text += "\n# smellcheck: ignore[idle-gpu]"
    lines = Lines.read(text)
    for comment in lines.comments:
        assert text[comment.start :].startswith(comment.text)
        assert comment.text.startswith("#")
    for finding in applied(text).unused:
        assert 0 <= finding.start < finding.end <= len(text)
        if finding.fix:
            apply(text, finding.fix.edits)
    assert all(token.start[0] >= 0 for token in tokens(text))
