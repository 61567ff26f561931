"""A whole step as one kernel of one block a member, for networks so small that launching takes longer than computing.

The kernels of a step are right with any number of threads, so they follow each other as functions of one kernel, each
after the last thread of the one before; matrix products are plain loops, two rows and four columns to a thread. What
lasts from step to step, and the rest where there is room, lies in the memory that a multiprocessor has for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..native.calls import Refused
from ..native.passes import Pass
from ..native.product import matrices
from ..native.program import Program, View
from .expressions import Expressions, indented
from .formulas import type_name
from .kernel import BLOCKS, Kernel, Launch
from .members import Member, member_of
from .plan import Work, aligned, arena, in_registers, works
from .rewrite import BITS

MOST = 2**21  # multiplications of a member's step up to which one block is tried
THREADS = 512
ROOM = "__shared__ double room[32][33];"  # of a sum of columns: one for all of them
MEMORY = -1  # the number of the buffer that the whole step needs
SHARED = """
#ifdef __CUDACC__
#define NEAR(size) extern __shared__ __align__(256) char nearby[];
#else
#define NEAR(size) alignas(256) static char nearby[size];
#endif
__device__ float up(unsigned short bits) { return __uint_as_float((unsigned)bits << 16); }
__device__ void copied(char *to, const char *from, int size) {
  const int words = size % 4 ? 0 : size / 4;
  for (int e = threadIdx.x; e < words; e += blockDim.x) ((unsigned *)to)[e] = ((const unsigned *)from)[e];
  for (int e = 4 * words + threadIdx.x; e < size; e += blockDim.x) to[e] = from[e];
}
"""


@dataclass(frozen=True)
class Whole:
    """The text of a kernel for one or more steps, and of `next_steps`; their numbers are those of the steps done.

    size: bytes of memory, the buffer `MEMORY`; after: the pointers of next_steps.
    """

    text: str
    launch: Launch
    size: int
    after: list[Any]


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
        up = "up" if a.dtype == BITS else ""
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
            f"    const {kind} u = {up}({x}[a + i * {ai} + r * {ar}]), v = {up}({x}[a + next * {ai} + r * {ar}]);",
            *(f"    const {kind} w{q} = {up}({y}[b + r * {br} + {j} * {bj}]);" for q, j in enumerate(COLUMNS)),
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


def whole_step(
    program: Program, sources: Sequence[int], copies: Mapping[int, int], members: int, own: Sequence[int], near: int
) -> Whole:
    """The step as one kernel. Raises Refused where that of a member is too large for a block.

    copies: the leaves that last from step to step, and the buffers of their rounded copies, or -1 where there is none.
    members, own: as `member_of` has them. near: bytes of memory that a block can have for itself.
    """
    member = member_of(program, members, own, sources[0] if sources else None)
    inner, more = member.program, len(member.constants)
    plan = works(inner, sources)
    products = sum(prod(w.first.shape) * w.first.op.inputs[0].shape[-1] for w in plan if w.kind == "matmul")
    if products > MOST or max(inner.sizes) >= 2**30:
        raise Refused("too large for one block")
    written = {p.op.output.buffer for work in plan for p in work.passes}
    bases: dict[int, Any] = {leaf: (leaf, 0) for leaf in copies}  # what lasts: where the first member's part is
    bases |= {copy + more: (copy, 0) for copy in copies.values() if copy >= 0}
    bases |= {program.leaves + i: array for i, array in enumerate(member.constants)}
    bases = {b: base for b, base in bases.items() if b in member.own or b in written or not member.own}
    held = in_registers(plan, inner.leaves)
    text = _Text(member, sources, held)
    for work in plan:
        text.add(work)
    return text.whole(bases, written, *arena(plan, inner, held | set(bases)), near)


class _Text:
    """The kernel while it is put together."""

    def __init__(self, member: Member, sources: Sequence[int], held: set[int]) -> None:
        self.member, self.sources, self.held = member, sources, held
        self.parts: list[Kernel | Product] = []
        self.pointers: list[Any] = [(MEMORY, 0)]
        self.names: dict[Any, str] = {(MEMORY, 0): "memory"}

    def add(self, work: Work) -> None:
        """One more function."""
        name = f"part{len(self.parts)}"
        one = work.kind == "matmul"
        self.parts.append(Product(name, work.first) if one else Kernel(name, work, self.held, self.sources))

    def given(self, pointer: Any) -> str:
        """The name of the argument with this pointer."""
        key = id(pointer) if isinstance(pointer, np.ndarray) else pointer
        if key not in self.names:
            self.names[key] = f"p{len(self.pointers)}"
            self.pointers.append(pointer)
        return self.names[key]

    def whole(
        self, bases: Mapping[int, Any], written: set[int], places: Mapping[int, int], temporary: int, near: int
    ) -> Whole:
        """The kernel. places, temporary: of what lasts for a step alone."""
        sizes, count = self.member.program.sizes, self.member.count
        where: dict[int, str] = {}
        begin, end, after, size = [], [], [], 0
        for b, base in bases.items():
            where[b], name, part = f"nearby + {size}", self.given(base), f" + member * {sizes[b]}"
            own = part if b in self.member.own else ""
            begin.append(f"copied({where[b]}, {name}{own}, {sizes[b]});")
            if b in written and (own or count == 1):
                end.append(f"copied({name}{own}, {where[b]}, {sizes[b]});")
            elif b in written:
                after.append((b, base))
            size += aligned(sizes[b])
        if size > near:
            raise Refused("more numbers than a block has room for")
        apart = size + temporary > near
        begins, blocks = 0 if apart else size, min(count, BLOCKS)
        where |= {b: f"{'far' if apart else 'nearby'} + {begins + place}" for b, place in places.items()}
        total = blocks * temporary if apart else 0
        lasting = []
        for b, base in after:  # every block counts for itself; the first member's count is kept when all are done
            end.append(f"if (member == 0) copied(memory + {total}, {where[b]}, {sizes[b]});")
            lasting.append(((MEMORY, total), base, sizes[b]))
            total += aligned(sizes[b])
        room = size + (0 if apart else temporary)
        body = [
            ROOM,
            f"NEAR({max(room, 1)})",
            f"char *far = memory + blockIdx.x * {temporary if apart else 0}LL;",
            f"for (long long member = blockIdx.x; member < {count}; member += gridDim.x) {{",
            *indented([*begin, "__syncthreads();"]),
            "  for (long long number = 0; number < steps; number++) {",
            *indented(indented([line for part in self.parts for line in self._call(part, where)])),
            "  }",
            *indented([*end, "__syncthreads();"]),
            "}",
        ]
        arguments = ", ".join(["long long *place, long long steps", *(f"char *{name}" for name in self.names.values())])
        head = f'extern "C" __global__ void __launch_bounds__({THREADS}) whole_step({arguments})'
        texts = [SHARED, *map(_function, self.parts), _kernel(head, body), _advance([n for _, _, n in lasting])]
        launch = Launch("whole_step", blocks, (THREADS, 1), self.pointers, True, room)
        return Whole("\n".join(texts), launch, total, [x for a, b, _ in lasting for x in (a, b)])

    def _call(self, part: Kernel | Product, where: Mapping[int, str]) -> list[str]:
        given = []
        if isinstance(part, Kernel) and part.launch.numbered:
            own = f"(place[0] + number) * {self.member.count} + member - place[0]"
            given = ["place", own if self.sources[0] in self.member.own else "number"]
        for argument, pointer in zip(part.arguments[len(given) :], part.pointers, strict=True):
            if isinstance(pointer, np.ndarray):
                base, offset = self.given(pointer), 0
            else:
                buffer, offset = pointer
                base = where.get(buffer) or self.given((buffer, 0))
            given.append(f"({argument.rpartition(' ')[0]} *)({base} + {offset})")
        room = ["room"] if ROOM in part.body else []
        return [f"{part.name}({', '.join([*given, *room])});", "__syncthreads();"]


def _function(part: Kernel | Product) -> str:
    room = ["double (*room)[33]"] if ROOM in part.body else []
    head = f"__device__ void {part.name}({', '.join([*part.arguments, *room])})"
    return _kernel(head, [line for line in part.body if line != ROOM])


def _kernel(head: str, body: Sequence[str]) -> str:
    return "\n".join([f"{head} {{", *indented(body), "}"])


def _advance(sizes: Sequence[int]) -> str:
    pairs = "".join(f", char *from{i}, char *to{i}" for i in range(len(sizes)))
    head = f'extern "C" __global__ void next_steps(long long *place, long long steps{pairs})'
    body = [f"copied(to{i}, from{i}, {n});" for i, n in enumerate(sizes)]
    return _kernel(head, [*body, "if (threadIdx.x == 0) place[0] += steps;"])
