"""Every sentence of the lists in SECURITY.md, in its own words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "SECURITY.md"
WASTE = (
    "import torch\n\nmodel = torch.nn.Conv2d(1, 1, 1).cuda()\nmodel.eval()\n"
    "for x in torch.load('x'):\n    print(model(x).argmax()){}\n"
)
TRAP = "import pathlib; pathlib.Path({!r}).touch()\n"


@pytest.fixture(autouse=True)
def _cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMELLCHECK_NO_CACHE")


def run(*args: str, cwd: Path, code: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", f"{code}\nimport sys; from smellcheck.cli import main; sys.exit(main(sys.argv[1:]))"] if code else []
    command = [sys.executable, *(start or ["-m", "smellcheck"]), "check", *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def texts(folder: Path) -> dict[str, str]:
    inside = (path for path in folder.rglob("*") if path.is_file() and ".smellcheck_cache" not in path.parts)
    return {str(path): path.read_text() for path in inside}


def test_parsed_only(work: Path) -> None:
    """Code under analysis is parsed; it is never imported, executed or put on `sys.path`."""
    (work / "setup.py").write_text(TRAP.format(str(work / "sprung")) + WASTE.format(""))
    (work / "conftest.py").write_text(TRAP.format(str(work / "sprung")))
    code = """
import atexit, sys
path = list(sys.path)
atexit.register(lambda: print("same" if sys.path == path else sys.path, file=sys.stderr))
"""
    shown = run("--output-format", "json", "--fix", cwd=work, code=code)
    assert not (work / "sprung").exists()
    assert "same" in shown.stderr


def test_imports(work: Path) -> None:
    """The directory that it runs in answers none of its imports."""
    for name in ("torch", "libcst", "click", "json", "ast", "symtable", "hashlib", "smellcheck_rules", "pathspec"):
        (work / f"{name}.py").write_text(TRAP.format(str(work / "sprung")))
    assert run(cwd=work).returncode == 0
    assert not (work / "sprung").exists()


def test_rules(work: Path) -> None:
    """Rules come from installed packages alone: neither a configuration nor a file beside the code can bring one."""
    (work / "rules" / "torch").mkdir(parents=True)
    (work / "rules" / "torch" / "my_rule.py").write_text("from smellcheck import rule\n" + TRAP.format(str(work / "s")))
    (work / "rules" / "torch" / "my_rule.md").write_text("# Mine\n")
    (work / "evil.egg-info").mkdir()
    (work / "evil.egg-info" / "entry_points.txt").write_text("[smellcheck.rules]\nevil = rules\n")
    assert run(cwd=work).returncode == 0
    assert run("--select", "my-rule", cwd=work).returncode == 2
    for key in ("plugins", "local-plugins", "rules"):
        (work / "smellcheck.toml").write_text(f'{key} = ["./rules"]\n')
        assert run(cwd=work).returncode == 2
    assert not (work / "s").exists()


@pytest.mark.parametrize("key", ["cache-dir", "extend", "baseline", "output-file", "plugins", "formatter", "include"])
def test_configuration(work: Path, key: str) -> None:
    """A configuration is data: it names no code to run and no place to read or write."""
    (work / "smellcheck.toml").write_text(f'{key} = "../elsewhere"\n')
    told = run(cwd=work)
    assert told.returncode == 2
    assert f"unknown key `{key}`" in told.stderr
    assert not (work.parent / "elsewhere").exists()


def test_writes(work: Path) -> None:
    """Checking writes nothing but the cache."""
    (work / "waste.py").write_text(WASTE.format(""))
    before = {path for path in work.parent.rglob("*") if path.is_file()}
    run(cwd=work)
    after = {path for path in work.parent.rglob("*") if path.is_file()}
    assert {path.relative_to(work).parts[0] for path in after - before} == {".smellcheck_cache"}


def test_cache_link(work: Path) -> None:
    """The cache stays in the project: where its directory is a link, there is no cache."""
    (work.parent / "elsewhere").mkdir()
    (work / ".smellcheck_cache").symlink_to(work.parent / "elsewhere")
    (work / "waste.py").write_text(WASTE.format(""))
    assert run(cwd=work).returncode == 1
    assert not list((work.parent / "elsewhere").iterdir())


def test_cache_data(work: Path) -> None:
    """What the cache holds is read as data, and only whole entries of it."""
    (work / "waste.py").write_text(WASTE.format(""))
    first = run("--output-format", "json", cwd=work).stdout
    entries = list((work / ".smellcheck_cache").glob("*/*.txt"))
    assert any("missing" in entry.read_text() for entry in entries)
    for old, new in (("missing", "missinG"), ("[[{", "[[{}, {"), (" ", "  ")):
        for entry in entries:
            entry.write_text(entry.read_text().replace(old, new, 1))
        assert run("--output-format", "json", cwd=work).stdout == first


def test_sources(work: Path) -> None:
    """Without `--fix` no source file is changed."""
    (work / "waste.py").write_text(WASTE.format(""))
    before = texts(work)
    for option in ("--unsafe-fixes", "--diff", "--statistics"):
        run(option, cwd=work)
    assert texts(work) == before
    run("--fix", "--unsafe-fixes", cwd=work)
    assert texts(work) != before


def test_network(work: Path) -> None:
    """No connection is opened to anywhere."""
    (work / "waste.py").write_text(WASTE.format(""))
    code = f"""
import sys
def seen(event, args):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "urllib")):
        open({str(work / "called")!r}, "w").close()
sys.addaudithook(seen)
"""
    for option in ("--fix", "--output-format=sarif", "-j2"):
        run(option, cwd=work, code=code)
    assert not (work / "called").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_special_files(work: Path) -> None:
    """Pipes, devices and sockets are not opened, and files of more than 5 MB are not read."""
    os.mkfifo(work / "pipe.py")
    (work / "zero.py").symlink_to("/dev/zero")
    (work / "large.py").write_bytes(b"x = 1\n" * 1_000_000)
    told = json.loads(run("--output-format", "json", cwd=work).stdout)
    assert {error["path"]: error["kind"] for error in told["errors"]} == {
        "pipe.py": "io-error", "zero.py": "io-error", "large.py": "too-large",
    }  # fmt: skip


def test_bombs(work: Path) -> None:
    """A file that crashes or hangs the parser is named, and the others are reported."""
    (work / "waste.py").write_text(WASTE.format(""))
    (work / "bomb.py").write_text("import torch\nx = " + "lambda: " * 3_000 + "1\n")
    told = json.loads(run("--output-format", "json", cwd=work).stdout)
    assert [finding["path"] for finding in told["findings"]] == ["waste.py"]
    assert [error["path"] for error in told["errors"]] == ["bomb.py"]


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github"])
def test_control_characters(work: Path, form: str) -> None:
    """Control characters of a terminal in code or names are shown escaped."""
    (work / "wa\x1b[2Jste\x9b.py").write_text(WASTE.format("  # \x1b]0;owned\x07 \x9b31m \u202e"))
    told = run("--output-format", form, "--color", "never", cwd=work)
    assert told.returncode == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x9b]", told.stdout + told.stderr)


def test_workflow_commands(work: Path) -> None:
    """Code and names cannot issue workflow commands."""
    (work / "a\n::stop-commands::x.py").write_text(WASTE.format("  # ::set-env name=PATH::x"))
    told = run("--output-format", "github", cwd=work)
    assert told.returncode == 1
    lines = [line for line in (told.stdout + told.stderr).split("\n") if line.lstrip().startswith(("::", "##["))]
    assert lines
    assert all(line.startswith(("::warning ", "::error ", "::notice ")) for line in lines)


@pytest.mark.parametrize("command", ["test", "bench", "prove"])
def test_execution(command: str) -> None:
    """`test`, `bench` and `prove` execute code, and their help says so."""
    told = subprocess.run([sys.executable, "-m", "smellcheck", command, "--help"], capture_output=True, text=True)
    assert "this executes" in " ".join(told.stdout.lower().split())


def test_every_sentence_has_its_test() -> None:
    sentences = [line[2:] for line in PAGE.read_text(encoding="utf-8").split("\n") if line.startswith("- ")]
    tests = [value.__doc__ for name, value in globals().items() if name.startswith("test_") and value.__doc__]
    assert sentences == tests
