"""The files that a training leaves in its folder: models, configuration, report and card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..backends import Backend
from ..errors import DataError, ModelFileError, NNXError
from ..evaluation import Evaluation
from ..files import save, write_whole
from ..layers import Committee, Ensemble
from ..tabular.model import Trained
from ..tabular.prepare import Prepared
from ..tabular.settings import Config, plain
from ..tabular.table import reading_of, shown_name
from ..tabular.use import bounds
from ..training import Fit
from .folder import (
    BEST,
    CARD,
    CONFIG,
    DATA,
    ENVIRONMENT,
    REPORT,
    SEARCH,
    card as card_of,
    environment,
    schema as schema_of,
)
from .ranking import read as read_search
from .summary import widths

COVERAGE = 0.9  # of the intervals that the report tells of
Schema = dict[str, Any]  # the table as it was read


def together(result: Fit) -> str:
    """How many networks of these widths there are, where there are several."""
    several = isinstance(result.net, (Committee, Ensemble))
    return f", {result.net.copies} of them: the mean of what they predict" if several else ""


def begin(path: Path, config: Config, prepared: Prepared) -> Schema:
    """Write what an interrupted run is resumed from: the configuration, and the table as it was read."""
    schema = schema_of(prepared, config.data.path, prepared.source.digest)
    _json(path / DATA, schema)
    write_whole(path / CONFIG, _text(plain(config)).encode())
    return schema


def _json(path: Path, values: Any) -> None:
    """Indented JSON."""
    write_whole(path, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())


def _text(values: Mapping[str, Any]) -> str:
    """Settings as TOML."""
    import tomli_w

    return tomli_w.dumps(values)


def write(path: Path, config: Config, prepared: Prepared, made: Trained) -> None:
    """The model."""
    about = {"reading": prepared.source.reading.to_data(), "asked": reading_of(config.data).to_data()} | made.about
    beside: dict[str, Any] = {"arrays": made.arrays, "about": about, "encoder": prepared.encoder, "target": made.target}
    save(path / BEST, made.fit.net, made.fit.params, loss=made.fit.loss, **beside)


def covered(made: Trained, test: tuple[Any, Any] | None) -> dict[str, str]:
    """How many of the test rows of a regression lie within their intervals."""
    if made.residuals is None or test is None:
        return {}
    x, y = test
    values = made.target.decode(y[:, None])
    low, high = bounds(made.fit, made.target, made.residuals, x, COVERAGE).T
    share = float(((low <= values) & (values <= high)).mean())
    return {f"intervals of {COVERAGE:.0%}": f"{share:.1%} of {len(y)} test rows lie within theirs"}


def describe(
    path: Path,
    config: Config,
    prepared: Prepared,
    schema: Schema,
    made: Trained,
    tested: Evaluation | None,
    chosen: Backend,
) -> list[str]:
    """Write environment, report and card, and last the configuration with how the training ended, by which the run is
    known to be whole. Returns remarks: what could not be written and why."""
    result = made.fit
    _json(path / DATA, schema)
    _json(path / ENVIRONMENT, environment(chosen))
    values = plain(config)
    values["result"] = {"best_epoch": result.best_epoch, "stopped": result.stopped, "execution": result.execution}
    facts = {
        "data": f"{shown_name(config.data.path)}, {sum(prepared.rows)} rows",
        "predicted": f"{prepared.target.name} ({prepared.target.task})",
        "network": " - ".join(map(str, widths(config, prepared))) + together(result),
        "optimizer": f"{config.optimizer.name} at {config.optimizer.rate:g}",
        "epochs": f"{len(result.history.get('epoch', ()))}, best {result.best_epoch}, ended by {result.stopped}",
        "backend": f"{chosen}",
    } | covered(made, prepared.test)
    searched: dict[str, Any] = {}
    if (path / SEARCH).exists():
        found, by = read_search(path / SEARCH)
        searched = {"search": found, "search_score": by}
        facts["chosen"] = f"the best of {len(found['rank_test_score']):,} candidates by {by}: {SEARCH}"
    card = card_of(path.name, schema, prepared.encoder, tested.scores if tested else {}, facts)
    write_whole(path / CARD, card.encode())
    remarks = []
    try:
        from ..plots.report import report

        report(
            path / REPORT,
            title=f"{prepared.source.name}: {prepared.target.name}",
            facts=facts,
            history=result.history,
            evaluation=tested,
            notes=prepared.notes,
            config_text=_text(values),
            held="validation" if prepared.test is None else "test",
            best_epoch=result.best_epoch,
            networks=config.training.members or 1,
            **searched,
        )
    except NNXError as error:
        if isinstance(error, (DataError, ModelFileError)):
            raise  # it could not be written
        remarks = [f"no report.html: {error}"]
    write_whole(path / CONFIG, _text(values).encode())
    return remarks
