"""What is said to a person while a command runs."""

import sys
from typing import TextIO

from ..errors import printable
from ..training.parallel import ranks


class Voice:
    """What is said to a person while a command runs: by the first rank alone, where there are several."""

    def __init__(self, *, json: bool, quiet: bool, verbose: bool = False) -> None:
        self.first = ranks().is_first
        self.json, self.quiet, self.verbose = json and self.first, quiet or not self.first, verbose
        self.stream: TextIO = sys.stderr if json or quiet else sys.stdout

    def __call__(self, *lines: str) -> None:
        if not self.quiet:
            print(*map(printable, lines), sep="\n", file=self.stream, flush=True)

    def fault(self, text: str) -> None:
        """Say what has gone wrong in a training that goes on."""
        if self.first:
            print(f"nnx: {text}", file=sys.stderr)
