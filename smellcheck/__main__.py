"""`python -m smellcheck`, the same as the command `smellcheck`."""

from __future__ import annotations

import os
import sys

# `-m` puts the current directory first on the path: the code under analysis must not answer our imports.
if sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
