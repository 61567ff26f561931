"""The command `nnx`. All is imported when it runs: `nnx --version` is quick, and Ctrl-C ends it at any moment."""

import sys


def main(args: list[str] | None = None, *, supervised: bool = False) -> None:
    """Run the command and exit: 0 fine, 1 failed, 2 usage, data, 3 model file, 4 backend, 130 Ctrl-C, 141 pipe.

    1 is for a training that failed or ran out of memory; 143 for one that SIGTERM ended.
    args: those of a program that has standard streams of its own [default: those of the process].
    supervised: True for a process that `--restarts` has started, which ends with the one that did.
    """
    try:
        from .process import run, run_alone

        code = run_alone(sys.argv[1:], supervised=supervised) if args is None else run(args)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
