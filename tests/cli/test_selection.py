"""The more specific selector wins, then the command line, then `ignore`."""

from __future__ import annotations

import pytest

from smellcheck.selection import Layer, SelectorError, choose

from .conftest import WASTE, Cli, Write

DEMO = {"plain-waste", "risky-waste", "vague-waste", "absent-thing"}
TROUBLE = {"raising-rule", "killing-rule"}
EVERY = DEMO | TROUBLE | {"unused-suppression"}
PREVIEW = {"early-idea"}


@pytest.mark.parametrize(
    ("config", "command", "names", "explicit"),
    [
        (Layer(), Layer(), EVERY, set()),
        (Layer(select=()), Layer(), set(), set()),
        (Layer(select=("demo",)), Layer(), DEMO, set()),
        (Layer(select=("all",)), Layer(), EVERY, EVERY),
        (Layer(), Layer(select=("precision",)), {"risky-waste"}, set()),
        (
            Layer(),
            Layer(select=("hardware", "absent-thing")),
            {"absent-thing", "vague-waste"},
            {"absent-thing"},
        ),
        (Layer(), Layer(extend_select=("absent-thing",)), EVERY, {"absent-thing"}),
        (Layer(ignore=("demo",)), Layer(), EVERY - DEMO, set()),
        (Layer(select=("plain-waste",), ignore=("demo",)), Layer(), {"plain-waste"}, {"plain-waste"}),
        (Layer(select=("demo",), ignore=("plain-waste",)), Layer(), DEMO - {"plain-waste"}, set()),
        (Layer(select=("plain-waste",), ignore=("plain-waste",)), Layer(), set(), set()),
        (Layer(select=("trouble",)), Layer(select=("demo",)), DEMO, set()),
        (Layer(ignore=("plain-waste",)), Layer(select=("demo",)), DEMO - {"plain-waste"}, set()),
        (Layer(ignore=("plain-waste",)), Layer(select=("plain-waste",)), {"plain-waste"}, {"plain-waste"}),
        (Layer(select=("plain-waste",)), Layer(ignore=("plain-waste",)), set(), set()),
        (Layer(select=("demo",)), Layer(extend_select=("trouble",)), DEMO | TROUBLE, set()),
        (Layer(select=("early-idea",)), Layer(), set(), set()),
        (Layer(select=("distillation",)), Layer(), set(), set()),  # a practice that no rule serves yet
    ],
)
def test_which_rules_run(config, command, names, explicit, sample_rules) -> None:
    chosen = choose(config, command, sample_rules, preview=False)
    assert (chosen.names, chosen.explicit) == (names, explicit)


def test_preview_rules(sample_rules) -> None:
    assert choose(Layer(), Layer(), sample_rules, preview=True).names == EVERY | PREVIEW
    named = choose(Layer(), Layer(select=("early-idea",)), sample_rules, preview=False)
    assert named.withheld == ("early-idea",)


@pytest.mark.parametrize("selector", ["plain_waste", "Demo", ""])
def test_what_names_nothing_is_an_error(selector: str, sample_rules) -> None:
    with pytest.raises(SelectorError):
        choose(Layer(), Layer(select=(selector,)), sample_rules, preview=False)


def test_on_the_command_line(smellcheck: Cli, write: Write) -> None:
    write({"a.py": WASTE + "demo.risk()\ndemo.vague()\ndemo.advise()\ndemo.early()\n"})

    def rules(*args: str) -> list[str]:
        return [found["rule"] for found in smellcheck("--output-format", "json", *args).json["findings"]]

    assert rules() == ["plain-waste", "risky-waste", "vague-waste"]
    assert (
        rules("--select", "ALL")
        == rules("--select", "all")
        == ["plain-waste", "risky-waste", "vague-waste", "absent-thing"]
    )
    assert rules("--select", "hardware") == ["vague-waste"]
    assert rules("--select", "hardware,absent-thing") == ["vague-waste", "absent-thing"]
    assert rules("--select", "precision", "--select", "vague-waste") == ["risky-waste", "vague-waste"]
    assert rules("--ignore", "demo") == []
    assert rules("--preview") == ["plain-waste", "risky-waste", "vague-waste", "early-idea"]
    assert rules("--select", "early-idea") == []
    assert "early-idea is a preview rule" in smellcheck("--select", "early-idea").err
    assert "did you mean `plain-waste`" in smellcheck("--select", "plane-waste").err


def test_unused_suppressions_are_selected_like_a_rule(smellcheck: Cli, write: Write) -> None:
    write({"a.py": "import demo\n\nx = 1  # smellcheck: ignore[plain-waste]\n"})
    assert "unused-suppression" in smellcheck().out
    for args in (("--ignore", "unused-suppression"), ("--ignore", "smellcheck"), ("--select", "demo")):
        assert smellcheck(*args).out == ""
        assert smellcheck("--fix", *args).out == ""
    assert "unused-suppression" in smellcheck().out
    assert smellcheck("--fix").out == ""
    assert "All checks passed!" in smellcheck().err
