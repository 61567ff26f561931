"""The rivals: other people's models for tables, each with its own defaults, on one thread.

A rival is a function (classes, seed) -> (model, how it wants the columns). Categories go natively where a rival takes
them; gaps in numbers are left to the trees, and filled by the median, with a column that says so, for the others.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MOST_CATEGORIES = 250  # HistGradientBoosting takes 255
Made = tuple[Any, Callable[[pd.DataFrame, np.ndarray], pd.DataFrame]]


def categories(frame: pd.DataFrame, train: np.ndarray) -> pd.DataFrame:
    """Numbers as float64, the rest as pandas' categories: those of the training rows, rare ones together."""
    found = {}
    for i, name in enumerate(frame):
        column = frame[name]
        if column.dtype.kind in "fiu":
            found[f"x{i}"] = column.astype(float)
            continue
        words = column.astype(object).where(column.notna(), None).map(lambda v: None if v is None else str(v))
        common = words.iloc[train].value_counts().index[:MOST_CATEGORIES]
        words = words.where(words.isin(common) | words.isna(), "another")
        found[f"x{i}"] = pd.Categorical(words, categories=sorted({*common, "another"}))
    return pd.DataFrame(found)


def words(frame: pd.DataFrame, train: np.ndarray) -> pd.DataFrame:
    """Categories as text without gaps, for CatBoost."""
    found = categories(frame, train)
    for name in found.select_dtypes("category"):
        found[name] = found[name].astype(object).where(found[name].notna(), "gap").astype(object)
    return found


def filled(frame: pd.DataFrame, train: np.ndarray) -> pd.DataFrame:
    """Gaps in numbers filled by the median of the training rows; a column more says where they were."""
    found = categories(frame, train)
    for name in found.select_dtypes("number"):
        gaps = found[name].isna()
        if gaps.any():
            found[name] = found[name].fillna(found[name].iloc[train].median())
            found[f"{name} gap"] = gaps.astype(float)
    return found


def boosting(classes: int, seed: int) -> Made:
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(categorical_features="from_dtype", random_state=seed), categories


def lightgbm(classes: int, seed: int) -> Made:
    from lightgbm import LGBMClassifier, LGBMRegressor

    return (LGBMClassifier if classes else LGBMRegressor)(n_jobs=1, random_state=seed, verbosity=-1), categories


def xgboost(classes: int, seed: int) -> Made:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if classes else XGBRegressor
    return kind(n_jobs=1, random_state=seed, enable_categorical=True), categories


class CatBoost:
    """CatBoost told which columns are categories; it calls 1,000 iterations its default."""

    def __init__(self, classes: int, seed: int) -> None:
        from catboost import CatBoostClassifier, CatBoostRegressor

        kind = CatBoostClassifier if classes else CatBoostRegressor
        self.model = kind(thread_count=1, random_seed=seed, verbose=False, allow_writing_files=False)

    def fit(self, x: pd.DataFrame, y: np.ndarray) -> None:
        self.model.fit(x, y, cat_features=list(x.select_dtypes(object)))

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        return self.model.predict(x)

    def predict_proba(self, x: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(x)


def realmlp(classes: int, seed: int) -> Made:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)  # which greet at every fit
    kind = RealMLP_TD_Classifier if classes else RealMLP_TD_Regressor
    return kind(n_threads=1, device="cpu", random_state=seed), filled


def tabm(classes: int, seed: int) -> Made:
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    return (TabM_D_Classifier if classes else TabM_D_Regressor)(n_threads=1, device="cpu", random_state=seed), filled


def columns() -> Any:
    """Numbers scaled, categories one-hot."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore")
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )


def perceptron(classes: int, seed: int) -> Made:
    if classes:
        return make_pipeline(columns(), MLPClassifier(random_state=seed)), filled
    network = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
    return make_pipeline(columns(), network), filled


def linear(classes: int, seed: int) -> Made:
    return make_pipeline(columns(), LogisticRegression() if classes else Ridge()), filled


RIVALS: dict[str, Callable[[int, int], Made]] = {
    "CatBoost": lambda classes, seed: (CatBoost(classes, seed), words),
    "LightGBM": lightgbm,
    "XGBoost": xgboost,
    "HistGradientBoosting": boosting,
    "RealMLP-TD": realmlp,
    "TabM": tabm,
    "scikit-learn's MLP": perceptron,
    "linear": linear,
}
NETWORKS = ("RealMLP-TD", "TabM")  # of pytabkit: one split, tables of up to 10,000 rows
PACKAGES = ("scikit-learn", "catboost", "lightgbm", "xgboost", "pytabkit", "torch", "numpy", "pandas")
