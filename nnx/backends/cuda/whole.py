"""A whole step as one kernel of one block, for networks so small that launching takes longer than computing.

The kernels of a step are right with any number of threads, so they follow each other as functions of one kernel, each
after the last thread of the one before; matrix products are plain loops, two rows and four columns to a thread.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from ..native.product import matrices
from ..native.program import View
from ..native.schedule import Pass
from .expressions import Expressions, indented
from .formulas import type_name
from .kernel import Kernel, Launch
from .plan import Work

MOST = 2**21  # multiplications of a step up to which one block is tried
THREADS = 512
ROOM = "__shared__ double room[32][33];"  # of a sum of columns: one for all of them


def fits(plan: Sequence[Work]) -> bool:
    """Whether a step is small enough for one block."""
    products = sum(prod(w.first.shape) * w.first.op.inputs[0].shape[-1] for w in plan if w.kind == "matmul")
    return bool(products <= MOST)


class Product(Expressions):
    """A matrix product as a function of one block."""

    def __init__(self, name: str, p: Pass) -> None:
        super().__init__(set())
        self.name = name
        a, b, c = matrices(p)
        kind = type_name(c.dtype)
        (m, k), n, lead = a.shape[-2:], b.shape[-1], c.shape[:-2]
        down, across = -(-m // 2), -(-n // 4)
        x, y, z = (self._pointer(view) for view in (a, b, c))
        (ai, ar), (br, bj), (ci, cj) = (_steps(view)[-2:] for view in (a, b, c))
        starts = {view: [f"l{d} * {s}" for d, s in enumerate(_lead(view, len(lead))) if s] for view in (a, b, c)}
        oa, ob, oc = (" + ".join(starts[view]) or "0" for view in (a, b, c))
        rest = [f"I q = e / {down * across};", *_members(lead)] if lead else []
        self.body = [
            f"for (I e = threadIdx.x; e < {prod(lead) * down * across}; e += blockDim.x) {{",
            *indented(rest),
            f"  const I j = e % {across} * 4, i = e / {across} % {down} * 2, next = i + 1 < {m} ? i + 1 : i;",
            f"  const I j1 = j + 1 < {n} ? j + 1 : j, j2 = j + 2 < {n} ? j + 2 : j, j3 = j + 3 < {n} ? j + 3 : j;",
            f"  const I a = {oa}, b = {ob}, c = {oc};",
            f"  {kind} s0 = 0, s1 = 0, s2 = 0, s3 = 0, t0 = 0, t1 = 0, t2 = 0, t3 = 0;",
            "  #pragma unroll 4",
            f"  for (I r = 0; r < {k}; r++) {{",
            f"    const {kind} u = {x}[a + i * {ai} + r * {ar}], v = {x}[a + next * {ai} + r * {ar}];",
            *(f"    const {kind} w{q} = {y}[b + r * {br} + {j} * {bj}];" for q, j in enumerate(COLUMNS)),
            *(f"    s{q} += u * w{q}, t{q} += v * w{q};" for q in range(4)),
            "  }",
            *(f"  if (j + {q} < {n}) {z}[c + i * {ci} + {j} * {cj}] = s{q};" for q, j in enumerate(COLUMNS)),
            *(
                f"  if (i + 1 < {m} && j + {q} < {n}) {z}[c + next * {ci} + {j} * {cj}] = t{q};"
                for q, j in enumerate(COLUMNS)
            ),
            "}",
        ]

    @property
    def arguments(self) -> list[str]:
        """The types and names of its pointers."""
        return [f"{key[-1]} *{name}" for key, name in self.names.items()]


COLUMNS = ("j", "j1", "j2", "j3")


def _steps(view: View) -> list[int]:
    item = view.dtype.itemsize
    return [0 if n == 1 else s // item for n, s in zip(view.shape, view.strides, strict=True)]


def _lead(view: View, axes: int) -> list[int]:
    """The steps along the axes of the members; an axis that it lacks, or has once, is shared."""
    own = _steps(view)[:-2]
    return [0] * (axes - len(own)) + own


def _members(lead: tuple[int, ...]) -> list[str]:
    lines = []
    for axis in reversed(range(len(lead))):
        lines.append(f"const I l{axis} = q % {lead[axis]};")
        lines.append(f"q /= {lead[axis]};")
    return lines


def whole_step(parts: Sequence[Kernel | Product]) -> tuple[str, Launch]:
    """The text of the kernel, and its launch."""
    pointers: list[object] = []
    names: dict[object, str] = {}
    functions, calls = [], []
    for part in parts:
        lines = "\n".join("  " + line for line in part.body if line != ROOM)
        room = ["double (*room)[33]"] if ROOM in part.body else []
        functions.append(f"__device__ void {part.name}({', '.join([*part.arguments, *room])}) {{\n{lines}\n}}")
        given = ["place", "number"] if isinstance(part, Kernel) and part.launch.numbered else []
        for argument, pointer in zip(part.arguments[len(given) :], part.pointers, strict=True):
            key = id(pointer) if isinstance(pointer, np.ndarray) else pointer
            if key not in names:
                names[key] = f"p{len(names)}"
                pointers.append(pointer)
            given.append(f"({argument.rpartition(' ')[0]} *){names[key]}")
        calls += [f"{part.name}({', '.join([*given, *(['room'] if room else [])])});", "__syncthreads();"]
    arguments = ", ".join(["long long *place", "long long steps", *(f"char *{name}" for name in names.values())])
    body = [ROOM, "for (long long number = 0; number < steps; number++) {", *indented(calls), "}"]
    lines = "\n".join("  " + line for line in [*body, "if (threadIdx.x == 0) place[0] += steps;"])
    head = f'extern "C" __global__ void __launch_bounds__({THREADS}) whole_step({arguments})'
    launch = Launch("whole_step", 1, (THREADS, 1), pointers, True)
    return "\n".join([*functions, f"{head} {{\n{lines}\n}}"]), launch
