"""A stand-in for a CUDA device on the host: its kernels compiled by a C++ compiler, its matrix products by plain loops.

It refuses what a device refuses while a graph is captured, and its memory is filled with what is not a number.
"""

import atexit
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np

from nnx.backends.cuda.lt import Products, load

COMPILER = shutil.which("g++")
SANITIZE = ("-g", "-fsanitize=thread") if "NNX_RACES" in os.environ else ()  # see ci/races
FOLDER = Path(os.environ.get("NNX_TESTS_COMPILED") or tempfile.mkdtemp(prefix="nnx-tests-"))
if "NNX_TESTS_COMPILED" not in os.environ:  # not in the tests, whose folder goes with the last of their processes
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
COMMON = """
#include <cmath>
#include <cstring>
#include <functional>
using namespace std;
inline unsigned __float_as_uint(float x) { unsigned u; memcpy(&u, &x, 4); return u; }
inline float __uint_as_float(unsigned u) { float x; memcpy(&x, &u, 4); return x; }
#define __global__
#define __device__
#define __launch_bounds__(n)
#define __shared__ static
struct Three { unsigned x, y, z; };
"""
ONE_THREAD = (
    COMMON
    + """
#include <cmath>
#include <cstring>
#define WIDTH 1
static Three threadIdx{0, 0, 0}, blockIdx{0, 0, 0}, blockDim{1, 1, 1}, gridDim{1, 1, 1};
inline void __syncthreads() {}
inline void __syncwarp() {}
template <class T> T __shfl_xor_sync(unsigned, T v, int) { return v; }
#ifdef FLUSH
#include <immintrin.h>
template <class F> void run(unsigned, unsigned, unsigned, F f) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // flush to zero, denormals are zero
  f();
  _mm_setcsr(before);
}
#else
template <class F> void run(unsigned, unsigned, unsigned, F f) { f(); }
#endif
"""
)
IN_TURN = (
    COMMON
    + """
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <ucontext.h>
static Three threadIdx, blockIdx, blockDim, gridDim;
enum State { READY, AT_WARP, AT_BLOCK, DONE };  // AT_WARP waits for the others of its warp, AT_BLOCK for all
struct Thread { ucontext_t context; Three at; State state; char stack[1 << 15]; };
static Thread threads[128];
static ucontext_t home;
static function<void()> kernel;
static double room[128];
static int now;
static void wait_as(State state) {
  threads[now].state = state;
  swapcontext(&threads[now].context, &home);
}
static void begin() { kernel(); wait_as(DONE); }
inline void __syncthreads() { wait_as(AT_BLOCK); }
inline void __syncwarp() { wait_as(AT_WARP); }
template <class T> T __shfl_xor_sync(unsigned, T v, int k) {
  int own = now;
  memcpy(&room[own], &v, sizeof v);
  __syncwarp();
  memcpy(&v, &room[own ^ k], sizeof v);
  __syncwarp();
  return v;
}
static int count(State state, int from, int to) {
  int n = 0;
  for (int t = from; t < to; t++) n += threads[t].state == state;
  return n;
}
static void release(State state, int from, int to) {
  for (int t = from; t < to; t++) if (threads[t].state == state) threads[t].state = READY;
}
template <class F> void run(unsigned blocks, unsigned x, unsigned y, F f) {
  blockDim = {x, y, 1}; gridDim = {blocks, 1, 1}; kernel = f;
  const int n = x * y;
  for (unsigned b = 0; b < blocks; b++) {
    blockIdx = {b, 0, 0};
    for (int t = 0; t < n; t++) {
      Thread &own = threads[t];
      getcontext(&own.context);
      own.context.uc_stack.ss_sp = own.stack; own.context.uc_stack.ss_size = sizeof own.stack;
      makecontext(&own.context, begin, 0);
      own.at = {t % x, t / x, 0}; own.state = READY;
    }
    for (int turn = 0; count(DONE, 0, n) < n; turn++) {
      if (!count(READY, 0, n)) abort();  // threads that wait for each other
      for (int k = 0; k < n; k++) {  // from the first to the last, then from the last to the first
        now = turn % 2 ? n - 1 - k : k;
        threadIdx = threads[now].at;
        if (threads[now].state == READY) swapcontext(&home, &threads[now].context);
      }
      for (int w = 0; w < n; w += 32) {
        int end = min(w + 32, n);
        if (count(AT_WARP, w, end) + count(DONE, w, end) == end - w) release(AT_WARP, w, end);
      }
      if (count(AT_BLOCK, 0, n) + count(DONE, 0, n) == n) release(AT_BLOCK, 0, n);
    }
  }
}
"""
)
MANY_THREADS = (
    COMMON
    + """
#include <barrier>
#include <cmath>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>
static thread_local Three threadIdx, blockIdx;
static Three blockDim, gridDim;
static barrier<> *whole, *warps[32];
static double room[1024];
static int own() { return threadIdx.x + threadIdx.y * blockDim.x; }
inline void __syncthreads() { whole->arrive_and_wait(); }
inline void __syncwarp() { warps[own() / 32]->arrive_and_wait(); }
template <class T> T __shfl_xor_sync(unsigned, T v, int k) {
  memcpy(&room[own()], &v, sizeof v);
  __syncwarp();
  memcpy(&v, &room[own() ^ k], sizeof v);
  __syncwarp();
  return v;
}
template <class F> void run(unsigned blocks, unsigned x, unsigned y, F f) {
  blockDim = {x, y, 1}; gridDim = {blocks, 1, 1};
  for (unsigned b = 0; b < blocks; b++) {  // one block after another: __shared__ is static
    barrier<> all(x * y); whole = &all;
    vector<unique_ptr<barrier<>>> parts;
    for (unsigned w = 0; w < (x * y + 31) / 32; w++) {
      parts.push_back(make_unique<barrier<>>(min(32u, x * y - 32 * w))); warps[w] = parts[w].get();
    }
    vector<thread> threads;
    for (unsigned t = 0; t < x * y; t++)
      threads.emplace_back([&, t] { threadIdx = {t % x, t / x, 0}; blockIdx = {b, 0, 0}; f(); });
    for (auto &t : threads) t.join();
  }
}
"""
)
RUN = 'extern "C" void run_{0}(unsigned b, unsigned x, unsigned y, {1}) {{ run(b, x, y, [=] {{ {0}({2}); }}); }}'
PRODUCTS = """
#include <cstdint>
#include <cstring>
struct Layout { int type; uint64_t rows, cols; int64_t ld; int32_t count; int64_t offset; };
struct Desc { int compute, scale; int32_t a, b; int epilogue; };
struct Result { uint64_t algorithm[8]; size_t workspace; int32_t state; float waves; int32_t reserved[4]; };
struct Preference { uint64_t workspace; uint32_t aligned[4]; };
extern "C" {
int cublasLtCreate(void **h) { *h = new int(1); return 0; }
int cublasLtMatmulDescCreate(void **d, int compute, int scale) { *d = new Desc{compute, scale, 0, 0, 0}; return 0; }
int cublasLtMatmulDescSetAttribute(void *d, int a, const void *v, size_t n) {
  if (a == 7 || a == 8 || a == 11 || a == 12) return ((Desc *)d)->epilogue = 1, 0;  // known, but not computed
  if (n != 4 || (a != 3 && a != 4)) return 7;
  memcpy(a == 3 ? &((Desc *)d)->a : &((Desc *)d)->b, v, 4);
  return 0;
}
int cublasLtMatrixLayoutCreate(void **l, int type, uint64_t rows, uint64_t cols, int64_t ld) {
  if (ld < (int64_t)rows || !rows || !cols) return 7;
  *l = new Layout{type, rows, cols, ld, 1, 0};
  return 0;
}
int cublasLtMatrixLayoutSetAttribute(void *p, int a, const void *v, size_t n) {
  Layout *l = (Layout *)p;
  if (a == 5 && n == 4) memcpy(&l->count, v, 4);
  else if (a == 6 && n == 8) memcpy(&l->offset, v, 8);
  else return 7;
  return 0;
}
int cublasLtMatmulPreferenceCreate(void **p) { *p = new Preference{0, {256, 256, 256, 256}}; return 0; }
int cublasLtMatmulPreferenceSetAttribute(void *p, int a, const void *v, size_t n) {
  if (a == 1 && n == 8) memcpy(&((Preference *)p)->workspace, v, 8);
  else if (a >= 5 && a <= 8 && n == 4) memcpy(&((Preference *)p)->aligned[a - 5], v, 4);
  else return 7;
  return 0;
}
int cublasLtMatmulAlgoGetHeuristic(void *h, void *d, void *a, void *b, void *c, void *out, void *p, int want, void *r,
                                   int *found) {
  Result *result = (Result *)r;
  memset(result, 0, sizeof *result);
  memcpy(result->algorithm, ((Preference *)p)->aligned, 16);  // what it was told of the addresses
  *found = want > 0;
  return want > 0 ? 0 : 7;
}
}
struct Half {  // bfloat16
  uint16_t bits;
  operator double() const { uint32_t u = (uint32_t)bits << 16; float x; memcpy(&x, &u, 4); return x; }
};
template <class T, class R> void product(Desc *d, const T *a, Layout *A, const T *b, Layout *B, R *c, Layout *C) {
  uint64_t m = C->rows, n = C->cols, k = d->a ? A->rows : A->cols;
  for (int q = 0; q < C->count; q++, a += A->offset, b += B->offset, c += C->offset)
    for (uint64_t i = 0; i < m; i++)
      for (uint64_t j = 0; j < n; j++) {
        double s = 0;
        for (uint64_t r = 0; r < k; r++)
          s += (double)(d->a ? a[r + i * A->ld] : a[i + r * A->ld]) * (d->b ? b[j + r * B->ld] : b[r + j * B->ld]);
        c[i + j * C->ld] = (R)s;
      }
}
extern "C" int cublasLtMatmul(void *h, void *desc, const void *alpha, const void *a, void *la, const void *b, void *lb,
                              const void *beta, const void *c, void *lc, void *out, void *lo, const void *algorithm,
                              void *workspace, size_t size, void *stream) {
  Desc *d = (Desc *)desc;
  Layout *A = (Layout *)la, *B = (Layout *)lb, *C = (Layout *)lo;
  const uint32_t *aligned = (const uint32_t *)algorithm;
  const void *places[4] = {a, b, c, out};  // the first is the left factor column by column
  for (int i = 0; i < 4; i++) if (!aligned[i] || (uintptr_t)places[i] % aligned[i]) return 14;
  if (d->epilogue) return 15;
  bool halves = A->type == 14 && C->type == 0;  // factors of bfloat16
  if (A->type != B->type || (A->type != C->type && !halves)) return 15;
  if (d->scale != C->type || (size && !workspace) || c != out) return 15;
  if ((d->a ? A->cols : A->rows) != C->rows || (d->b ? B->rows : B->cols) != C->cols) return 7;
  if ((d->a ? A->rows : A->cols) != (d->b ? B->cols : B->rows)) return 7;
  if (A->count != C->count || B->count != C->count) return 7;
  bool single = d->compute == 68 || (d->compute == 77 && !halves);
  if (halves && *(float *)alpha == 1 && *(float *)beta == 0 && single)
    product((Desc *)d, (const Half *)a, A, (const Half *)b, B, (float *)out, C);
  else if (A->type == 0 && *(float *)alpha == 1 && *(float *)beta == 0 && single)
    product((Desc *)d, (const float *)a, A, (const float *)b, B, (float *)out, C);
  else if (A->type == 1 && *(double *)alpha == 1 && *(double *)beta == 0 && d->compute == 70)
    product((Desc *)d, (const double *)a, A, (const double *)b, B, (double *)out, C);
  else return 15;
  return 0;
}
"""


@cache
def library(text, *options):
    """The path of the text compiled to a library."""
    options = options or ("-O1", "-std=c++17")
    return str(compiled(text, ".so", "c++", "-shared", *options))


@cache
def header(text, *options):
    """A line that includes the text, read by the compiler once: that takes it longer than a kernel does."""
    path = compiled(text, ".h.gch", "c++-header", *options).with_suffix("")
    return f'#include "{path}"'


def compiled(text, suffix, language, *options):
    """The path of what the compiler makes of the text, once for all processes of the tests."""
    path = FOLDER / (hashlib.sha256((text + repr(options)).encode()).hexdigest()[:24] + suffix)
    if not path.exists():
        own, source = path.with_suffix(f".{os.getpid()}"), path.with_suffix(f".{os.getpid()}.h")
        source.write_text(text)
        command = [COMPILER, "-fPIC", "-ffp-contract=off", "-w", *options, "-x", language, source, "-o", own]
        subprocess.run(command, check=True)
        os.replace(source, path.with_suffix(""))
        os.replace(own, path)
    return path


SIDE = 2  # the stream at the side


class Graph:
    """Calls in the order in which they were captured."""

    def __init__(self):
        self.calls = []
        self.late, self.done = [], 0  # what is at the side, and how many of it have been waited for

    def __call__(self):
        for call in self.calls:
            call()


class HostDevice:
    """NumPy memory as a device; while a graph is captured, nothing but kernels and products is allowed.

    threads: run two blocks of two warps, each thread until it waits for others, in turn; with NNX_RACES as threads of
        the host. Else one does the work of all. A kernel is right with any number.
    late: do what is at the side only when it is waited for; else at once. Both must be right.
    near: bytes of memory that a block can have for itself.
    flush: in kernels of float32, what is too small for full precision is 0, as CuPy's compiler has it.
    """

    def __init__(self, *, threads=False, precision="", flush=False, late=True, near=200_000):
        self.late, self.near = late, near
        self.graph = None
        self.text = ""
        self.threads, self.precision, self.flush = threads, precision, flush

    def allow(self):
        assert self.graph is None, "memory was asked for, or looked at, while a graph was captured"

    def upload(self, x):
        self.allow()
        return np.array(x)

    def empty(self, bytes):
        self.allow()
        block = np.full(bytes + 256, 255, dtype=np.uint8)  # every float in it is not a number
        start = -block.ctypes.data % 256
        return block[start : start + bytes]

    def address(self, x):
        self.allow()
        return x.ctypes.data

    def kernels(self, text):
        self.text = text
        found = re.findall(r'extern "C" __global__ void .*?(\w+)\(([^()]*)\) {', text)
        runs = [RUN.format(name, kinds, ", ".join(re.findall(r"(\w+)(?:,|$)", kinds))) for name, kinds in found]
        if "NNX_NO_BARRIERS" in os.environ:
            text = text.replace("  T::sync();", "")
        small = ("-DFLUSH",) if self.flush and re.search(r"float \*", text) else ()
        options = "-O1", "-std=c++20", "-pthread", *SANITIZE, *small
        many = MANY_THREADS if SANITIZE else IN_TURN
        head = header(many if self.threads else ONE_THREAD, *options)
        lib = ctypes.CDLL(library("\n".join([head, text, *runs]), *options))

        def function(name):
            run = getattr(lib, f"run_{name}")

            def launch(blocks, threads, arguments, near=0):
                x, y = min(threads[0], 64), min(threads[1], 2)
                sizes = (min(blocks, 2), x, y) if self.threads else (1, 1, 1)
                self.do(partial(run, *map(ctypes.c_uint, sizes), *map(ctypes.c_void_p, arguments)))

            return launch

        return function

    def do(self, call):
        if self.graph is None:
            call()
        else:
            self.graph.calls.append(call)

    def products(self, *, aside=False):
        self.workspace = self.empty(1)
        return Products(self.lib(), self.address(self.workspace), self.precision)

    def side(self, stream):
        return SIDE

    def mark(self, stream):
        return len(self.graph.late) if self.graph else 0

    def wait(self, stream, marks):
        """What was left for later is done when it is waited for, at the latest."""
        if self.graph:
            for mark in marks:
                self.graph.calls += self.graph.late[self.graph.done : mark]
                self.graph.done = max(self.graph.done, mark)

    def lib(self):
        """The stand-in for cuBLASLt."""
        return _Lib(self, load(library(PRODUCTS)))

    def begin(self):
        """From now on launches are captured, and done when the graph that `end` gives is called."""
        self.allow()
        self.graph = Graph()

    def end(self):
        graph, self.graph = self.graph, None
        return graph

    def capture(self, run):
        run(0)
        self.begin()
        run(0)
        return self.end()


class _Lib:
    """cuBLASLt, of which only the product itself is allowed while a graph is captured."""

    def __init__(self, device, lib):
        self.device, self.lib = device, lib

    def __getattr__(self, name):
        self.device.allow()
        return getattr(self.lib, name)

    def cublasLtMatmul(self, *arguments):
        if self.device.graph is None:
            return self.lib.cublasLtMatmul(*arguments)
        graph = self.device.graph
        late = arguments[-1] == SIDE and self.device.late
        (graph.late if late else graph.calls).append(partial(self.lib.cublasLtMatmul, *arguments))
        return 0
