"""The structure of the source: who may import whom, and what the mathematics may not say."""

import ast
from pathlib import Path

import pytest

import nnx

ROOT = Path(nnx.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LIBRARIES = {"numpy", "cupy", "cupyx", "torch", "jax", "array_api_compat", "array_api_strict"}
# From the ground up: a module may import only from lines above its own (and from its own).
ORDER = [
    "_version errors contract",
    "backends",
    "random",
    "initializers",
    "layers",
    "losses schedules",
    "metrics",
    "optimizers",
    "network",
    "evaluation tables laws",
    "files",
    "training",
    "evaluation",
    "plots estimators",
    "onnx",
    "cli",
    "__init__ __main__",
]
RANK = {name: rank for rank, line in enumerate(ORDER) for name in line.split()}
MATHEMATICS = [f for f in FILES if f.parent.name in ("layers", "losses", "optimizers")]
MATHEMATICS += [ROOT / "schedules.py", ROOT / "metrics.py"]


def part(file: Path) -> str:
    """The first name below nnx: "layers" for nnx/layers/dense.py."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST, file: Path):
    """The parts of nnx, and the foreign packages, that a file imports."""
    depth = len(file.relative_to(ROOT).parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((None, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield None, (node.module or "").partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            for name in [node.module.partition(".")[0]] if node.module else [a.name for a in node.names]:
                yield name, None


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_imports_point_upward(file):
    for own, _ in imports(ast.parse(file.read_text()), file):
        if own is not None and own.isidentifier() and own != "__version__":
            assert own in RANK, f"{own} has no place in ORDER"
            assert RANK[own] < RANK[part(file)] or own == part(file), f"{name(file)} imports {own}"


@pytest.mark.parametrize("file", [f for f in FILES if part(f) != "backends"], ids=name)
def test_array_libraries_are_named_only_in_backends(file):
    foreign = {package for _, package in imports(ast.parse(file.read_text()), file) if package}
    assert not foreign & LIBRARIES


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_file_holds_one_idea(file):
    assert len(file.read_text().splitlines()) <= 300


def test_the_core_is_an_afternoons_reading():
    core = [f for f in FILES if RANK[part(f)] <= RANK["optimizers"]]
    lines = sum(len(f.read_text().splitlines()) for f in core if part(f) != "backends")
    assert lines <= 2700  # "about 2,000", besides the adaptors of the libraries


# What neither the standard nor a captured or traced step allows. `shape`, `ndim`, `dtype` are not methods.
ARRAY_METHODS = {
    *("sum", "mean", "max", "min", "reshape", "astype", "dot", "transpose", "flatten", "ravel", "copy", "clip", "std"),
    *("var", "argmax", "item", "tolist", "fill", "squeeze", "all", "any", "numpy", "cpu", "get"),
}
BANNED_FUNCTIONS = {"clip", "nonzero", "unique", "einsum", "put", "array", "float32", "float64"}


class Ban(ast.NodeVisitor):
    """Collects what the mathematics may not say."""

    def __init__(self):
        self.found = []

    def visit_Call(self, node):
        f = node.func
        if isinstance(f, ast.Attribute):
            receiver = f.value.id if isinstance(f.value, ast.Name) else ""
            if receiver == "xp" or (isinstance(f.value, ast.Call) and getattr(f.value.func, "id", "") == "namespace"):
                if f.attr in BANNED_FUNCTIONS:
                    self.found.append(f"xp.{f.attr}, line {node.lineno}")
                if f.attr in {"zeros", "ones", "full", "empty", "arange", "eye", "linspace"}:
                    given = {k.arg for k in node.keywords}
                    if not {"dtype", "device"} <= given:
                        self.found.append(f"{f.attr} without dtype= and device=, line {node.lineno}")
            elif f.attr in ARRAY_METHODS and receiver not in {"self", "params", "grads", "state"}:
                self.found.append(f"method {f.attr}, line {node.lineno}")
        if isinstance(f, ast.Name) and f.id in {"bool", "int"}:
            self.found.append(f"{f.id}(), line {node.lineno}")
        if any(k.arg == "out" for k in node.keywords):
            self.found.append(f"out=, line {node.lineno}")
        self.generic_visit(node)

    def visit_BinOp(self, node):
        if isinstance(node.op, ast.MatMult):  # CuPy's knows no precision
            self.found.append(f"@ instead of xp.matmul, line {node.lineno}")
        self.generic_visit(node)

    def visit_If(self, node):
        for part in ast.walk(node.test):
            if isinstance(part, ast.Attribute) and part.attr in {"any", "all"}:
                self.found.append(f"if on a value, line {node.lineno}")
        self.generic_visit(node)

    def visit_Attribute(self, node):
        if node.attr in {"T", "mT"}:
            self.found.append(f".{node.attr}, line {node.lineno}")
        self.generic_visit(node)

    def visit_Subscript(self, node):
        if isinstance(node.slice, ast.Compare):
            self.found.append(f"mask indexing, line {node.lineno}")
        self.generic_visit(node)


@pytest.mark.parametrize("file", MATHEMATICS, ids=name)
def test_the_mathematics_uses_only_what_every_library_can_do(file):
    ban = Ban()
    ban.visit(ast.parse(file.read_text()))
    assert not ban.found


def test_the_ban_sees_what_it_bans():
    ban = Ban()
    ban.visit(
        ast.parse("x.sum(); xp.clip(x, 0, 1); x.T; xp.zeros(3); x[x > 0]; xp.exp(x, out=y); int(x)\nif xp.any(x): pass")
    )
    assert len(ban.found) == 8


def test_the_stub_lists_the_public_names():
    stub = ast.parse((ROOT / "__init__.pyi").read_text())
    names = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == set(nnx.__all__)


def test_every_public_name_can_be_imported_and_has_a_docstring():
    for public in nnx.__all__:
        value = getattr(nnx, public)
        assert public == "__version__" or value.__doc__, public


def test_only_named_array_functions_are_used():
    """The functions of a namespace that the mathematics calls are all in the standard of 2024."""
    import array_api_strict as strict

    for file in MATHEMATICS:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "xp":
                assert hasattr(strict, node.attr), f"{name(file)}: xp.{node.attr}"
