"""One file as text and back, module or notebook: encoding, mark and newlines kept, written whole or not at all."""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
import tempfile
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

#: Larger files are no code that a person wrote.
LIMIT = 5_000_000
#: Notebooks carry pictures; of their code no more than a module's is read.
NOTEBOOK, NOTEBOOK_LIMIT = ".ipynb", 100_000_000

_NEWLINE = re.compile(rb"\r\n|\r|\n")
_KINDS = (
    (stat.S_ISDIR, "is a directory"),
    (stat.S_ISFIFO, "is a named pipe, not a file"),
    (stat.S_ISSOCK, "is a socket, not a file"),
    (stat.S_ISCHR, "is a device, not a file"),
    (stat.S_ISBLK, "is a device, not a file"),
)
#: A directory or a file system in which a file may be written, but none put in its place.
_IRREPLACEABLE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV)


class SourceError(Exception):
    """A file that cannot be read as Python source, or written; `kind` is that of a `Problem`."""

    def __init__(self, kind: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.line = kind, message, line


@dataclass(frozen=True)
class Source:
    """A module's text, and all that it takes to write it back as it was; no newline is ever translated."""

    path: Path | None
    text: str
    encoding: str
    bom: bytes
    data: bytes

    @classmethod
    def read(cls, path: Path, limit: int = LIMIT) -> Source:
        """The source in a regular file; nothing else is even opened.

        Raises `SourceError` when it cannot be read, decoded, or is larger than `limit` bytes.
        """
        return cls.decode(bytes_of(path, limit), path)

    @classmethod
    def decode(cls, data: bytes, path: Path | None = None) -> Source:
        """The source in some bytes, by their byte order mark or their declaration.

        Raises `SourceError` when they are not what they declare to be, or not the notebook that `path` promises.
        """
        if path is not None and path.suffix == NOTEBOOK:
            from .notebook import Notebook

            return Notebook.decode(data, path)
        bom, encoding = _encoding(data)
        try:
            text = data[len(bom) :].decode(encoding)
        except UnicodeDecodeError as error:
            at = len(bom) + error.start
            message = f"cannot decode byte 0x{data[at : at + 1].hex()} as {encoding}: {error.reason}"
            raise SourceError("encoding-error", message, _line(data[:at])) from None
        except (LookupError, ValueError) as error:
            raise SourceError("encoding-error", f"cannot decode as {encoding}: {error}", 1) from None
        if "\0" in text:
            raise SourceError("encoding-error", "contains a NUL byte", _line_of(text, text.index("\0")))
        return cls(path, text, encoding, bom, data)

    def encode(self, text: str) -> bytes:
        """The bytes of another text in the encoding of this one.

        Raises `SourceError` when it has no such bytes, or they would not be read as that text again.
        """
        try:
            data = self.bom + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            message = f"cannot encode {text[error.start]!r} as {self.encoding}"
            raise SourceError("encoding-error", message, _line_of(text, error.start)) from None
        except (LookupError, ValueError) as error:
            raise SourceError("encoding-error", f"cannot encode as {self.encoding}: {error}") from None
        if Source.decode(data).text != text:
            raise SourceError("encoding-error", f"cannot be written in {self.encoding} and read again")
        return data

    def write(self, text: str) -> None:
        """Put `text` in the place of what was read: all of it, or on any failure nothing.

        Links are followed; mode, owner and extended attributes are kept. Raises `SourceError` when the file
        is no longer what was read, may not be written, or the text cannot be encoded.
        """
        if self.path is None:
            raise SourceError("io-error", "was not read from a file")
        if self.encode(self.text) != self.data:
            raise SourceError("encoding-error", f"cannot be written in {self.encoding} byte for byte")
        data = self.encode(text)
        if data == self.data:
            return
        with _told():
            target = os.path.realpath(self.path)
            _unchanged(target, self.data)
            info = os.stat(target)
            # What nobody may write is left alone, even by the superuser.
            if not info.st_mode & 0o222 or not os.access(target, os.W_OK):
                raise SourceError("io-error", "is read-only")
            # To replace one name of several would part it from the others.
            if info.st_nlink > 1 or not _replace(target, self.data, data, info):
                _overwrite(target, self.data, data)


def bytes_of(path: Path, limit: int = LIMIT) -> bytes:
    """What a regular file holds; raises `SourceError`."""
    if path.suffix == NOTEBOOK:
        limit = max(limit, NOTEBOOK_LIMIT)
    with _told():
        return _read(path, limit)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the system in the words that a user is told."""
    try:
        yield
    except OSError as error:
        raise SourceError("io-error", (error.strerror or str(error)).lower()) from error
    except ValueError as error:
        raise SourceError("io-error", "has a NUL in its path") from error


def _line(before: bytes) -> int:
    return len(_NEWLINE.findall(before)) + 1


def _line_of(text: str, at: int) -> int:
    return _line(text[:at].encode("utf-8", "surrogatepass"))


def _encoding(data: bytes) -> tuple[bytes, str]:
    """Byte order mark and encoding, as PEP 263 has them."""
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    # A declaration is ASCII; what else its line holds is judged when the whole is decoded, and there by line.
    ascii_only = bytes.maketrans(bytes(range(128, 256)), b"?" * 128)
    head = [line.translate(ascii_only) + b"\n" for line in _NEWLINE.split(data[len(bom) :], maxsplit=2)[:2]]
    read = 0

    def readline() -> bytes:
        nonlocal read
        read += 1
        return (bom if read == 1 else b"") + head[read - 1] if read <= len(head) else b""

    try:
        encoding = tokenize.detect_encoding(readline)[0]
    except SyntaxError as error:
        clash = bom and "unknown" not in str(error)
        message = "declares another encoding than its byte order mark" if clash else str(error)
        raise SourceError("encoding-error", message, min(read, len(head))) from None
    return bom, "utf-8" if encoding == "utf-8-sig" else encoding


# -- reading ---------------------------------------------------------------------------------------


def _read(path: str | Path, limit: int | None = None) -> bytes:
    # To open a pipe would wait for its writer, to open a device may do anything: look first.
    try:
        _regular(os.stat(path))
    except FileNotFoundError:
        if os.path.islink(path):
            raise SourceError("io-error", f"is a dangling link to {os.readlink(path)}") from None
        raise
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags | getattr(os, "O_CLOEXEC", 0)), "rb") as file:
        info = os.fstat(file.fileno())
        _regular(info)
        data = file.read() if limit is None else file.read(limit + 1) if info.st_size <= limit else b""
    size = max(len(data), info.st_size)
    if limit is not None and size > limit:
        raise SourceError("too-large", f"has {size:,} bytes, more than the limit of {limit:,}")
    return data


def _regular(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        kinds = (word for is_a, word in _KINDS if is_a(info.st_mode))
        raise SourceError("io-error", next(kinds, "is not a file"))


def _unchanged(target: str, old: bytes) -> None:
    if _read(target) != old:
        raise SourceError("io-error", "has changed since it was read")


# -- writing ---------------------------------------------------------------------------------------


def _replace(target: str, old: bytes, new: bytes, info: os.stat_result) -> bool:
    """Write a new file and put it in the place of the old one; False where that is not allowed."""
    staged = _beside(os.path.dirname(target))
    try:
        _create(staged, new)
        _dress(staged, target, info)
        _unchanged(target, old)
        os.replace(staged, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(staged)
        if isinstance(error, OSError) and error.errno in _IRREPLACEABLE:
            return False
        raise
    # The new name is on the disk only when its directory is; some systems do not open directories.
    with suppress(OSError):
        directory = os.open(os.path.dirname(target), os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    return True


def _beside(folder: str) -> str:
    """A name that nobody can guess; it is known before the file exists, so that an interrupt leaves none."""
    return os.path.join(folder, f".smellcheck-{token_hex(8)}.tmp")


def _create(name: str, data: bytes) -> None:
    """A new file with these bytes, on the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with open(os.open(name, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _dress(staged: str, target: str, info: os.stat_result) -> None:
    """Give the new file the owner, mode and attributes of the old one, as far as the system lets us."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(staged, info.st_uid, info.st_gid)
    os.chmod(staged, stat.S_IMODE(info.st_mode))
    if hasattr(os, "listxattr"):
        for name in os.listxattr(target):
            with suppress(OSError):
                os.setxattr(staged, name, os.getxattr(target, name))


def _overwrite(target: str, old: bytes, new: bytes) -> None:
    """Write into the file itself, a copy of the old bytes aside until it is whole again."""
    backup = _beside(tempfile.gettempdir())
    whole = True
    try:
        _create(backup, old)
        with open(target, "r+b", buffering=0) as file:
            if file.read() != old:
                raise SourceError("io-error", "has changed since it was read")
            whole = False
            try:
                _fill(file.fileno(), new)
            except BaseException:
                _fill(file.fileno(), old)
                whole = True
                raise
            whole = True
    except OSError as error:
        if whole:
            raise
        raise SourceError("io-error", f"is half-written; what it held is in {backup}") from error
    finally:
        if whole:
            with suppress(OSError):
                os.unlink(backup)


def _fill(handle: int, data: bytes) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.ftruncate(handle, len(data))
    os.fsync(handle)
