"""Reading and writing files: every encoding told right, every byte kept, and never half a file."""

from __future__ import annotations

import codecs
import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import smellcheck
from smellcheck import source as module
from smellcheck.source import LIMIT, Source, SourceError

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
BOM = codecs.BOM_UTF8
T = TypeVar("T")


def attempt(job: Callable[[], T]) -> T | SourceError:
    try:
        return job()
    except SourceError as error:
        return error


def fails(data: bytes) -> tuple[str, str, int | None]:
    with pytest.raises(SourceError) as caught:
        Source.decode(data)
    return caught.value.kind, caught.value.message, caught.value.line


def leftovers(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name.startswith(".smellcheck-")]


# -- decoding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text", "encoding", "bom"),
    [
        (b"", "", "utf-8", b""),
        (b"x = 1\n", "x = 1\n", "utf-8", b""),
        ("é = '漢😀'".encode(), "é = '漢😀'", "utf-8", b""),
        (BOM + b"x = 1\n", "x = 1\n", "utf-8", BOM),
        (BOM + b"# coding: utf-8\nx\n", "# coding: utf-8\nx\n", "utf-8", BOM),
        (b"# -*- coding: latin-1 -*-\n# \xe9\n", "# -*- coding: latin-1 -*-\n# é\n", "iso-8859-1", b""),
        (b"#!/bin/python\n# vim: set fileencoding=cp1251 :\ns='\xff'\n", None, "cp1251", b""),
        (b"\n# coding: koi8-r\ns = '\xc1'\n", "\n# coding: koi8-r\ns = 'а'\n", "koi8-r", b""),
        (b"# coding: utf-8-sig\nx\n", "# coding: utf-8-sig\nx\n", "utf-8", b""),
        (b"# coding: shift_jis\ns = '\x82\xa0'\n", "# coding: shift_jis\ns = 'あ'\n", "shift_jis", b""),
        # A declaration counts on the first two lines, and on the second only below a comment or a blank.
        (b"\n\n# coding: latin-1\n", "\n\n# coding: latin-1\n", "utf-8", b""),
        (b"x = 1\n# coding: latin-1\n", "x = 1\n# coding: latin-1\n", "utf-8", b""),
        (b"# hi\rx = 'coding: no-such'\r", "# hi\rx = 'coding: no-such'\r", "utf-8", b""),
        (b"# hi\r# coding: latin-1\r# \xe9\r", "# hi\r# coding: latin-1\r# é\r", "iso-8859-1", b""),
        (b"# \xe9 coding: latin-1\n", "# é coding: latin-1\n", "iso-8859-1", b""),
    ],
)
def test_decodes_as_declared(data: bytes, text: str | None, encoding: str, bom: bytes) -> None:
    source = Source.decode(data)
    assert (source.encoding, source.bom, source.data, source.path) == (encoding, bom, data, None)
    if text is not None:
        assert source.text == text
    assert source.encode(source.text) == data


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x0c\n", "\x0b\n", "\n\r", "\x85", "\u2028"])
def test_newlines_stay_as_they_are(newline: str, tmp_path: Path) -> None:
    text = newline.join(["x = 1", "# é", "y = 2", ""])
    path = tmp_path / "a.py"
    path.write_bytes(text.encode())
    source = Source.read(path)
    assert source.text == text
    source.write(text.replace("x", "z"))
    assert path.read_bytes() == text.replace("x", "z").encode()


@settings(deadline=None)
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", BOM, b"# coding: latin-1\n", b"# coding: cp1252\n", b"\r\n"]),
)
def test_any_bytes_are_read_exactly_or_refused(data: bytes, head: bytes) -> None:
    source = attempt(lambda: Source.decode(head + data))
    if isinstance(source, Source):
        assert source.encode(source.text) == head + data
    else:
        assert source.kind == "encoding-error"
        assert source.line in range(1, len((head + data).splitlines()) + 2)


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"x = 1\ny = '\xe9'\n", 2, "byte 0xe9 as utf-8"),
        (b"a\r\nb\rc\n\xff", 4, "byte 0xff"),
        (b"x = '\xe6\xbc", 1, "unexpected end"),
        (BOM + b"\n\xff", 2, "byte 0xff"),
        ("x = 1\n".encode("utf-16"), 1, "byte 0xff"),
        (b"# coding: ascii\n# \xc3\xa9\n", 2, "as ascii"),
        (b"# coding: cp1252\n\n# \x81\n", 3, "as cp1252"),
        (b"# coding: no-such\nx\n", 1, "unknown encoding: no-such"),
        (b"#!/x\n# coding: no-such\nx\n", 2, "unknown encoding: no-such"),
        (b"#!/x\n# coding: no-such", 2, "unknown encoding"),
        (BOM + b"# coding: latin-1\n", 1, "byte order mark"),
        (BOM + b"\n# coding: latin-1\n", 2, "byte order mark"),
        (BOM + b"# coding: no-such\n", 1, "unknown encoding"),
        (b"# coding: hex\n6162\n", 1, "hex"),
        (b"# coding: rot13\nk = 1\n", 1, "rot13"),
        (b"# coding: undefined\nk = 1\n", 1, "undefined"),
        (b"x = 1\n\0\n", 2, "NUL"),
        (b"# \xc3\xa9\r\r\n\0", 3, "NUL"),
        (b"# coding: latin-1\n# \xe9\n\0", 3, "NUL"),
    ],
)
def test_what_cannot_be_decoded_is_told_by_line(data: bytes, line: int, words: str) -> None:
    kind, message, where = fails(data)
    assert (kind, where) == ("encoding-error", line)
    assert words in message


# -- reading ---------------------------------------------------------------------------------------


def unreadable(path: Path) -> SourceError:
    """The error of reading a path, told within a second or the test fails."""
    caught: list[SourceError] = []

    def read() -> None:
        try:
            Source.read(path)
        except SourceError as error:
            caught.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert caught, "reading blocks or succeeds"
    return caught[0]


@posix
def test_only_regular_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    (tmp_path / "to_pipe.py").symlink_to("pipe.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        monkeypatch.setattr(os, "open", lambda *_, **__: pytest.fail("opened"))
        expected = {
            "folder.py": "is a directory",
            "pipe.py": "is a named pipe, not a file",
            "to_pipe.py": "is a named pipe, not a file",
            "dangling.py": "is a dangling link to nowhere.py",
            "socket.py": "is a socket, not a file",
            "/dev/null": "is a device, not a file",
            "missing.py": "no such file or directory",
            "folder.py/a.py": "no such file or directory",
            "nul\0.py": "has a NUL in its path",
        }
        found = {name: unreadable(Path(name)) for name in expected}
        assert {name: error.message for name, error in found.items()} == expected
        assert "link" in unreadable(Path("loop.py")).message
    assert {error.kind for error in found.values()} == {"io-error"}
    assert {error.line for error in found.values()} == {None}


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")
    path.chmod(0)
    assert unreadable(path).message == "permission denied"


@posix
def test_a_pipe_put_in_the_place_of_a_file_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")
    regular = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda *_, **__: regular)
    assert unreadable(path).message == "is a named pipe, not a file"


def test_the_limit_is_a_number_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"#" * 100)
    assert len(Source.read(path, limit=100).text) == 100
    with pytest.raises(SourceError) as caught:
        Source.read(path, limit=99)
    assert (caught.value.kind, caught.value.line) == ("too-large", None)
    assert caught.value.message == "has 100 bytes, more than the limit of 99"
    with open(path, "r+b") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(SourceError, match="more than the limit of 5,000,000"):
        Source.read(path)


def test_read_knows_where_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(BOM + b"x\r\n")
    assert Source.read(path) == Source(path, "x\r\n", "utf-8", BOM, BOM + b"x\r\n")


# -- writing ---------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "a.py"
    file.write_bytes(b"x = 1\r\n")
    return file


def test_bom_and_encoding_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    for data in (BOM + "é\r\n".encode(), "# coding: latin-1\r\né\r\n".encode("latin-1")):
        path.write_bytes(data)
        source = Source.read(path)
        source.write(source.text + "ü")
        assert path.read_bytes() == data + "ü".encode(source.encoding)
        assert Source.read(path).text == source.text + "ü"


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755, 0o777, 0o666])
def test_the_mode_is_kept(path: Path, mode: int) -> None:
    path.chmod(mode)
    before = path.stat()
    Source.read(path).write("y = 2\n")
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == mode
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino, "it is replaced, not written into"
    assert path.read_bytes() == b"y = 2\n"
    assert leftovers(path.parent) == []


@posix
def test_the_owner_is_asked_for_and_not_insisted_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def chown(name: str, uid: int, gid: int) -> None:
        asked.append((uid, gid))
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "chown", chown)
    Source.read(path).write("y")
    assert asked == [(path.stat().st_uid, path.stat().st_gid)]
    assert path.read_text() == "y"


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="needs extended attributes")
def test_extended_attributes_are_kept(path: Path) -> None:
    try:
        os.setxattr(path, "user.smell", b"of roses")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    Source.read(path).write("y")
    assert os.getxattr(path, "user.smell") == b"of roses"


@posix
def test_links_are_followed_and_stay_links(path: Path) -> None:
    folder = path.parent / "elsewhere"
    folder.mkdir()
    first, second = folder / "first.py", path.parent / "second.py"
    first.symlink_to("../a.py")
    second.symlink_to(first)
    Source.read(second).write("y")
    assert (path.read_text(), second.is_symlink(), first.is_symlink()) == ("y", True, True)
    assert os.readlink(first) == "../a.py"
    assert leftovers(path.parent) == leftovers(folder) == []


@posix
def test_names_of_one_file_stay_names_of_one_file(path: Path) -> None:
    twin = path.parent / "twin.py"
    os.link(path, twin)
    source = Source.read(path)
    for text in ("a much longer text than it was\n", "z\n", ""):
        source.write(text)
        assert twin.read_text() == path.read_text() == text
        source = Source.read(twin)
    assert twin.samefile(path)
    assert leftovers(path.parent) == []


def test_nothing_is_written_when_nothing_changes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.stat()
    source = Source.read(path)
    path.chmod(0o444)
    source.write(source.text)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_that_changed_meanwhile_is_left_alone(path: Path) -> None:
    source = Source.read(path)
    path.write_bytes(b"x = 3\r\n")
    with pytest.raises(SourceError, match="has changed since it was read") as caught:
        source.write("y")
    assert caught.value.kind == "io-error"
    assert path.read_bytes() == b"x = 3\r\n"
    path.unlink()
    with pytest.raises(SourceError, match="no such file"):
        source.write("y")
    path.mkdir()
    with pytest.raises(SourceError, match="is a directory"):
        source.write("y")
    assert leftovers(path.parent) == []


@pytest.mark.parametrize("linked", [False, True])
def test_a_change_at_the_last_moment_is_seen(path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool) -> None:
    if linked:
        os.link(path, path.parent / "twin.py")
    source, token = Source.read(path), module.token_hex

    def meddle(size: int) -> str:
        path.write_bytes(b"theirs")
        return token(size)

    monkeypatch.setattr(module, "token_hex", meddle)
    with pytest.raises(SourceError, match="has changed"):
        source.write("ours")
    assert path.read_bytes() == b"theirs"
    assert leftovers(path.parent) == []


def test_what_is_read_only_stays(path: Path) -> None:
    path.chmod(0o444)
    with pytest.raises(SourceError, match="is read-only") as caught:
        Source.read(path).write("y")
    assert caught.value.kind == "io-error"
    assert path.read_bytes() == b"x = 1\r\n"


def test_what_the_user_may_not_write_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda name, mode: mode != os.W_OK)
    with pytest.raises(SourceError, match="is read-only"):
        Source.read(path).write("y")
    assert path.read_bytes() == b"x = 1\r\n"


def test_text_without_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"# coding: latin-1\nx = 1\n")
    source = Source.read(path)
    for text, line in (
        ("# coding: latin-1\n\ny = '\u20ac'\n", 3),
        ("# coding: utf-8\ny = '\xe9'\n", 2),  # would be read as something else
        ("# coding: latin-1\n\0", 2),
        ("# coding: latin-1\n'\ud800'", 2),
    ):
        with pytest.raises(SourceError) as caught:
            source.write(text)
        assert (caught.value.kind, caught.value.line) == ("encoding-error", line)
    assert path.read_bytes() == b"# coding: latin-1\nx = 1\n"
    with pytest.raises(SourceError, match="read again"):
        Source.decode(b"x").encode("\ufeffx")


def test_a_codec_that_does_not_round_trip_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"# coding: utf-7\nx = '+AOk-'\ny = '+AGE-'\n")
    source = Source.read(path)
    assert "é" in source.text
    with pytest.raises(SourceError, match="byte for byte"):
        source.write(source.text + "z")


def test_a_source_from_nowhere_cannot_be_written() -> None:
    with pytest.raises(SourceError, match="not read from a file"):
        Source.decode(b"x").write("y")


# -- failures in the middle ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failure_at_any_step_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else SourceError) as caught:
        Source.read(path).write("y = 2\n")
    if isinstance(caught.value, SourceError):
        assert (caught.value.kind, caught.value.message) == ("io-error", "no space left on device")
    assert path.read_bytes() == b"x = 1\r\n"
    assert leftovers(path.parent) == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EBUSY])
@pytest.mark.parametrize("step", ["open", "replace"])
def test_where_it_may_not_be_replaced_it_is_written_into(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    function, inode = getattr(os, step), path.stat().st_ino

    def refuse(name: str | Path, *args: object) -> object:
        if Path(name).parent == path.parent and ".smellcheck-" in str(name):
            raise OSError(code, os.strerror(code))
        return function(name, *args)

    monkeypatch.setattr(os, step, refuse)
    Source.read(path).write("y = 2\n")
    assert (path.read_bytes(), path.stat().st_ino) == (b"y = 2\n", inode)
    assert leftovers(path.parent) == []


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written(path: Path) -> None:
    path.parent.chmod(0o555)
    try:
        Source.read(path).write("y = 2\n")
    finally:
        path.parent.chmod(0o755)
    assert path.read_bytes() == b"y = 2\n"


@posix
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_writing_into_a_file_is_undone_when_it_fails(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    os.link(path, path.parent / "twin.py")
    write, calls = os.write, []

    def half(handle: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 2:
            raise error
        return write(handle, data[:3] if len(calls) == 1 else data)

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else SourceError):
        Source.read(path).write("a longer text than before\n")
    assert calls[:2] == [26, 23], "it was in the middle"
    assert path.read_bytes() == b"x = 1\r\n"
    assert leftovers(aside) == []


@posix
def test_when_even_that_fails_the_old_bytes_are_kept_aside(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    os.link(path, path.parent / "twin.py")

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(SourceError, match="what it held is in") as caught:
        Source.read(path).write("y")
    (kept,) = leftovers(aside)
    assert caught.value.message.endswith(str(aside / kept))
    assert (aside / kept).read_bytes() == b"x = 1\r\n"


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from smellcheck.source import Source
path, texts = Path(sys.argv[2]), ["a" * 300_000 + "\\n", "b" * 200_000 + "\\n"]
print("ready", flush=True)
while True:
    for text in texts:
        Source.read(path).write(text)
"""


@posix
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_whenever_it_is_killed_the_file_is_whole(tmp_path: Path, sign: signal.Signals) -> None:
    path = tmp_path / "a.py"
    path.write_text("b" * 200_000 + "\n")
    whole = {"a" * 300_000 + "\n", "b" * 200_000 + "\n"}
    for delay in (0.0, 0.003, 0.011, 0.02):
        arguments = [sys.executable, "-c", WRITER, str(Path(smellcheck.__file__).parents[1]), str(path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(sign)
            assert process.wait(30) != 0
        assert path.read_text() in whole
    if sign == signal.SIGINT:
        assert leftovers(tmp_path) == []


def test_many_threads_write_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("0\n")
    texts = [f"{number}" * 50_000 + "\n" for number in range(8)]

    failures: list[SourceError] = []

    def write(text: str) -> None:
        done = (attempt(lambda: Source.read(path).write(text)) for _ in range(10))
        failures.extend(error for error in done if isinstance(error, SourceError))

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_text() in {"0\n", *texts}
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert {error.message for error in failures} <= {"has changed since it was read"}
    assert leftovers(tmp_path) == []
