"""A program as launches on a device: the text of its kernels, its matrix products, and its memory."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod

import numpy as np

from ..native.calls import Refused
from ..native.passes import Pass
from ..native.program import Program, View
from .convolution import expanded
from .kernel import Final, Kernel, Launch, Partial
from .plan import Work, arena, branches, in_registers, parts_of_columns, scratch, works
from .rewrite import rounded, single, totals_of_rows, whole
from .rows import is_sum
from .whole import MEMORY, Whole, whole_step

PART = 4096  # numbers that a block adds up, where there are more than `FEW`
FEW = 4 * PART
PARTS = 256  # blocks that add up one total

ROUND = """
__device__ unsigned short bf16(float x) {  // to the nearest, halves to even; the bits of what is not a number stay so
  const unsigned u = __float_as_uint(x);
  return (unsigned short)((u & 0x7fffffffu) > 0x7f800000u ? u >> 16 | 64 : (u + 0x7fff + (u >> 16 & 1)) >> 16);
}
"""
ROUNDED = """
extern "C" __global__ void rounded(float *given, unsigned short *made, long long size) {
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long e = (long long)blockIdx.x * blockDim.x + threadIdx.x; e < size; e += stride) made[e] = bf16(given[e]);
}
"""
PRELUDE = """
#ifndef WIDTH
#define WIDTH 32
#endif
template <class T> struct alignas(4 * sizeof(T)) Four { T v[4]; };
struct Add { template <class T> __device__ T operator()(T a, T b) const { return a + b; } };
struct Max { template <class T> __device__ T operator()(T a, T b) const { return a >= b || a != a ? a : b; } };
struct Min { template <class T> __device__ T operator()(T a, T b) const { return a <= b || a != a ? a : b; } };
struct Warp {
  static __device__ I lane() { return threadIdx.x % WIDTH; }
  static __device__ I lanes() { return WIDTH; }
  static __device__ I first() { return (BLOCK * blockDim.x + threadIdx.x) / WIDTH; }
  static __device__ I teams() { return BLOCKS * blockDim.x / WIDTH; }
  static __device__ void sync() { __syncwarp(); }
  template <class T, class F> static __device__ T all(T v, F f) {
    for (int k = WIDTH / 2; k; k /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, k));
    return v;
  }
};
struct Block {
  static __device__ I lane() { return threadIdx.x; }
  static __device__ I lanes() { return blockDim.x; }
  static __device__ I first() { return BLOCK; }
  static __device__ I teams() { return BLOCKS; }
  static __device__ void sync() { __syncthreads(); }
  template <class T, class F> static __device__ T all(T v, F f) {
    __shared__ T room[32];
    v = Warp::all(v, f);
    if (threadIdx.x % WIDTH == 0) room[threadIdx.x / WIDTH] = v;
    __syncthreads();
    v = room[0];
    for (unsigned k = 1; k < blockDim.x / WIDTH; k++) v = f(v, room[k]);
    __syncthreads();
    return v;
  }
};
"""
GRID = "#define BLOCK ((I)blockIdx.x)\n#define BLOCKS ((I)gridDim.x)"
ALONE = "#define BLOCK ((I)0)\n#define BLOCKS ((I)1)"  # every block does all of its member
ADVANCE = """
extern "C" __global__ void next_steps(long long *place, long long steps) {
  if (threadIdx.x == 0) place[0] += steps;
}
"""


@dataclass
class Module:
    """A program as launches of the kernels of one text, and passes that are matrix products."""

    text: str
    steps: list[Launch | Pass]
    places: dict[int, int]  # temporary buffer -> where it begins
    size: int  # bytes of all temporary buffers together
    copies: dict[int, int]  # of leaves that last from step to step: the buffers of their rounded copies, likewise
    sizes: list[int]  # bytes of each buffer
    together: Whole | None  # all steps as one kernel, in place of the others
    beside: dict[int, int]  # the steps that run beside others, and the first that waits for them
    works: list[Work]  # what each step does
    held: set[int]  # buffers that need no memory


@dataclass(frozen=True)
class Blocks:
    """How many blocks a step may be: one for each of the members, if it is a population, which are axis 0 of the leaves
    `own`; and how many bytes of memory a block can have for itself."""

    members: int
    own: Sequence[int]
    near: int


def module(
    program: Program,
    sources: Sequence[int],
    precision: str = "",
    lasting: int = 0,
    *,
    branching: bool = False,
    blocks: Blocks | None = None,
) -> Module:
    """The program for the device; sources: as `works` has them; lasting: as `rounded` has it. Raises Refused.

    branching: let products run beside other launches where nothing waits for them.
    blocks: make one kernel of all, where the step, or that of each member, is small enough for one block.
    """
    program, copies = totals_of_rows(single(expanded(program))), {}
    if precision == "bf16":
        with_copies = rounded(program, lasting)
        program, copies = with_copies.program, with_copies.copies
    found = Module("", [], {}, 0, copies, program.sizes, None, {}, [], set())
    if blocks:
        with suppress(Refused):
            every = {leaf: copies.get(leaf, -1) for leaf in range(lasting)}
            found.together = whole_step(program, sources, every, blocks.members, blocks.own, blocks.near)
            found.text = _text(ALONE, [ROUNDED if copies else "", found.together.text], [])
            found.places, found.size = {MEMORY: 0}, found.together.size
            return found
    plan = works(program, sources)
    found.held = in_registers(plan, program.leaves)
    texts: list[str] = []
    for work in plan:
        for part in _parts(work, program) if work.kind != "matmul" else [work]:
            found.works.append(part)
            if work.kind == "matmul":
                found.steps.append(work.first)
                continue
            kernel = Kernel(f"k{len(texts)}", part, found.held, sources)
            texts.append(kernel.text)
            found.steps.append(kernel.launch)
    found.beside = branches(found.works) if branching else {}
    found.places, found.size = arena(found.works, program, found.held | set(copies.values()), found.beside)
    found.text = _text(GRID, [ROUNDED if copies else "", ADVANCE, *texts], plan)
    return found


def _text(grid: str, texts: Sequence[str], plan: Sequence[Work]) -> str:
    passes = [p for work in plan for p in work.passes]
    reach = [extent(v) for work in plan if work.kind != "batch" for p in work.passes for v in p.views()]
    index = "int" if max([0, *(prod(p.shape) for p in passes), *reach]) < 2**30 else "long long"
    return "\n".join([f"typedef {index} I;", grid, ROUND, PRELUDE, *texts])


def extent(view: View) -> int:
    """How many elements there are from the view's first to its last."""
    steps = zip(view.shape, view.strides, strict=True)
    return 1 + sum((n - 1) * abs(stride) // view.dtype.itemsize for n, stride in steps)


def _parts(work: Work, program: Program) -> list[Work]:
    """A total of many numbers, or sums of many rows for few columns, as two launches: the sums of parts, their sum."""
    if work.kind not in ("total", "columns"):
        return [work]
    p = work.passes[-1]
    kind = np.dtype("float64" if is_sum(p) else p.op.output.dtype)
    level = p.reduced[0]
    if work.kind == "total":
        outer, inner = prod(p.shape[:level]), prod(p.shape[level:])
        count = min(-(-inner // PART), PARTS) if inner > FEW else 1
        shape = outer, count
    else:
        length = p.shape[level]
        count, size = parts_of_columns(length, prod(p.shape) // length), prod(p.shape) // length
        shape = count, size
    if count == 1:
        return [work]
    view = whole(scratch(program, prod(shape) * kind.itemsize), shape, kind)
    return [Partial(work.kind, work.items, view), Final(work.kind, work.items, view)]
