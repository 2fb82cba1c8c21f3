"""Whatever stands in a folder, it is told as an error, and every other file's findings with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from smellcheck import pool

from .conftest import WASTE, Cli, Write


@pytest.mark.parametrize(
    ("name", "content", "kind", "line"),
    [
        ("syntax.py", b"x = 1\ndef f(:\n", "syntax-error", 2),
        ("indent.py", b"if x:\n    a\n  b\n", "syntax-error", 3),
        ("nul.py", b"x = 1\n\0\n", "encoding-error", 2),
        ("cookie.py", b"# coding: no-such\nx = 1\n", "encoding-error", 1),
        ("latin.py", "x = 1\ny = 'é'\n".encode("latin-1"), "encoding-error", 2),
        ("clash.py", b"\xef\xbb\xbf# coding: latin-1\n", "encoding-error", 1),
        ("large.py", b"x = 1\n" * 1_000_000, "too-large", None),
    ],
)
def test_bad_content(smellcheck: Cli, write: Write, name: str, content: bytes, kind: str, line: int | None) -> None:
    write({name: content, "a.py": WASTE, "z.py": WASTE})
    result = smellcheck("--output-format", "json")
    assert result.code == 2
    assert [found["path"] for found in result.json["findings"]] == ["a.py", "z.py"]
    (error,) = result.json["errors"]
    assert (error["path"], error["kind"], error["line"]) == (name, kind, line)
    assert error["message"]
    assert smellcheck("--fix", "--output-format", "json").json["summary"]["fixed"] == 2


def test_what_is_no_file(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE, "folder.py/inner.py": WASTE})
    os.mkfifo(work / "pipe.py")
    (work / "dangling.py").symlink_to("nowhere")
    (work / "loop.py").symlink_to("loop.py")
    result = smellcheck("--output-format", "json", ".", "/dev/null", "no/such.py")
    assert result.code == 2
    assert [found["path"] for found in result.json["findings"]] == ["a.py", "folder.py/inner.py"]
    errors = {error["path"].rpartition("/")[2]: error for error in result.json["errors"]}
    assert {error["kind"] for error in errors.values()} == {"io-error"}
    assert errors.keys() == {"folder.py", "pipe.py", "dangling.py", "loop.py", "null", "such.py"}
    assert "dangling link" in errors["dangling.py"]["message"]
    assert "pipe" in errors["pipe.py"]["message"]


def test_a_folder_that_is_meant_is_no_error(smellcheck: Cli, write: Write) -> None:
    write({"repo.py/a.py": "x = 1\n"})
    assert smellcheck("repo.py/").code == 0
    assert smellcheck("repo.py").code == 2


def test_what_may_not_be_read(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE, "secret.py": WASTE, "closed/b.py": WASTE})
    (work / "secret.py").chmod(0)
    (work / "closed").chmod(0)
    if os.access(work / "secret.py", os.R_OK):
        pytest.skip("the superuser reads everything")
    result = smellcheck("--output-format", "json")
    (work / "closed").chmod(0o755)
    assert [found["path"] for found in result.json["findings"]] == ["a.py"]
    assert [error["path"] for error in result.json["errors"]] == ["closed", "secret.py"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_name_that_is_no_text(smellcheck: Cli, work: Path) -> None:
    (Path(os.fsdecode(os.fsencode(work) + b"/\xff\x1b.py"))).write_text(WASTE)
    for form in ("text", "concise", "json", "sarif", "github"):
        result = smellcheck("--output-format", form)
        assert result.code == 1
        assert "\x1b" not in result.out
        assert "xff" in result.out


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("parens", "x = " + "(" * 3_000 + "1" + ")" * 3_000),
        ("ands", "x = a" + " and a" * 20_000),
        ("elifs", "if a:\n    pass\n" + "elif a:\n    pass\n" * 10_000),
        ("sum", "x = a" + " + a" * 2_000),
        ("chain", "x = a" + ".b()" * 3_000),
        ("lists", "x = " + "[" * 3_000 + "]" * 3_000),
        ("lambdas", "x = " + "lambda: " * 3_000 + "1"),
        ("strings", "x = " + "'a' " * 20_000),
    ],
)
def test_bombs_end_neither_the_run_nor_the_others(
    smellcheck: Cli, write: Write, monkeypatch: pytest.MonkeyPatch, name: str, code: str, jobs: str
) -> None:
    monkeypatch.setattr(pool, "TIME_LIMIT", 4.0)
    write({"a.py": WASTE, f"{name}.py": f"import demo\n\n{code}\n", "z.py": WASTE})
    result = smellcheck("--output-format", "json", "-j", jobs)
    assert [found["path"] for found in result.json["findings"]] == ["a.py", "z.py"]
    assert {error["path"] for error in result.json["errors"]} <= {f"{name}.py"}
    assert result.code == (2 if result.json["errors"] else 1)
