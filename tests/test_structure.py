"""The structure of the source: who may import whom, and what the mathematics may not say."""

import ast
from functools import cache
from pathlib import Path

import nnx

ROOT = Path(nnx.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LIBRARIES = {"numpy", "cupy", "cupyx", "torch", "jax", "mlx", "dpnp", "array_api_compat", "array_api_strict"}
COMMUNICATION = {"mpi4py", "mpich", "horovod", "dask", "ray"}
# From the ground up: a module may import only from lines above its own (and from its own).
ORDER = [
    "_version names",
    "errors contract system",
    "settings markup",
    "backends",
    "inputs",
    "random",
    "initializers",
    "layers",
    "losses schedules",
    "metrics",
    "optimizers",
    "network from_data",
    "inspection derivatives",
    "evaluation tables laws",
    "files images",
    "training",
    "evaluation",
    "plots estimators",
    "backend_check",
    "onnx",
    "tabular",
    "playground",
    "cli",
    "__init__ __main__",
]
RANK = {name: rank for rank, line in enumerate(ORDER) for name in line.split()}
DOWNWARD = {(("nnx", "contract"), ("nnx", "random"))}  # the default of Layer.shapes asks `init`, with a draw
CIRCLES = {"backends"}  # the parts in which modules may still import each other in a circle
UNSTABLE = {("utils", "fixes"), ("utils", "optimize")}  # of scikit-learn: modules that its reference does not list
MATHEMATICS = [f for f in FILES if f.parent.name in ("layers", "losses", "optimizers")]
MATHEMATICS += [ROOT / "schedules.py", ROOT / "metrics.py"]


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def module(file: Path) -> tuple[str, ...]:
    """("nnx", "layers", "dense") for nnx/layers/dense.py; ("nnx", "layers") for the __init__ of the folder."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def part(own: tuple[str, ...]) -> str:
    """The first name below nnx, by which ORDER ranks a module."""
    return own[1] if len(own) > 1 else "__init__"


def imports(source: ast.AST, own: tuple[str, ...], package: bool, known):
    """The line and the module of every import, within functions and for type checkers too.

    `from .a import b` is module a.b where there is a file of that name, and else module a, which gives b: what the
    `__init__` of a folder gives again is an import of that `__init__`. That Python runs the `__init__` of a folder
    before any module in it is no import here: it ties a module to nothing that it names. Of a foreign module the name
    is told too.
    """
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, tuple(alias.name.split("."))) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = own[: len(own) - node.level + package] if node.level else ()
            base = (*above, *(node.module or "").split(".")) if node.module else above
            for alias in node.names:
                whole = (*base, alias.name)
                yield node.lineno, whole if whole in known or base[0] != "nnx" else base


@cache
def graph():
    """For each module of nnx the modules that it imports, foreign ones too, each with a line."""
    known = {module(f): f for f in FILES}
    return {
        own: {
            target: line
            for line, target in imports(tree(f), own, f.name == "__init__.py", known)
            if (own, target) not in DOWNWARD
        }
        for own, f in known.items()
    }


def circles(arrows):
    """The groups of modules each of which imports, over others or itself, every other of its group."""

    def reached(start):
        found, waiting = set(), [start]
        while waiting:
            for target in arrows.get(waiting.pop(), ()):
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return found

    reach = {own: reached(own) for own in arrows}
    groups = {frozenset(b for b in reach[a] if b in reach and a in reach[b]) for a in arrows if a in reach[a]}
    return sorted(groups, key=sorted)


def told(own, target, line):
    """An import for a person: "cli/plan (line 25) imports cli/train"."""
    return f"{'/'.join(own[1:]) or '__init__'} (line {line}) imports {'/'.join(target[1:]) or '__init__'}"


def listed(offenders):
    return "\n" + "\n".join(offenders)


def test_imports_point_upward():
    places = {part(own) for own in graph()}
    assert not places - set(RANK), "these have no place in ORDER"
    offenders = [
        told(own, target, line)
        for own, targets in graph().items()
        for target, line in targets.items()
        if target[0] == "nnx" and part(own) != part(target) and RANK[part(target)] >= RANK[part(own)]
    ]
    assert not offenders, listed(offenders)


def test_no_modules_import_each_other_in_a_circle():
    offenders = [
        told(own, target, graph()[own][target])
        for group in circles(graph())
        for own in sorted(group)
        for target in sorted(group & set(graph()[own]))
        if part(own) not in CIRCLES
    ]
    assert not offenders, "move what both need to a module of its own:" + listed(offenders)


def test_circles_are_allowed_only_where_there_are_some():
    assert {part(own) for group in circles(graph()) for own in group} >= CIRCLES


def test_a_circle_is_found_over_functions_and_over_what_a_folder_gives_again():
    known = {("nnx",), ("nnx", "p"), ("nnx", "p", "a"), ("nnx", "p", "b"), ("nnx", "p", "c")}
    texts = {
        ("nnx", "p"): "from .a import A",
        ("nnx", "p", "a"): "def f():\n    from .b import B",
        ("nnx", "p", "b"): "from . import A",
        ("nnx", "p", "c"): "from . import a",
    }
    arrows = {
        own: {t: n for n, t in imports(ast.parse(text), own, own == ("nnx", "p"), known)} for own, text in texts.items()
    }
    assert circles(arrows) == [frozenset(set(texts) - {("nnx", "p", "c")})]
    assert arrows[("nnx", "p", "a")] == {("nnx", "p", "b"): 2}


def test_mpi_is_named_only_where_ranks_are():
    offenders = [
        told(own, ("", *target), line)
        for own, targets in graph().items()
        for target, line in targets.items()
        if target[0] in COMMUNICATION and own != ("nnx", "training", "parallel")
    ]
    assert not offenders, listed(offenders)


def test_array_libraries_are_named_only_in_backends():
    offenders = [
        told(own, ("", *target), line)
        for own, targets in graph().items()
        for target, line in targets.items()
        if target[0] in LIBRARIES and part(own) != "backends"
    ]
    assert not offenders, listed(offenders)


def compared(source):
    """The texts that code compares with, and the lines."""
    for node in ast.walk(source):
        parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        parts += [node.value] if isinstance(node, ast.MatchValue) else []
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("startswith", "endswith"):
            parts += node.args
        for part in (leaf for one in parts for leaf in ast.walk(one)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield node.lineno, part.value


def test_no_code_asks_which_library_it_is_but_in_backends():
    offenders = [
        f"{name(f)}, line {line}: {text!r}"
        for f in FILES
        for line, text in compared(tree(f))
        if part(module(f)) != "backends" and text.partition(":")[0] in LIBRARIES
    ]
    assert not offenders, "ask a property of the Backend:" + listed(offenders)


def test_a_question_for_a_library_is_seen():
    asked = 'x.name == "torch"; x.name in ("jax", y); x == "mlx"; x.startswith("cupy"); f("numpy"); a == "b"'
    assert {text for _, text in compared(ast.parse(asked))} == {"torch", "jax", "mlx", "cupy", "b"}


def test_private_names_of_scikit_learn_are_named_in_one_module():
    def private(target):
        rest = target[1:]
        return any(word.startswith("_") for word in rest) or rest[0] == "callback" or rest[:2] in UNSTABLE

    found = {
        (own, told(own, ("", *target), line))
        for own, targets in graph().items()
        for target, line in targets.items()
        if target[0] == "sklearn" and len(target) > 1 and private(target)
    }
    offenders = [text for own, text in sorted(found) if own != ("nnx", "estimators", "private")]
    assert len(found) > len(offenders) and not offenders, listed(offenders)


POSIX = {
    *("fcntl", "resource", "msvcrt", "termios", "fork", "kill", "killpg", "uname", "sysconf", "sched_getaffinity"),
    *("O_DIRECTORY", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "SIGHUP", "SIGKILL", "setitimer", "fchmod"),
}


def names(node):
    """What an import names."""
    return node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ()


def test_what_not_every_system_has_is_asked_for_in_one_module():
    found = {
        (f, f"{name(f)}, line {node.lineno}: {word}")
        for f in FILES
        for node in ast.walk(tree(f))
        for word in ([node.attr] if isinstance(node, ast.Attribute) else [a.name for a in names(node)])
        if word in POSIX and getattr(getattr(node, "value", None), "id", "os") in ("os", "signal", "fcntl", "msvcrt")
    }
    offenders = [text for f, text in sorted(found) if f != ROOT / "system.py"]
    assert len(found) > len(offenders) and not offenders, listed(offenders)


def documented(node):
    """The lines of the docstrings in a module."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [n.body[0] for n in ast.walk(node) if isinstance(n, kinds) and ast.get_docstring(n) is not None]
    return sum(text.end_lineno - text.lineno + 1 for text in texts)


def test_a_file_holds_one_idea():
    """Besides its docstrings: the reference is as long as it must be."""
    long = {name(f): n for f in FILES if (n := len(f.read_text().splitlines()) - documented(tree(f))) > 300}
    assert not long, "more than 300 lines of code"


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


def test_the_mathematics_uses_only_what_every_library_can_do():
    offenders = []
    for file in MATHEMATICS:
        ban = Ban()
        ban.visit(tree(file))
        offenders += [f"{name(file)}: {found}" for found in ban.found]
    assert not offenders, listed(offenders)


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
    values = {public: getattr(nnx, public) for public in nnx.__all__ if public != "__version__"}
    assert not [public for public, value in values.items() if not value.__doc__]


def test_only_named_array_functions_are_used():
    """The functions of a namespace that the mathematics calls are all in the standard of 2024."""
    import array_api_strict as strict

    used = {
        (node.attr, f"{name(file)}: xp.{node.attr}, line {node.lineno}")
        for file in MATHEMATICS
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "xp"
    }
    assert used
    offenders = [place for function, place in sorted(used) if not hasattr(strict, function)]
    assert not offenders, listed(offenders)
