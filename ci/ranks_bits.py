"""One hash for any number of ranks: every training of tests/ranks_program.py on 1, 2, 3, 4, 5 and 8 processes.

ci/ranks_bits.py [--ranks 1,2,3,4,5,8] [--libraries numpy,torch,jax] [--only normed,wide] [--launch "mpiexec -n"]
[--python PYTHON] [--out FILE]. With another MPI: --launch "/opt/ompi/bin/mpirun --oversubscribe -n" --python
/opt/ompi/bin/python. It exits with 1 unless all numbers of ranks give the same hashes. Rows are added to FILE.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "tests" / "ranks_program.py"
OTHERS = ["streamed", "population", "estimators", "search", "tables"]  # on NumPy


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", default="1,2,3,4,5,8")
    parser.add_argument("--libraries", default="numpy,torch,jax")
    parser.add_argument("--only", default="")
    parser.add_argument("--launch", default=f"{Path(sys.executable).with_name('mpiexec')} -n")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(PROGRAM.parent)]
    from ranks_program import FITS

    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TIMEOUT": "600"}
    environment |= {"MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}  # ranks that wait leave the cores to the others
    counts, differs, lines = [int(n) for n in given.ranks.split(",")], False, []
    for library in given.libraries.split(","):
        words = [f"{name}={library}" for name in FITS if not (library == "jax" and name == "plain")]
        words += OTHERS if library == "numpy" else []
        words = [word for word in words if not given.only or word.split("=")[0] in given.only.split(",")]
        found = {}
        for count in counts:
            began = time.monotonic()
            command = [*shlex.split(given.launch), str(count), given.python, str(PROGRAM), *words]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
            if done.returncode:
                sys.exit(f"{library} on {count} ranks: exit code {done.returncode}\n{done.stderr[-3000:]}")
            found[count] = dict(
                line.rsplit(" ", 1) for line in done.stdout.splitlines() if "=" in line or line[0] != "["
            )
            print(f"{library} on {count} ranks: {time.monotonic() - began:.0f} s", flush=True)
        for word in words:
            hashes = [found[count][word] for count in counts]
            same = len(set(hashes)) == 1
            differs |= not same
            name = word if "=" in word else f"{word}=numpy"
            lines.append(f"| {name.replace('=', ', ')} | {hashes[0] if same else ' '.join(hashes)} |")
    print(*lines, sep="\n")
    if given.out:
        with given.out.open("a") as file:
            print(*lines, sep="\n", file=file)
    sys.exit(int(differs))


if __name__ == "__main__":
    main()
