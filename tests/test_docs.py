"""The pages: every Python block runs, in the order of its page; every command, option, file and name in them exists."""

import importlib.util
import inspect
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nnx
from nnx.files import data
from nnx.names import same

ROOT = Path(__file__).parent.parent
MADE = ("_build", "reference", "backprop", "gallery", "made")  # folders that the build of the site makes
DOCS = [f for f in sorted((ROOT / "docs").rglob("*.md")) if f.relative_to(ROOT / "docs").parts[0] not in MADE]
PAGES = {str(f.relative_to(ROOT)): f.read_text() for f in [ROOT / "README.md", *DOCS]}
README = PAGES["README.md"]
RANKS = "docs/ranks.md"  # a program for several processes, with a test of its own
FENCE = re.compile(r"^(`{3,})([^\n`]*)\n(.*?)^\1 *$", re.DOTALL | re.MULTILINE)


def blocks(page):
    """The info string and the text of each block of a page that is no directive."""
    return [(info.strip(), text) for _, info, text in FENCE.findall(PAGES[page]) if not info.startswith("{")]


def program(page):
    """The blocks of a page that run."""
    return [text for info, text in blocks(page) if info == "python"]


def of_page(page):
    torch = any("import torch" in text for text in program(page))
    return pytest.param(page, marks=pytest.mark.torch if torch else ())


@pytest.fixture
def working_folder(tmp_path, monkeypatch):
    """A folder with data.csv, which many pages have: a day, a town with gaps, a price."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{1 + i % 28}.{1 + i % 12}.2020,{('Oslo', 'Rome', '')[i % 3]},{100 + i % 7}.5" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["day,town,price", *rows]) + "\n")
    tables = (data._KINDS, *data._TABLES.values())
    before = [dict(table) for table in tables]
    yield
    for table, own in zip(tables, before, strict=True):  # what a page registers is of that page
        table.clear()
        table.update(own)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # of short trainings
@pytest.mark.parametrize("page", [of_page(page) for page in PAGES if program(page) and page != RANKS])
def test_the_code_of_a_page_runs(page, working_folder, capsys):
    text = "\n".join(program(page))
    for package in sorted(set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) - {"nnx"}):
        pytest.importorskip(package, reason=f"{package} is not installed")
    names = {"__name__": "page"}
    for i, block in enumerate(program(page), 1):
        exec(compile(block, f"{page}, block {i}", "exec"), names)
    if page == "README.md":
        accuracy, stopped = capsys.readouterr().out.split(maxsplit=1)
        assert float(accuracy) > 0.95 and stopped.strip() in ("epochs", "early stopping")
        assert names["model"].net == names["net"]
        assert set(names["prices"].model_.encoder.kinds_) == {"day", "town"}


def test_a_block_that_does_not_run_says_why():
    not_run = [info for page in PAGES for info, _ in blocks(page) if info.startswith("python ")]
    assert all(re.fullmatch(r"python not run: \w+( [\w',]+){3,}", info) for info in not_run)
    assert len(not_run) == 6


def test_code_without_a_language_is_no_python():
    unmarked = [text for page in PAGES for info, text in blocks(page) if info == ""]
    assert not [text for text in unmarked if re.search(r"^(import|from) \w+|^\w+ = nnx\.|^nnx\.", text, re.MULTILINE)]


def test_the_page_of_ranks_has_the_same_bits_on_any_number(tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    launcher = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if launcher is None:
        pytest.skip("there is no mpiexec")
    (block,) = program(RANKS)
    file = tmp_path / "train.py"
    file.write_text(block)

    def printed(*start):
        words = [*start, sys.executable, str(file)]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout.strip()

    alone = printed()
    assert re.fullmatch("[0-9a-f]{16}", alone)
    assert {printed(launcher, "-n", str(count)) for count in (2, 3)} == {alone}


def test_the_readme_is_short_and_opens_with_the_two_commands():
    assert len(README.splitlines()) <= 150
    first = README.split("```")[1].strip().splitlines()
    assert first == [
        'python -m pip install ".[all]" && nnx train digits',
        'python -m pip install ".[all,test]" && python -m pytest',
    ]


def commands(page):
    """The words of each command of nnx on a page, in blocks and in the text."""
    lines = [line for info, text in blocks(page) if not info.startswith("python") for line in text.splitlines()]
    lines += re.findall(r"`((?:[A-Z_]+=\S+ )?nnx [^`]+)`", FENCE.sub("", PAGES[page]))
    for line in lines:
        for part in re.split(r"&&|\||;", line.partition(" #")[0]):
            if found := re.match(r"\s*(?:\w+=\S+ )*(?:mpiexec -n \d+ |srun )?nnx ([a-z]+)\b(?! and)(.*)", part):
                yield found[1], [word.partition("=")[0] for word in shlex.split(found[2].replace("'", "")) if word]


@pytest.mark.parametrize("page", [page for page in PAGES if list(commands(page))])
def test_the_commands_and_options_of_a_page_exist(page):
    pytest.importorskip("click", reason="click is not installed")
    from nnx.cli.commands import nnx as group

    for command, words in commands(page):
        assert command in group.commands, command
        known = {name for p in group.commands[command].params for name in (*p.opts, *p.secondary_opts)}
        options = {word for word in words if re.match("--?[a-z]", word)}
        assert options <= known | {"-h", "--help"}, (command, options - known)


TEXTS = PAGES | {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "SECURITY.md")}


@pytest.mark.parametrize("page", TEXTS)
def test_the_files_that_a_page_names_exist(page):
    named = re.findall(r"`(?:python )?((?:tests|ci|examples|docs|nnx)/[\w/.-]+)", TEXTS[page])
    assert [path for path in named if not (path.endswith("/") or (ROOT / path).exists())] == []


@pytest.mark.parametrize("page", TEXTS)
def test_the_links_of_a_page_lead_somewhere(page):
    """Those to files of the repository; ci/docs looks at the links of the built site, anchors included."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[\w-]*)?\)", FENCE.sub("", TEXTS[page]))
    here = (ROOT / page).parent
    made = [here / link for link in links if (ROOT / "docs") in (here / link).parents and link.split("/")[0] in MADE]
    broken = [link for link in links if not (here / link).exists() and not (here / f"{link}.md").exists()]
    assert [link for link in broken if here / link not in made and not link.startswith("../gallery/")] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/coming/")])
def test_names_of_other_libraries_are_told_as_the_page_has_them(page):
    for theirs, here in re.findall(r"^\| (.*?) \| (.*?) \|$", PAGES[page], re.MULTILINE)[2:]:
        for name in re.findall(r"`(?:\w+\.)*([A-Z]\w+)", theirs):
            known = same(name, nnx.__all__)
            assert not known or known.startswith(name) or f"nnx.{known}" in here or known in here, (name, known, here)


def test_the_page_of_scikit_learn_names_all_that_is_added():
    theirs = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
    for name in ("MLPClassifier", "MLPRegressor"):
        here, there = (inspect.signature(getattr(m, name)).parameters for m in (nnx, theirs))
        assert all(here[p].default == there[p].default for p in there)
        assert [p for p in here if p not in there and f"`{p}`" not in PAGES["docs/sklearn.md"]] == []


def test_every_public_name_has_a_place_in_the_reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "site" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    names = {name for group in reference.groups().values() for name, _ in group}  # an error where one has no group
    wanted = {name for name in nnx.__all__ if name[0] != "_"} - {"evaluation", "onnx", "plots", "training"}
    assert {f"nnx.{name}" for name in wanted} <= names
    documents = [reference.document(name).lower() for name in names]
    assert len(set(documents)) == len(documents)


def test_every_name_of_nnx_on_a_page_exists():
    for page, text in PAGES.items():
        for name in set(re.findall(r"\bnnx\.([A-Za-z]\w*)\b(?!\.[a-z]+\")", text)):
            ok = hasattr(nnx, name) or (ROOT / "nnx" / name).is_dir() or (ROOT / "nnx" / f"{name}.py").is_file()
            assert ok or name in SAID, (page, name)


SAID = ("Linear", "dev")  # what an error is shown for
