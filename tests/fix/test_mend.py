"""Fixing: whole fixes, in rounds, nothing broken, and a second run changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smellcheck import mend as module
from smellcheck.engine import Checked
from smellcheck.finding import Finding, Problem, Range, SafetyName, TextEdit, TextFix
from smellcheck.ignore import RULE, Suppressions
from smellcheck.mend import ROUNDS, Mended, mend

Edits = list[tuple[int, int, str]]
Rule = Callable[[str], Iterator[Edits]]


def finding(text: str, rule: str, edits: Edits, safety: SafetyName = "safe") -> Finding:
    start, end = max(0, min(edit[0] for edit in edits)) if edits else 0, 0
    line = text[:start].count("\n") + 1
    fix = TextFix(f"Mend {rule}", safety, tuple(TextEdit(*edit) for edit in edits))
    return Finding(rule, "torch", "hardware", "warning", "m", "w", Range(line, 1, line, 2), start, end, fix=fix)


class Fake:
    """A check made of functions from a text to the edits of each fix; it counts how often it is asked."""

    def __init__(self, safety: SafetyName = "safe", **rules: Rule) -> None:
        self.rules, self.safety, self.asked = rules, safety, 0

    def __call__(self, text: str) -> Checked:
        self.asked += 1
        return Checked(
            tuple(finding(text, name, edits, self.safety) for name, rule in self.rules.items() for edits in rule(text))
        )


def swap(pattern: str, new: str, *more: tuple[str, str]) -> Rule:
    """One fix a match; `more` patterns are edited along with each, at their first match."""

    def rule(text: str) -> Iterator[Edits]:
        for match in re.finditer(pattern, text, re.MULTILINE):
            others = [(re.search(other, text, re.MULTILINE), word) for other, word in more]
            if all(other for other, _ in others):
                extra = [(*other.span(), word) for other, word in others if other]
                yield [(*match.span(), match.expand(new)), *extra]

    return rule


def mended(text: str, check: Fake, safety: frozenset[SafetyName] = frozenset({"safe"})) -> Mended:
    """The result, and that nothing moves it any further."""
    result = mend(text, check, "a.py", safety)
    assert result.checked == check(result.text)
    again = mend(result.text, check, "a.py", safety)
    assert again.text == result.text
    assert again.fixed == {}
    assert again.checked == result.checked
    return result


def messages(result: Mended) -> list[str]:
    assert {(problem.path, problem.kind) for problem in result.problems} <= {("a.py", "fix-error")}
    return [problem.message for problem in result.problems]


# -- the plain case --------------------------------------------------------------------------------


def test_nothing_to_do() -> None:
    check = Fake()
    result = mend("x = 1\n", check)
    assert result == Mended("x = 1\n", {}, Checked())
    assert check.asked == 1


def test_every_fix_is_applied_and_counted() -> None:
    check = Fake(one=swap("a", "b"), two=swap("c", "d"))
    result = mend("x = a + a + c\n", check)
    assert (result.text, result.fixed, result.problems) == ("x = b + b + d\n", {"one": 2, "two": 1}, ())
    assert result.checked == Checked()
    assert check.asked == 2


def test_what_the_check_says_of_the_new_text_comes_along() -> None:
    problem = Problem("a.py", "rule-error", "r raised")

    def check(text: str) -> Checked:
        return replace(Fake(one=swap("a", "b"))(text), suppressed=3, problems=(problem,))

    result = mend("a\n", check)
    assert result.checked == Checked((), 3, (problem,))
    assert result.problems == ()


def test_findings_without_a_fix_are_left() -> None:
    def check(text: str) -> Checked:
        return Checked(tuple(replace(one, fix=None) for one in Fake(one=swap("a", "b"))(text).findings))

    result = mend("a\n", check)
    assert (result.text, result.fixed, len(result.checked.findings)) == ("a\n", {}, 1)


@pytest.mark.parametrize("asked", [{"safe"}, {"safe", "unsafe"}, {"safe", "unsafe", "suggestion"}, set()])
@pytest.mark.parametrize("kind", ["safe", "unsafe", "suggestion"])
def test_only_fixes_as_safe_as_asked(asked: set[SafetyName], kind: SafetyName) -> None:
    result = mended("a\n", Fake(kind, one=swap("a", "b")), frozenset(asked))
    assert result.text == ("b\n" if kind in asked and kind != "suggestion" else "a\n")


def test_only_findings_that_are_wanted() -> None:
    check = Fake(one=swap("a", "b"), two=swap("c", "d"))
    assert mend("a + c\n", check, wanted=lambda finding: finding.rule == "two").text == "a + d\n"


@pytest.mark.parametrize("text", ["a = 1\r\nb\r\n", "a\rb\r", "\x0ca = 1\n", "# é\na = '😀' ; b", "if 1:\n\ta\n\tb"])
def test_nothing_but_the_edits_changes(text: str) -> None:
    assert mended(text, Fake(one=swap("a", "zz"), two=swap("b", "y"))).text == text.replace("a", "zz").replace("b", "y")


# -- what goes together ----------------------------------------------------------------------------


def test_a_fix_is_applied_whole() -> None:
    check = Fake(one=swap("a", "b", ("^", "import m\n"), ("$", "; end")))
    assert mended("a\n", check).text == "import m\nb; end\n"


def test_the_same_insertion_counts_once() -> None:
    check = Fake(one=swap("a", "m.a2", ("^", "import m\n")), two=swap("c", "m.c2", ("^", "import m\n")))
    text = "x = a + c\n"

    def without_import(rule: Rule) -> Rule:
        return lambda text: iter(list(rule(text)) if "import m" not in text else [])

    check.rules = {name: without_import(rule) for name, rule in check.rules.items()}
    result = mend(text, check)
    assert result.text == "import m\nx = m.a2 + m.c2\n"
    assert result.fixed == {"one": 1, "two": 1}
    assert check.asked == 2, "both in one round"


def test_different_insertions_at_one_point_take_two_rounds() -> None:
    check = Fake(one=swap("a", "m", ("^", "import m\n")), two=swap("c", "n", ("^", "import n\n")))
    result = mended("x = a + c\n", check)
    assert result.text == "import n\nimport m\nx = m + n\n"
    assert result.fixed == {"one": 1, "two": 1}


def test_insertions_of_one_fix_at_one_point_keep_their_order() -> None:
    check = Fake(one=swap("^def", "def", ("^", "import m\n"), ("^", "@m.cached\n")))
    once = mend("def f(): pass\n", check, wanted=lambda finding: finding.start == 0)
    assert once.text.startswith("import m\n@m.cached\n") or once.text == "def f(): pass\n"
    one = Fake(one=lambda text: iter([[(0, 0, "import m\n"), (0, 0, "@m.c\n")]] if text[0] == "d" else []))
    assert mended("def f(): pass\n", one).text == "import m\n@m.c\ndef f(): pass\n"


def test_overlapping_fixes_take_turns() -> None:
    check = Fake(outer=swap(r"f\((.*)\)", r"\1"), inner=swap(r"g\((\w*)\)", r"\1"))
    result = mended("x = f(g(a))\n", check)
    assert result.text == "x = a\n"
    assert result.fixed == {"outer": 1, "inner": 1}


def test_nested_fixes_of_one_rule_reach_the_bottom() -> None:
    def rule(text: str) -> Iterator[Edits]:
        for match in re.finditer(r"f\(", text):
            depth = 0
            for at in range(match.end() - 1, len(text)):
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                if not depth:
                    yield [(match.start(), at + 1, text[match.end() : at])]
                    break

    result = mended("x = f(f(f(f(1))))\n", Fake(one=rule))
    assert (result.text, result.fixed) == ("x = 1\n", {"one": 4})


def test_the_order_of_findings_does_not_matter() -> None:
    rules = {"one": swap("ab", "x"), "two": swap("bc", "y"), "three": swap("cd", "z"), "four": swap("x", "w")}
    results = {mended("abcd\n", Fake(**dict(order))).text for order in (rules.items(), reversed(rules.items()))}
    assert results == {"wz\n"}


# -- fixes at fault --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([(0, 99, "")], "has edits that overlap or lie outside of the text"),
        ([(-1, 2, "")], "has edits that overlap or lie outside of the text"),
        ([(0, 3, "x"), (2, 4, "y")], "has edits that overlap or lie outside of the text"),
        ([(0, 3, "x"), (0, 3, "y")], "has edits that overlap or lie outside of the text"),
        ([], "changes nothing"),
        ([(0, 2, "ab")], "changes nothing"),
        ([(2, 2, "")], "changes nothing"),
    ],
)
def test_a_fix_that_makes_no_sense_is_told_and_the_others_applied(edits: Edits, words: str) -> None:
    check = Fake(bad=lambda text: iter([edits]), good=swap("c", "d"))
    result = mended("ab + c\n", check)
    assert (result.text, result.fixed) == ("ab + d\n", {"good": 1})
    assert messages(result) == [f"bad: the fix “Mend bad” {words}"]
    assert result.problems[0].line == 1


def test_a_fix_that_breaks_the_code_is_told_and_the_others_applied() -> None:
    text = "".join(f"x{number} = a\n" for number in range(40))
    check = Fake(good=swap("a", "b"), bad=swap(r"x(7|23)\b", "("))
    result = mended(text, check)
    assert result.text == text.replace("a", "b")
    assert result.fixed == {"good": 40}
    assert messages(result) == ["bad: the fix “Mend bad” leaves code that does not parse"] * 2
    assert [problem.line for problem in result.problems] == [8, 24]
    assert [finding.rule for finding in result.checked.findings] == ["bad", "bad"]


def test_few_checks_find_a_culprit_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    fault = module._fault
    monkeypatch.setattr(module, "_fault", lambda *args: (asked.append(1), fault(*args))[1])
    text = "".join(f"x{number} = a\n" for number in range(64))
    mend(text, Fake(good=swap("a", "b"), bad=swap(r"x40\b", "(")))
    assert len(asked) < 40


def test_fixes_that_break_the_code_only_together() -> None:
    """Each may delete its statement, but a block must keep one."""
    check = Fake(first=swap("^ +a\n", ""), second=swap("^ +b\n", ""))
    result = mended("if x:\n    a\n    b\n", check)
    assert (result.text, result.fixed) == ("if x:\n    b\n", {"first": 1})
    assert messages(result) == ["second: the fix “Mend second” leaves code that does not parse"]


def test_one_bad_edit_spoils_the_whole_fix() -> None:
    check = Fake(bad=swap("a", "b", ("c", "(")))
    assert mended("a + c\n", check).text == "a + c\n"


def test_what_stood_back_for_a_bad_fix_gets_its_turn() -> None:
    check = Fake(bad=swap("a \\+ c", "("), good=swap("c", "d"))
    result = mended("a + c\n", check)
    assert (result.text, result.fixed) == ("a + d\n", {"good": 1})
    assert messages(result) == [], "it is no finding any more"


def test_a_fix_that_loses_a_comment_is_refused_without_ado() -> None:
    check = Fake(bad=swap(r"\(1 \+[^)]*\)", "3"), good=swap("a", "b"))
    text = "x = (1 +  # why\n  2) + a  # a2\n"
    result = mended(text, check)
    assert (result.text, result.fixed, result.problems) == (text.replace("+ a ", "+ b "), {"good": 1}, ())
    assert [finding.rule for finding in result.refused] == ["bad", "good"], "the second would edit `# a2`"


def test_a_fix_may_move_a_comment() -> None:
    check = Fake(one=swap(r"f\(  (# why)\n  1\)", r"1  \1"))
    assert mended("x = f(  # why\n  1)\n", check).text == "x = 1  # why\n"


def test_only_the_removal_of_a_suppression_may_lose_it() -> None:
    text = "x = 1  # keep\ny = a  # smellcheck: ignore[idle-gpu]\n"
    removal = {RULE: swap(r"  # smellcheck.*", ""), "other": swap("a$|a(?=  #)", "b")}
    assert mended(text, Fake(**removal)).text == "x = 1  # keep\ny = b\n"
    assert mended(text, Fake(other=removal[RULE])).text == text
    assert mended(text, Fake(**removal, bad=swap("1  # keep", "2"))).text == "x = 1  # keep\ny = b\n"


def test_suppressions_are_read_and_mended_together() -> None:
    ran = {"one": "torch", "two": "torch"}

    def check(text: str) -> Checked:
        found = Fake(one=swap(r"one\(\)", "1"), two=swap(r"two\(\)", "2"))(text).findings
        kept, suppressed, unused = Suppressions.read(text).apply(found, ran, ran)
        return Checked((*kept, *unused), suppressed)

    text = (
        "x = one()\nx = two()  # smellcheck: ignore[two, three, one]\n"
        "# smellcheck: ignore[two, all]\ny = 3  # a\n# smellcheck: ignore[torch]\n"
    )
    result = mend(text, check)
    assert result.text == "x = 1\nx = two()  # smellcheck: ignore[two]\ny = 3  # a\n"
    assert result.fixed == {"one": 1, RULE: 5}
    assert result.checked.suppressed == 1
    assert mend(result.text, check).text == result.text


def test_suppressions_are_judged_when_all_else_is_mended() -> None:
    """The cause hides the consequence: its suppression seems unused until the cause is gone."""

    def check(text: str) -> Checked:
        cause, effect = swap(r"cause\(\)", "cure()"), swap(r"effect\(", "lost(")
        found = Fake(**({"cause": cause} if "cause()" in text else {"effect": effect}))(text).findings
        ran = {"cause": "torch", "effect": "torch"}
        kept, suppressed, unused = Suppressions.read(text).apply(found, ran, ran)
        return Checked((*kept, *unused), suppressed)

    text = "effect(cause())  # smellcheck: ignore[effect]\n"
    assert [finding.rule for finding in check(text).findings] == ["cause", RULE]
    result = mend(text, check)
    assert (result.text, result.fixed) == (text.replace("cause()", "cure()"), {"cause": 1})
    assert mend("effect()  # smellcheck: ignore[effect, cause]\n", check).fixed == {RULE: 1}


# -- fixes that never settle -----------------------------------------------------------------------


def test_fixes_that_undo_one_another_are_left_out_and_told() -> None:
    check = Fake(there=swap("a", "b"), back=swap("b", "a"), good=swap("c", "d"))
    result = mended("x = a + c\n", check)
    assert (result.text, result.fixed) == ("x = a + d\n", {"good": 1})
    assert messages(result) == ["the fixes of back, there never settle: left out"]


def test_a_fix_that_grows_for_ever_is_left_out_and_told() -> None:
    check = Fake(grow=swap(r"\A", "y = 1\n"), good=swap("c", "d"))
    result = mended("x = c\n", check)
    assert (result.text, result.fixed) == ("x = d\n", {"good": 1})
    assert messages(result) == ["the fixes of grow never settle: left out"]
    assert result.problems[0].line == 1


def test_fixes_that_change_nothing_together() -> None:
    """Each alone moves a character; both at once put back what was there."""

    def one(text: str) -> Iterator[Edits]:
        yield from [[(4, 5, "")]] if text == "x = aa\n" else []

    def two(text: str) -> Iterator[Edits]:
        yield from [[(6, 6, "a")]] if text == "x = aa\n" else []

    result = mended("x = aa\n", Fake(one=one, two=two))
    assert (result.text, result.fixed) == ("x = aa\n", {})


@pytest.mark.parametrize(("steps", "settles"), [(ROUNDS - 1, True), (ROUNDS, True), (ROUNDS + 1, False)])
def test_at_most_ten_rounds(steps: int, settles: bool) -> None:
    def rule(text: str) -> Iterator[Edits]:
        number = int(text)
        if number:
            yield [(0, len(text), str(number - 1))]

    check = Fake(count=rule)
    result = mend(str(steps), check)
    assert result.text == ("0" if settles else str(steps))
    assert result.fixed == ({"count": steps} if settles else {})
    assert bool(result.problems) is not settles


def test_where_leaving_rules_out_does_not_settle_it_nothing_is_changed() -> None:
    """`a` and `b` turn in circles until `c` has become `d`; then `b` would stay what it is."""
    check = Fake(
        there=swap("a", "b"),
        back=lambda text: swap("b", "a")(text) if "d" not in text else iter(()),
        slow=lambda text: swap("c", "d")(text) if "a" in text and "e" in text else iter(()),
        late=lambda text: swap("f", "e")(text) if "a" in text else iter(()),
    )
    for text in ("a + c + f\n", "b + c + f\n", "a + c + e\n", "a + c\n"):
        mended(text, check)


# -- whatever the rules do -------------------------------------------------------------------------

TOKENS = ["a", "b", "c", "ab", "(a)", "a  # k\n", "\n", " + ", ""]


@st.composite
def systems(draw: st.DrawFn) -> dict[str, Rule]:
    """Rules that rewrite one short string into another, and perhaps insert something else far away."""
    found: dict[str, Rule] = {}
    for number in range(draw(st.integers(1, 4))):
        pattern = re.escape(draw(st.sampled_from(["a", "b", "c", "ab", "ba", "(a)", "+", "# k", "a + b"])))
        new = draw(st.sampled_from(TOKENS)).replace("\\", "")
        more = draw(
            st.lists(
                st.tuples(st.sampled_from(["^", "$", r"\Z", "c"]), st.sampled_from(["a", "c", "(", "z\n"])),
                max_size=1,
            )
        )
        found[f"rule{number}"] = swap(pattern, new, *more)
    return found


PROGRAMS = st.lists(
    st.sampled_from(
        ["a = a + b  # k\n", "b = (a)\n", "# k\n", "c = ab\n", "if a:\n    b\n", "a + b", "(\na  # k\n)\n"]
    ),
    max_size=6,
).map("".join)


@settings(deadline=None)  # rules that grow do so for ten rounds
@given(PROGRAMS, systems())
def test_mending_comes_to_rest_parses_and_keeps_comments(text: str, rules: dict[str, Rule]) -> None:
    try:
        compile(text, "a.py", "exec")
    except SyntaxError:
        return
    result = mended(text, Fake(**rules))
    compile(result.text, "a.py", "exec")
    assert result.text.count("# k") >= text.count("# k")
    assert (result.text != text) is bool(result.fixed)


@settings(deadline=None)
@given(PROGRAMS, systems(), st.randoms(use_true_random=False))
def test_the_order_in_which_rules_run_does_not_matter(text: str, rules: dict[str, Rule], random: object) -> None:
    names = list(rules)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert mend(text, Fake(**{name: rules[name] for name in names})).text == mend(text, Fake(**rules)).text


@pytest.mark.parametrize("safety", [frozenset({"safe"}), frozenset({"safe", "unsafe"})])
def test_fix_asks_the_engine(monkeypatch: pytest.MonkeyPatch, safety: frozenset[SafetyName]) -> None:
    asked = []

    def check(text: str, rules: object, path: str, explicit: object, known: object, project: object) -> Checked:
        asked.append((rules, path, explicit, known, project))
        return Fake("unsafe", one=swap("a", "b"))(text)

    monkeypatch.setattr(module, "check_text", check)
    result = module.fix("a\n", [], "a.py", frozenset({"one"}), safety, known={"one": "demo"})
    assert result.text == ("b\n" if "unsafe" in safety else "a\n")
    assert set(map(repr, asked)) == {repr(([], "a.py", frozenset({"one"}), {"one": "demo"}, None))}
