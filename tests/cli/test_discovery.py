"""What a path stands for: folders walked, exclusions obeyed, nothing twice, no way through links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import WASTE, Cli, Write, notebook


def checked(smellcheck: Cli, *args: str) -> list[str]:
    return sorted({found["path"] for found in smellcheck("--output-format", "json", *args).json["findings"]})


def test_only_code_that_runs(smellcheck: Cli, write: Write) -> None:
    write(dict.fromkeys(("a.py", "b.pyw", "c.pyi", "d.txt", "e", "g/h.py"), WASTE))
    write(dict.fromkeys(("f.ipynb", "g/i.ipynb", ".ipynb_checkpoints/f.ipynb"), notebook(WASTE)))
    assert checked(smellcheck) == ["a.py", "b.pyw", "f.ipynb", "g/h.py", "g/i.ipynb"]
    assert checked(smellcheck, "e", "c.pyi") == ["c.pyi", "e"]


def test_default_exclusions(smellcheck: Cli, write: Write) -> None:
    write(dict.fromkeys((".venv/a.py", "x/node_modules/a.py", "build/a.py", "builder/a.py", ".hidden/a.py"), WASTE))
    assert checked(smellcheck) == [".hidden/a.py", "builder/a.py"]
    assert checked(smellcheck, ".venv") == [".venv/a.py"]
    assert checked(smellcheck, "build/a.py") == ["build/a.py"]
    assert checked(smellcheck, "build/a.py", "--force-exclude") == []
    assert checked(smellcheck, ".venv", "--force-exclude") == []


def test_patterns(smellcheck: Cli, write: Write) -> None:
    write(dict.fromkeys(("a.py", "gen/a.py", "gen/keep.py", "x/gen/a.py", "x/b.py", ".venv/c.py"), WASTE))
    assert checked(smellcheck, "--extend-exclude", "gen") == ["a.py", "x/b.py"]
    assert checked(smellcheck, "--extend-exclude", "/gen") == ["a.py", "x/b.py", "x/gen/a.py"]
    assert checked(smellcheck, "--extend-exclude", "x/*.py,a.py") == ["gen/keep.py"]
    assert checked(smellcheck, "--extend-exclude", "gen/*,!gen/keep.py") == [
        "a.py",
        "gen/keep.py",
        "x/b.py",
        "x/gen/a.py",
    ]
    assert ".venv/c.py" in checked(smellcheck, "--exclude", "gen")
    write({"x/smellcheck.toml": 'extend-exclude = ["/b.py"]\n'})
    assert "x/b.py" not in checked(smellcheck)
    assert checked(smellcheck, "x/b.py") == ["x/b.py"]
    assert checked(smellcheck, "x/b.py", "--force-exclude") == []


def test_gitignore(smellcheck: Cli, write: Write, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        {
            ".git/HEAD": "",
            ".git/info/exclude": "private.py\n",
            ".gitignore": "*.tmp.py\nout/\n!\n/top.py\n",
            "sub/.gitignore": "!kept.tmp.py\ninner.py\n",
            **dict.fromkeys(
                (
                    "a.py",
                    "a.tmp.py",
                    "top.py",
                    "private.py",
                    "out/b.py",
                    "sub/top.py",
                    "sub/kept.tmp.py",
                    "sub/inner.py",
                    "sub/deep/inner.py",
                    "sub/deep/c.py",
                ),
                WASTE,
            ),
        }
    )
    kept = ["a.py", "sub/deep/c.py", "sub/kept.tmp.py", "sub/top.py"]
    assert checked(smellcheck) == kept
    assert checked(smellcheck, "sub/deep") == ["sub/deep/c.py"]
    assert checked(smellcheck, "out/b.py") == ["out/b.py"]
    assert len(checked(smellcheck, "--no-respect-gitignore")) == 10
    monkeypatch.chdir(work / "sub")
    assert checked(smellcheck) == ["deep/c.py", "kept.tmp.py", "top.py"]


def test_nothing_twice(smellcheck: Cli, write: Write, work: Path) -> None:
    write({"a.py": WASTE, "sub/b.py": WASTE})
    (work / "0link.py").symlink_to("a.py")
    (work / "loop").symlink_to(".")
    (work / "other").symlink_to("sub")
    result = smellcheck(
        ".", "a.py", "./a.py", str(work / "sub" / "b.py"), "sub", "other/b.py", "--output-format", "json"
    )
    assert [found["path"] for found in result.json["findings"]] == ["a.py", "sub/b.py"]
    assert result.json["summary"]["files"] == 2
    assert checked(smellcheck, "0link.py") == ["0link.py"]


def test_paths_are_relative_to_here(smellcheck: Cli, write: Write, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"a/b.py": WASTE, "c/d.py": WASTE})
    monkeypatch.chdir(work / "a")
    assert checked(smellcheck, "..") == ["../c/d.py", "b.py"]
    assert checked(smellcheck, str(work / "c")) == ["../c/d.py"]


def test_deep_folders(smellcheck: Cli, work: Path) -> None:
    here = os.open(work, os.O_RDONLY)
    try:
        for _ in range(400):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        with open(os.open("a.py", os.O_CREAT | os.O_WRONLY, dir_fd=here), "w") as file:
            file.write(WASTE)
    finally:
        os.close(here)
    assert checked(smellcheck) == ["d/" * 400 + "a.py"]
