"""Standard input is checked like a file, and as a filter it gives the text back."""

from __future__ import annotations

import codecs

from .conftest import FIXED, WASTE, Cli, Write


def test_findings_have_the_name_that_was_given(smellcheck: Cli) -> None:
    result = smellcheck("-", "--output-format", "concise", stdin=WASTE.encode())
    assert (result.code, result.out) == (
        1,
        "-:3:1: plain-waste [*] the work of `waste` is done for nothing\n",
    )
    named = smellcheck("-", "--stdin-filename", "src/a.py", "--output-format", "json", stdin=WASTE.encode())
    assert [found["path"] for found in named.json["findings"]] == ["src/a.py"]


def test_fix_is_a_filter(smellcheck: Cli) -> None:
    result = smellcheck("-", "--fix", "--output-format", "concise", stdin=(WASTE + "demo.risk()\n").encode())
    assert result.out == FIXED + "demo.risk()\n"
    assert "-:4:1: risky-waste [~]" in result.err
    assert result.code == 1


def test_fix_keeps_the_bytes_that_it_does_not_change(smellcheck: Cli) -> None:
    text = codecs.BOM_UTF8 + WASTE.replace("\n", "\r\n").encode() + "# ü".encode()
    result = smellcheck("-", "--fix", stdin=text)
    assert result.out.encode() == codecs.BOM_UTF8 + FIXED.replace("\n", "\r\n").encode() + "# ü".encode()
    assert result.code == 0


def test_what_cannot_be_parsed_is_given_back(smellcheck: Cli) -> None:
    for bad in (b"def f(:\n", b"x = '\xff'\n", b"x = 1\0\n"):
        result = smellcheck("-", "--fix", "--exit-zero", stdin=bad)
        assert (result.out.encode("utf-8", "surrogateescape"), result.code) == (bad, 2)


def test_diff(smellcheck: Cli) -> None:
    result = smellcheck("-", "--diff", "--stdin-filename", "a.py", stdin=WASTE.encode())
    assert result.out == "--- a.py\n+++ a.py\n@@ -1,3 +1,3 @@\n import demo\n \n-demo.waste()\n+demo.spare()\n"
    assert result.code == 1


def test_the_configuration_is_that_of_the_name(smellcheck: Cli, write: Write) -> None:
    write({"src/smellcheck.toml": 'ignore = ["plain-waste"]\n'})
    assert smellcheck("-", stdin=WASTE.encode()).code == 1
    assert smellcheck("-", "--stdin-filename", "src/a.py", stdin=WASTE.encode()).code == 0


def test_force_exclude_gives_it_back_unchecked(smellcheck: Cli, write: Write) -> None:
    write({"smellcheck.toml": 'exclude = ["gen"]\nforce-exclude = true\n'})
    result = smellcheck("-", "--fix", "--stdin-filename", "gen/a.py", stdin=WASTE.encode())
    assert (result.code, result.out) == (0, WASTE)
