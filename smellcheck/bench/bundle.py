"""One file that runs the bench on a machine with Python 3.10 or newer and torch, and nothing of ours installed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

#: What the bench is made of, from the package's folder on; none of it imports libcst, click or rich.
_MODULES = ("__init__.py", "page.py", "finding.py", "evidence.py")
_MAIN = '''"""Unpacks itself and runs the bench."""

import sys
import tempfile
import zipfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    zipfile.ZipFile(Path(__file__).parent).extractall(folder)
    sys.path.insert(0, folder)
    from smellcheck.bench.command import main

    pages = sorted(path for path in Path(folder, "pages").glob("*/*.md"))
    sys.exit(main(pages=pages))
'''


def write(target: Path, pages: Iterable[Path]) -> None:
    """Writes the bundle, with these pages and the evidence that lies beside them."""
    package = Path(__file__).parents[1]
    sources = [package / name for name in _MODULES] + sorted((package / "bench").glob("*.py"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", _MAIN)
        for source in sources:
            archive.write(source, f"smellcheck/{source.relative_to(package).as_posix()}")
        for page in pages:
            for path in (page, page.with_suffix(".json")):
                if path.exists():
                    archive.write(path, f"pages/{page.parent.name}/{path.name}")
    target.write_bytes(buffer.getvalue())
