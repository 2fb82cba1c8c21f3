"""However the work is shared out, the result is the same; a worker's death costs one file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smellcheck import pool

from .conftest import FIXED, WASTE, Cli, Write

SAMPLE = """
import sys
sys.path.insert(0, {tests!r})
from smellcheck import plugins
rules = tuple(plugins.load("sample_rules"))
plugins.rules = lambda: rules
del sys.path[0]
from smellcheck.cli import main
sys.exit(main(sys.argv[1:]))
"""


def command(*args: str, **options: object) -> subprocess.Popen[bytes]:
    script = SAMPLE.format(tests=str(Path(__file__).parent))
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script, *args], stdout=pipe, stderr=pipe, **options)  # type: ignore[call-overload]


def many(count: int) -> dict[str, str]:
    return {
        f"{n % 7}/{n}.py": WASTE * (n % 5) + "demo.risk()\n" * (n % 3) + ("def f(:\n" if n % 11 == 0 else "")
        for n in range(count)
    }


def test_the_same_whatever_the_number(smellcheck: Cli, write: Write) -> None:
    write(many(60))
    assert len({smellcheck("--output-format", "json", "-j", jobs) for jobs in ("1", "2", "5", "auto")}) == 1
    assert len({smellcheck("-j", jobs) for jobs in ("1", "3")}) == 1
    assert {smellcheck("--diff", "-j", jobs).out for jobs in ("1", "3")} == {smellcheck("--diff").out}


@pytest.mark.parametrize("jobs", ["2", "3"])
def test_a_killer_is_named_and_all_else_is_told(smellcheck: Cli, write: Write, jobs: str) -> None:
    write(many(30))
    write({"3/kill.py": "import demo\n\ndemo.kill()\n", "kill.py": "import demo\n\ndemo.kill()\n"})
    result = smellcheck("-j", jobs, "--output-format", "json")
    without = smellcheck("-j", "1", "--output-format", "json", "--exclude", "kill.py")
    assert result.code == 2
    killers = [error for error in result.json["errors"] if error["kind"] == "crash"]
    assert [error["path"] for error in killers] == ["3/kill.py", "kill.py"]
    assert "SIGKILL" in killers[0]["message"]
    assert result.json["findings"] == without.json["findings"]


@pytest.mark.parametrize("how", ["hang", "spin"])
def test_a_file_that_takes_too_long_is_given_up(
    smellcheck: Cli, write: Write, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(pool, "TIME_LIMIT", 0.5)
    write({"a.py": WASTE, "hang.py": f"import demo\n\ndemo.{how}()\n", "z.py": WASTE})
    result = smellcheck("-j", "2", "--output-format", "json")
    assert [found["path"] for found in result.json["findings"]] == ["a.py", "z.py"]
    assert [(error["path"], error["kind"]) for error in result.json["errors"]] == [("hang.py", "timeout")]


SPAWNED = """
import sys
from smellcheck import pool
from smellcheck.cli import main
if __name__ == "__main__":
    pool.FORKS = False
    sys.exit(main(sys.argv[1:]))
"""
FORWARD = """import torch

net = torch.nn.Linear(3, 3).eval()


def label{n}(x):
    net.eval()
    return net(x).argmax(-1)
"""


def test_processes_that_start_anew_do_the_same(write: Write, work: Path, tmp_path: Path) -> None:
    """Where a process cannot be forked it is spawned: what it is given must be data, and what it needs importable."""
    script = tmp_path / "spawned.py"
    script.write_text(SPAWNED)
    texts = {f"{n}.py": FORWARD.format(n=n) if n else "def f(:\n" for n in range(12)}
    # What lies in the directory must not be what a new process imports.
    texts |= {"json.py": "raise SystemExit(9)\n", "libcst.py": "raise SystemExit(9)\n"}
    safe = ["-P"] if sys.version_info >= (3, 11) else []
    ends = []
    for jobs in ("1", "2"):
        write(texts)
        arguments = ["check", "--no-cache", "--fix", "--unsafe-fixes", "--output-format", "json", "-j", jobs]
        done = subprocess.run([sys.executable, *safe, str(script), *arguments], capture_output=True, cwd=work)
        assert done.returncode == 2, done.stderr
        ends.append((done.stdout, {path.name: path.read_bytes() for path in work.glob("*.py")}))
    assert ends[0] == ends[1]
    assert b"no_grad" in ends[0][1]["1.py"]


def work_on(item: int) -> int:
    if item == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 17:
        os._exit(3)
    return item * item


def died(item: int, kind: str, message: str) -> int:
    assert kind == "crash"
    assert ("SIGKILL" if item == 13 else "status 3") in message
    return -item


def test_results_come_in_the_order_of_the_items() -> None:
    weights = [100_000 if n % 4 == 0 else n for n in range(50)]
    results = pool.share_out(list(range(50)), work_on, died, workers=3, weights=weights, done=lambda result: result + 1)
    assert results == [(-n if n in (13, 17) else n * n) + 1 for n in range(50)]


def test_deep_recursion_has_room() -> None:
    def depth(n: int) -> int:
        return 0 if n == 0 else 1 + depth(n - 1)

    limit = sys.getrecursionlimit()
    assert pool.deeply(lambda: depth(50_000)) == 50_000
    assert sys.getrecursionlimit() == limit
    with pytest.raises(ZeroDivisionError):
        pool.deeply(lambda: 1 // 0)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_with_130_and_whole_files(write: Write, work: Path, jobs: str) -> None:
    write({f"{n:03}.py": WASTE for n in range(300)})
    write({"zzz.py": "import demo\n\ndemo.hang()\n"})
    process = command("--fix", "-j", jobs, cwd=work, start_new_session=True)
    for _ in range(200):
        if (work / "010.py").read_text() == FIXED:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, (out, err)
    assert b"Traceback" not in err
    assert {path.read_text() for path in work.glob("[0-9]*.py")} <= {WASTE, FIXED}
    time.sleep(0.2)
    assert not list(work.glob(".smellcheck-*"))


def test_a_reader_that_goes_away_is_no_error(write: Write, work: Path) -> None:
    write({f"{n:03}.py": WASTE * 50 for n in range(100)})
    process = command(".", cwd=work)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
