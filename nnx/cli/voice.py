"""What is said to a person while a command runs."""

import sys
from typing import TextIO

from ..errors import printable


class Voice:
    """What is said to a person while a command runs."""

    def __init__(self, *, json: bool, quiet: bool, verbose: bool = False) -> None:
        self.json, self.quiet, self.verbose = json, quiet, verbose
        self.stream: TextIO = sys.stderr if json or quiet else sys.stdout

    def __call__(self, *lines: str) -> None:
        if not self.quiet:
            print(*map(printable, lines), sep="\n", file=self.stream, flush=True)
