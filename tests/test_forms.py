"""Every form of `forms`: run plainly, replayed, compiled and captured it is the same, or it says why it is not."""

import os

import numpy as np
import pytest
from forms import COLUMNS, ERRORS, FORMS, REASONS, ROWS
from host_device import COMPILER, HostDevice

from nnx.backends import Plain, namespace
from nnx.backends.cuda.emit import module
from nnx.backends.cuda.loop import Captured
from nnx.backends.native.loop import Native, can_compile, recorded
from nnx.backends.native.passes import Pass
from nnx.backends.native.product import layout, matrices
from nnx.backends.native.record import Refused
from nnx.errors import BackendError

GOOD = [name for name in FORMS if name not in ERRORS]
FOLLOWED = [name for name in GOOD if name not in REASONS]
# NumPy's results without axes are numbers; those of CuPy, whose steps are captured, arrays that two names can share.
OF_NUMBERS = {"number_under_two_names", "element_under_two_names", "view_of_a_number", "longer_view_of_a_number"}
OF_NUMBERS |= {"isinstance(np.sum(x), float) * x"}
# Bits moved by more places than there are: NumPy says 0 or -1, CUDA what the processor does.
OF_NUMPY = {"k << k * 20", "(k + 100) >> k * 30"}
# each takes a while to compile: those with such words, and each eighth of the others. NNX_FORMS=1: all.
EVERY = 1 if os.environ.get("NNX_FORMS") else 8
ALWAYS = ("COLUMN", "FULL", "<<", "-k", "onto", "over", "under", "view", "written", "changes", "**")


def batches():
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(ROWS, COLUMNS)), rng.integers(0, COLUMNS, ROWS)) for _ in range(4)]


def together(names):
    """A step that does these forms one after another, and its carry."""

    def step(carry, x, k, weight, rows):
        for name in names:
            y = FORMS[name](x, carry["w"], carry["p"], carry["t"], k, namespace(x))
            kept = carry[name]
            kept *= 0.0
            kept += y
        t = carry["t"]
        t += 0.25
        return dict(carry)

    carry = start()
    for name in names:
        (x, k), given = batches()[0], start()
        with np.errstate(all="ignore"):
            y = FORMS[name](x, given["w"], given["p"], given["t"], k, namespace(x))
        carry[name] = np.zeros(np.shape(y))
    return step, carry


def start():
    rng = np.random.default_rng(1)
    p = rng.normal(size=(ROWS, COLUMNS))
    return {"w": rng.normal(size=COLUMNS), "p": p, "t": np.asarray(1.5)}


def results(loop, carry):
    """What the carry holds after each batch."""
    found, carry = [], copies(carry)
    with np.errstate(all="ignore"):
        for x, k in batches():
            carry = loop(carry, x, k, None, None, 0, 1)
            found.append(copies(carry))
    return found


def copies(tree):
    return {name: np.array(a) for name, a in tree.items()}


def check(names, loop, rtol):
    step, carry = together(names)
    for plain, fast in zip(results(Plain(step), carry), results(loop(step), carry), strict=True):
        for name, value in plain.items():
            # float16 and float32 are in the names of those that compute in them
            near = 1e-6 if rtol and ("32" in name or "half" in name) else rtol
            np.testing.assert_allclose(fast[name], value, rtol=near, atol=near, err_msg=name)
            if not rtol:
                np.testing.assert_array_equal(np.signbit(fast[name]), np.signbit(value), err_msg=name)


def groups(names, size=40):
    return [names[i : i + size] for i in range(0, len(names), size)]


def planned(name, plan):
    """Whether the form, recorded, can be planned; what it is refused for is said in words."""
    step, carry = together([name])
    try:
        plan(step, carry, (*batches()[0], None, None))
    except Refused as reason:
        assert str(reason)
        return False
    return True


def test_there_are_forms_of_each_kind():
    assert len(FOLLOWED) > 450 and len(REASONS) > 100 and len(ERRORS) > 10


@pytest.mark.parametrize("name", GOOD)
def test_a_form_is_replayed_to_the_bit_or_says_why_not(name):
    loops = []

    def native(step):
        loops.append(Native(step, "auto", 1))
        return loops[-1]

    check([name], native, 0)
    (loop,) = loops
    if name in REASONS:
        assert loop.how.startswith("step by step: ") and REASONS[name] in loop.how
    else:
        assert loop.how == "recorded and replayed"


@pytest.mark.parametrize("mode", [False, "auto", "always", *([True] if can_compile() else [])])
@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_by_itself_is_the_same_error_in_every_mode(name, mode):
    step, carry = kept_as_it_comes(name)
    loop = Native(step, mode, 1) if mode else Plain(step)
    with pytest.raises(Exception) as error:
        results(loop, carry)
    assert type(error.value).__name__ == ERRORS[name] or (mode is True and isinstance(error.value, BackendError))


def kept_as_it_comes(name):
    """A step that keeps the result of a form whose shape is that for the first batch, if it has one."""
    (x, k), given = batches()[0], start()
    with np.errstate(all="ignore"):
        try:
            shape = np.shape(FORMS[name](x, given["w"], given["p"], given["t"], k, namespace(x)))
        except Exception:
            shape = ()

    def step(carry, x, k, weight, rows):
        y = FORMS[name](x, carry["w"], carry["p"], carry["t"], k, namespace(x))
        kept = carry["kept"]
        kept *= 0.0
        kept += y
        return dict(carry)

    return step, start() | {"kept": np.zeros(shape)}


@pytest.mark.skipif(not can_compile(), reason="nothing is compiled here")
def test_forms_are_compiled_or_say_why_not():
    from nnx.backends.native.build import _kernels

    def plan(step, carry, batch):
        found = recorded(step, copies(carry), batch)
        _kernels(found)

    names = [name for name in FOLLOWED if planned(name, plan)]
    assert len(names) > 200
    chosen = [name for i, name in enumerate(names) if i % EVERY == 0 or any(word in name for word in ALWAYS)]
    for part in groups(chosen):
        check(part, lambda step: Native(step, True, 1), 0)


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_forms_are_captured_for_a_device_or_say_why_not():
    def plan(step, carry, batch):
        found = recorded(step, copies(carry), batch, compute=False, numbers=False)
        for p in module(found, []).steps:
            if isinstance(p, Pass):
                for view in matrices(p):
                    layout(view)

    names = [name for name in FOLLOWED if name not in OF_NUMBERS | OF_NUMPY and planned(name, plan)]
    assert len(names) > 200
    for part in groups(names):
        check(part, lambda step: Captured(step, True, 1, HostDevice), 1e-11)
