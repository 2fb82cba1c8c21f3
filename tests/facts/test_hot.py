"""What surely runs once in a run of the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from smellcheck.file import File
from smellcheck.project import Project

ENTRY = '\n\nif __name__ == "__main__":\n    main()\n'


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("work()\n", True),
        ("for x in xs:\n    work()\n", False),
        ("[work() for x in xs]\n", False),
        (f"def main():\n    work(){ENTRY}", True),
        (f"def main():\n    f()\n\n\ndef f():\n    work(){ENTRY}", True),
        (f"def main():\n    f()\n    f()\n\n\ndef f():\n    work(){ENTRY}", True),
        # The caller repeats it.
        (f"def main():\n    for x in xs:\n        f()\n\n\ndef f():\n    work(){ENTRY}", False),
        # Anybody may call it.
        (f"def main():\n    serve(f)\n\n\ndef f():\n    work(){ENTRY}", False),
        (f"@app.get('/')\ndef f():\n    work()\n\n\ndef main():\n    f(){ENTRY}", False),
        (f"class A:\n    def f(self):\n        work()\n\n\ndef main():\n    A().f(){ENTRY}", False),
        ("def f():\n    work()\n", False),
    ],
)
def test_what_runs_once(text: str, once: bool, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / "script.py"
    path.write_text(text)
    file = File(text, str(path), project=Project().view(path))
    (call,) = file.calls.named(frozenset({"work"}))
    assert file.hot.runs_once(call) is once
    (tmp_path / "other.py").write_text("from script import f, main\n")
    file = File(text, str(path), project=Project().view(path))
    (call,) = file.calls.named(frozenset({"work"}))
    assert file.hot.runs_once(call) is (once and "def" not in text)
