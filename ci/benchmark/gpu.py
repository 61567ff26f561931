"""The rivals on a GPU: the same networks and steps as in rivals.py, the whole data on the device.

NNX_BENCH_DEVICE=cpu runs small forms of the workloads on the CPU, to try the code (`ci/gpu second --dry`).
"""

import math
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import rivals
from rivals import BETA1, BETA2, EPSILON, RATE, Workload, nnx_on
from scale import member_step

DEVICE = os.environ.get("NNX_BENCH_DEVICE", "cuda")
SHARED = Path(tempfile.gettempdir()) / "nnx-benchmark"  # the data, made once for all rivals


@dataclass(frozen=True)
class Task(Workload):
    """A workload with the precision of its matrix products: "", "tf32" or "bf16"."""

    precision: str = ""

    def data(self):
        """Normals and labels at random: made once, float32, and read from one file by all."""
        rows, features, classes = self.batch * self.batches, self.sizes[0], self.sizes[-1]
        file = SHARED / f"{rows}x{features}.npy"
        if not file.exists():
            SHARED.mkdir(exist_ok=True)
            own = file.with_suffix(f".{os.getpid()}.npy")
            np.save(own, np.random.default_rng(0).standard_normal((rows, features), dtype=np.float32))
            own.replace(file)
        return np.load(file), np.random.default_rng(1).integers(0, classes, rows)

    def small(self):
        """The same on a CPU: narrow, and few batches."""
        sizes = tuple(min(s, 48) for s in self.sizes)
        members = {"members": min(self.members, 4)} if isinstance(self, Members) else {}
        precision = "" if DEVICE == "cpu" else self.precision
        return replace(self, sizes=sizes, batch=min(self.batch, 32), batches=4, precision=precision, **members)


@dataclass(frozen=True)
class Members(Task):
    """Many networks of one shape that are trained at once on the same batches, each from weights of its own."""

    members: int = 1

    def weights(self):
        rng = np.random.default_rng(1)
        pairs = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        W = [(rng.uniform(-1, 1, size=(self.members, *p)) * math.sqrt(6 / sum(p))).astype(np.float32) for p in pairs]
        return W, [np.zeros((self.members, p[1]), dtype=np.float32) for p in pairs]


WORKLOADS = {
    w.name: w
    for w in (
        Task("32-64-64-2 batch 32", (32, 64, 64, 2), 32, 2000),
        Task("784-256-256-10 batch 128", (784, 256, 256, 10), 128, 1000),
        Task("784-256-256-10 batch 128 tf32", (784, 256, 256, 10), 128, 1000, "tf32"),
        Task("4 x 1024 batch 1024 tf32", (1024,) * 5, 1024, 200, "tf32"),
        Task("4 x 1024 batch 1024 bf16", (1024,) * 5, 1024, 200, "bf16"),
        Task("4 x 4096 batch 8192 bf16", (4096,) * 5, 8192, 8, "bf16"),
        Task("4 x 8192 batch 8192 bf16", (8192,) * 5, 8192, 4, "bf16"),
    )
}
POPULATIONS = {
    f"{k} at once, 32-64-64-2": Members(f"{k} at once, 32-64-64-2", (32, 64, 64, 2), 32, n, members=k)
    for k, n in ((1, 2000), (32, 1000), (1024, 200))
}
if DEVICE == "cpu":
    WORKLOADS, POPULATIONS = ({name: w.small() for name, w in ws.items()} for ws in (WORKLOADS, POPULATIONS))


def nnx_cupy(compiled):
    """nnx on CuPy through its public `fit`."""

    def run(work, tick):
        import nnx

        nnx_on(nnx.backend("cupy", precision=work.precision), compiled)(work, tick)

    return run


def nnx_jax(work, tick):
    """nnx on JAX through its public `fit`."""
    import nnx

    name = "jax:gpu" if DEVICE == "cuda" else "jax"
    nnx_on(nnx.backend(name, precision=work.precision), "auto")(work, tick)


def nnx_members(work, tick):
    """A population on CuPy, each step for all members, captured."""
    import nnx
    from nnx.random import seed_words

    backend = nnx.backend("cupy")
    net, loss, optimizer = nnx.mlp(work.sizes[1:-1], work.sizes[-1]), nnx.SoftmaxCrossEntropy(), nnx.Adam(RATE)
    (x, y), (W, b) = work.data(), work.weights()

    with backend.scope():
        params = {f"{2 * i}.{n}": backend.floats(p) for i in range(len(W)) for n, p in (("W", W[i]), ("b", b[i]))}
        x, y, rows = backend.floats(x), backend.integers(y), backend.integers(np.stack(work.rows()))
        state = optimizer.init(params, population=(work.members,))
        zeros = np.zeros(work.members, np.float32)
        carry = {"params": params, "state": state, "total": backend.floats(zeros)}
        carry["seed"] = seed_words(tuple(range(work.members)), backend)
        loop = backend.loop(member_step(net, loss, optimizer), True)
        tick(None)
        while True:
            carry = loop(dict(carry, total=backend.floats(zeros)), x, y, None, rows, 0, work.batches)
            tick(float(backend.to_numpy(carry["total"]).mean()) / work.batches)


def in_blocks(run):
    """nnx on CuPy with the steps of small networks as one kernel, a block for each member."""

    def with_blocks(work, tick):
        from nnx.backends.cuda import loop

        loop.TOGETHER = True
        run(work, tick)

    return with_blocks


def torch_network(work):
    import torch

    net, _, x, y, rows = rivals.torch_network(work)
    net.to(DEVICE)
    torch.set_float32_matmul_precision({"": "highest", "tf32": "high", "bf16": "highest"}[work.precision])
    optimizer = torch.optim.Adam(
        net.parameters(), RATE, (BETA1, BETA2), EPSILON, fused=True, capturable=DEVICE == "cuda"
    )
    return net, optimizer, x.to(DEVICE), y.to(DEVICE), torch.stack(rows).to(DEVICE)


def torch_loss(net, x, y, precision):
    import torch

    with torch.autocast(DEVICE, torch.bfloat16, enabled=precision == "bf16"):
        z = net(x)
    return torch.nn.functional.cross_entropy(z.float(), y)


def torch_steps(work, tick, compile=None):
    """PyTorch step after step with its fused Adam; compile: the mode of torch.compile for loss and gradients."""
    import torch

    net, optimizer, x, y, batches = torch_network(work)

    def forward(rows):
        return torch_loss(net, x[rows], y[rows], work.precision)

    if compile:
        forward = torch.compile(forward, mode=compile)
    total = torch.zeros((), device=DEVICE)

    def step(rows):
        if compile == "reduce-overhead":
            torch.compiler.cudagraph_mark_step_begin()
        optimizer.zero_grad(set_to_none=True)
        loss = forward(rows)
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())

    forward(batches[0]).backward()
    optimizer.zero_grad(set_to_none=True)
    tick(None)
    while True:
        total.zero_()
        for rows in batches:
            step(rows)
        tick(float(total) / work.batches)


def torch_graph(work, tick, compiled=False):
    """PyTorch with the whole step as one CUDA graph: batch taken, gradients, fused Adam, loss added up."""
    import torch

    net, optimizer, x, y, batches = torch_network(work)
    start = {name: p.detach().clone() for name, p in net.state_dict().items()}
    forward = partial(torch_loss, net, precision=work.precision)
    if compiled:
        forward = torch.compile(forward)
    number = torch.zeros(1, dtype=torch.int64, device=DEVICE)
    total = torch.zeros((), device=DEVICE)

    def step():
        rows = batches.index_select(0, number)[0]
        optimizer.zero_grad(set_to_none=True)
        loss = forward(x.index_select(0, rows), y.index_select(0, rows))
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())
        number.add_(1)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    number.zero_()
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step()
    with torch.no_grad():  # back to the beginning
        net.load_state_dict(start)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()
    tick(None)
    while True:
        number.zero_()
        total.zero_()
        for _ in range(work.batches):
            graph.replay()
        tick(float(total) / work.batches)


def torch_members(work, tick, graph=True):
    """torch.func.vmap of value and gradient over the members, Adam by hand over all of them, as one CUDA graph."""
    import torch
    from torch.func import grad_and_value, vmap

    (x, y), (W, b) = work.data(), work.weights()
    x, y, batches = (torch.from_numpy(a).to(DEVICE) for a in (x, y, np.stack(work.rows())))
    params = tuple(torch.from_numpy(p).to(DEVICE) for p in (*W, *b))
    m, v = ([torch.zeros_like(p) for p in params] for _ in range(2))
    t, total = (torch.zeros((), device=DEVICE) for _ in range(2))
    number = torch.zeros(1, dtype=torch.int64, device=DEVICE)
    layers = len(W)

    def loss_of(params, x, y):
        for i in range(layers):
            x = x @ params[i] + params[layers + i]
            x = torch.relu(x) if i < layers - 1 else x
        return torch.nn.functional.cross_entropy(x, y)

    gradients = vmap(grad_and_value(loss_of), in_dims=(0, None, None))

    @torch.no_grad()
    def step():
        rows = batches.index_select(0, number)[0]
        grads, values = gradients(params, x.index_select(0, rows), y.index_select(0, rows))
        t.add_(1)
        rate = RATE * torch.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        torch._foreach_lerp_(m, list(grads), 1 - BETA1)
        torch._foreach_mul_(v, BETA2)
        torch._foreach_addcmul_(v, list(grads), list(grads), 1 - BETA2)
        change = torch._foreach_sqrt(v)
        torch._foreach_add_(change, EPSILON)
        change = torch._foreach_div(m, change)
        torch._foreach_mul_(change, rate)
        torch._foreach_sub_(list(params), change)
        total.add_(values.mean())
        number.add_(1)

    replay = step
    if graph and DEVICE == "cuda":
        start = [p.clone() for p in params]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            step()
        torch.cuda.current_stream().wait_stream(side)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            step()
        for p, before in zip(params, start, strict=True):
            p.copy_(before)
        for slot in (*m, *v, t):
            slot.zero_()
        replay = captured.replay
    tick(None)
    while True:
        number.zero_()
        total.zero_()
        for _ in range(work.batches):
            replay()
        tick(float(total) / work.batches)


def jax_step(work):
    """The step as a function of carry, rows and data, and the first carry; over members with vmap.

    The data is an argument: JAX writes what a function closes over into the program.
    """
    import jax
    import jax.numpy as jnp

    W, b = work.weights()
    params = [(jnp.asarray(w), jnp.asarray(c)) for w, c in zip(W, b, strict=True)]
    low = jnp.bfloat16 if work.precision == "bf16" else jnp.float32

    def product(a, w):
        return jnp.matmul(a.astype(low), w.astype(low), preferred_element_type=jnp.float32)

    def loss_of(params, x, y):
        for w, c in params[:-1]:
            x = jax.nn.relu(product(x, w) + c)
        z = product(x, params[-1][0]) + params[-1][1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1))

    gradient = jax.value_and_grad(loss_of)
    if isinstance(work, Members):
        gradient = jax.vmap(gradient, in_axes=(0, None, None))

    def step(carry, rows, x, y):
        params, m, v, t = carry
        value, grads = gradient(params, x[rows], y[rows])
        t = t + 1
        rate = RATE * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grads)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grads)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), params, m, v)
        return (params, m, v, t), jnp.mean(value)

    zeros = jax.tree.map(jnp.zeros_like, params)
    return step, (params, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.float32))


def jax_scan(work, tick):
    """JAX: an epoch as one compiled scan, state donated."""
    import jax
    import jax.numpy as jnp

    products = {"": "float32", "tf32": "tensorfloat32", "bf16": "float32"}[work.precision]
    with jax.default_matmul_precision(products):
        step, carry = jax_step(work)
        data = (jnp.asarray(np.stack(work.rows())), *map(jnp.asarray, work.data()))

        def steps(carry, batches, x, y):
            return jax.lax.scan(lambda carry, rows: step(carry, rows, x, y), carry, batches)

        epoch = jax.jit(steps, donate_argnums=0).lower(carry, *data).compile()
        tick(None)
        while True:
            carry, values = epoch(carry, *data)
            tick(float(values.mean()))


def jax_steps(work, tick):
    """JAX: each step one call of a compiled function, state donated."""
    import jax
    import jax.numpy as jnp

    products = {"": "float32", "tf32": "tensorfloat32", "bf16": "float32"}[work.precision]
    with jax.default_matmul_precision(products):
        step, carry = jax_step(work)
        batches = [jnp.asarray(rows) for rows in work.rows()]
        x, y = map(jnp.asarray, work.data())
        compiled = jax.jit(step, donate_argnums=0).lower(carry, batches[0], x, y).compile()
        tick(None)
        while True:
            values = []
            for rows in batches:
                carry, value = compiled(carry, rows, x, y)
                values.append(value)
            tick(float(jnp.stack(values).mean()))


RIVALS = {
    "nnx cupy": nnx_cupy(True),
    "nnx cupy plain": nnx_cupy(False),
    "nnx cupy blocks": in_blocks(nnx_cupy(True)),
    "nnx jax": nnx_jax,
    "PyTorch eager": torch_steps,
    "PyTorch compiled": partial(torch_steps, compile="default"),
    "PyTorch reduce-overhead": partial(torch_steps, compile="reduce-overhead"),
    "PyTorch graph": torch_graph,
    "PyTorch compiled graph": partial(torch_graph, compiled=True),
    "JAX jit": jax_steps,
    "JAX scan": jax_scan,
}
POPULATION_RIVALS = {
    "nnx cupy": nnx_members,
    "nnx cupy blocks": in_blocks(nnx_members),
    "PyTorch vmap": partial(torch_members, graph=False),
    "PyTorch vmap graph": torch_members,
    "JAX vmap scan": jax_scan,
}


USUAL = ("nnx cupy", "PyTorch eager", "PyTorch graph", "PyTorch compiled graph", "JAX scan")  # where none are named
USUAL_AT_ONCE = ("nnx cupy", "nnx cupy blocks", "PyTorch vmap", "PyTorch vmap graph", "JAX vmap scan")


def floor(work):
    """Seconds a step cannot go below: its products by cuBLASLt, factors in the precision asked for, and the bytes of
    Adam at the rate of a copy."""
    import cupy

    from nnx.backends.cuda.rounded import Rounded

    def best(call):
        call()
        times = []
        for _ in range(5):
            begin, end = cupy.cuda.Event(), cupy.cuda.Event()
            begin.record()
            for _ in range(20):
                call()
            end.record()
            end.synchronize()
            times.append(cupy.cuda.get_elapsed_time(begin, end) / 20e3)
        return statistics.median(times)

    rng, rounded, products = cupy.random.default_rng(0), Rounded(work.precision), 0.0

    def product(a, b):
        a, b, c = rounded.factor(a), rounded.factor(b), cupy.empty((a.shape[0], b.shape[1]), dtype=cupy.float32)
        return best(lambda: rounded.product(a, b, c))

    for i, (k, u) in enumerate(zip(work.sizes[:-1], work.sizes[1:], strict=True)):
        shapes = ((work.batch, k), (k, u), (work.batch, u))
        x, W, dz = (rng.standard_normal(shape, dtype=cupy.float32) for shape in shapes)
        products += product(x, W) + product(x.T, dz)
        products += product(dz, W.T) if i else 0.0
    parameters = sum((k + 1) * u for k, u in zip(work.sizes[:-1], work.sizes[1:], strict=True))
    a = cupy.ones(max(28 * parameters // 8, 1024), dtype=cupy.float32)
    b = cupy.empty_like(a)
    return products + best(lambda: cupy.copyto(b, a))


def node_seconds(count=2000):
    """Seconds of one kernel of one block in a graph of many, each after the one before."""
    import cupy

    kernel = cupy.RawKernel('extern "C" __global__ void add(float *total) { *total += 1; }', "add")
    x, stream = cupy.zeros(1, dtype=cupy.float32), cupy.cuda.Stream(non_blocking=True)
    with stream:
        kernel((1,), (1,), (x,))
        stream.synchronize()
        stream.begin_capture()
        for _ in range(count):
            kernel((1,), (1,), (x,))
        graph = stream.end_capture()
        graph.launch()
        stream.synchronize()
        started = time.perf_counter()
        for _ in range(5):
            graph.launch()
        stream.synchronize()
    return (time.perf_counter() - started) / 5 / count
