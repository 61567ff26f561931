"""A program as launches on a device: the text of its kernels, its matrix products, and its memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ..native.program import Program, View
from ..native.schedule import Pass
from .kernel import Final, Kernel, Launch, Partial
from .plan import Work, arena, branches, in_registers, parts_of_columns, scratch, works
from .rewrite import rounded, single, totals_of_rows, whole
from .rows import is_sum
from .whole import Product, fits, whole_step

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
  static __device__ I first() { return ((I)blockIdx.x * blockDim.x + threadIdx.x) / WIDTH; }
  static __device__ I teams() { return (I)gridDim.x * blockDim.x / WIDTH; }
  static __device__ void sync() { __syncwarp(); }
  template <class T, class F> static __device__ T all(T v, F f) {
    for (int k = WIDTH / 2; k; k /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, k));
    return v;
  }
};
struct Block {
  static __device__ I lane() { return threadIdx.x; }
  static __device__ I lanes() { return blockDim.x; }
  static __device__ I first() { return blockIdx.x; }
  static __device__ I teams() { return gridDim.x; }
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
ADVANCE = """
extern "C" __global__ void next_steps(long long *place, long long steps) {
  if (blockIdx.x == 0 && threadIdx.x == 0) place[0] += steps;
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
    together: Launch | None  # all steps as one kernel of one block; its number is that of the steps to do
    beside: dict[int, int]  # the steps that run beside others, and the first that waits for them
    works: list[Work]  # what each step does
    held: set[int]  # buffers that need no memory


def module(
    program: Program,
    sources: Sequence[int],
    precision: str = "",
    lasting: int = 0,
    *,
    branching: bool = False,
    together: bool = False,
) -> Module:
    """The program for the device; sources: as `works` has them; lasting: as `rounded` has it. Raises Refused.

    branching: let products run beside other launches where nothing waits for them.
    together: make one kernel of all, where the step is small enough for one block.
    """
    program, copies = totals_of_rows(single(program)), {}
    if precision == "bf16":
        with_copies = rounded(program, lasting)
        program, copies = with_copies.program, with_copies.copies
    plan = works(program, sources)
    held = in_registers(plan, program.leaves)
    apart = held | set(copies.values())
    passes = [p for work in plan for p in work.passes]
    reach = [*(extent(v) for work in plan if work.kind != "batch" for p in work.passes for v in p.views())]
    index = "int" if max(*(prod(p.shape) for p in passes), *reach) < 2**30 else "long long"
    texts: list[str] = []
    parts: list[Kernel | Product] = []
    small = together and fits(plan)
    steps: list[Launch | Pass] = []
    done: list[Work] = []
    for work in plan:
        if work.kind == "matmul":
            steps.append(work.first)
            done.append(work)
            small = small and not precision
            if small:
                parts.append(Product(f"product{len(parts)}", work.first))
            continue
        for part in _parts(work, program):
            kernel = Kernel(f"k{len(texts)}", part, held, sources)
            texts.append(kernel.text)
            parts.append(kernel)
            steps.append(kernel.launch)
            done.append(part)
    beside = branches(done) if branching else {}
    places, size = arena(done, program, apart, beside)
    one = None
    if small:
        own, one = whole_step(parts)
        texts = [own]
    text = "\n".join([f"typedef {index} I;", ROUND, ROUNDED if copies else "", PRELUDE, ADVANCE, *texts])
    return Module(text, steps, places, size, copies, program.sizes, one, beside, done, held)


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
