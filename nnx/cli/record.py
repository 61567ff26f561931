"""The files that a training leaves in its folder: models, configuration, report and card."""

import json
from pathlib import Path
from typing import Any

from ..backends import Backend
from ..contract import Params
from ..errors import NNXError
from ..evaluation import Evaluation
from ..files import save, write_whole
from ..training import Fit
from .config import Config, plain
from .folder import (
    BEST,
    CARD,
    CONFIG,
    DATA,
    ENVIRONMENT,
    LAST,
    REPORT,
    SEARCH,
    card as card_of,
    environment,
    schema as schema_of,
    write_json,
)
from .prepare import Prepared
from .ranking import read as read_search
from .summary import widths


def begin(path: Path, config: Config, prepared: Prepared) -> None:
    """Write what an interrupted run is resumed from: the configuration, and the hash of the data."""
    write_json(path / DATA, schema_of(prepared, config.data.path))
    _configuration(path, plain(config))


def _configuration(path: Path, values: dict[str, Any]) -> None:
    import tomli_w

    write_whole(path / CONFIG, tomli_w.dumps(values).encode())


def write(path: Path, config: Config, prepared: Prepared, result: Fit, last: Params) -> None:
    """The models and the configuration."""
    data = config.data
    reading: dict[str, Any] = {"delimiter": data.delimiter, "encoding": data.encoding, "decimal": data.decimal}
    reading |= {"missing": list(data.missing)}
    parts: dict[str, Any] = {"loss": result.loss, "encoder": prepared.encoder, "target": prepared.target}
    parts["about"] = {"reading": reading, "best_epoch": result.best_epoch}
    save(path / BEST, result.net, result.params, **parts)
    save(path / LAST, result.net, last, **parts)
    values = plain(config)
    values["result"] = {"best_epoch": result.best_epoch, "stopped": result.stopped, "execution": result.execution}
    _configuration(path, values)


def describe(
    path: Path, config: Config, prepared: Prepared, result: Fit, tested: Evaluation | None, chosen: Backend
) -> list[str]:
    """Write schema, environment, report and card. Returns remarks: what could not be written and why."""
    schema = json.loads((path / DATA).read_text(encoding="utf-8"))
    write_json(path / ENVIRONMENT, environment(chosen))
    facts = {
        "data": f"{Path(config.data.path).name}, {sum(prepared.rows)} rows",
        "predicted": f"{prepared.target.name} ({prepared.target.task})",
        "network": " - ".join(map(str, widths(config, prepared))),
        "optimizer": f"{config.optimizer.name} at {config.optimizer.rate:g}",
        "epochs": f"{len(result.history['epoch'])}, best {result.best_epoch}, ended by {result.stopped}",
        "backend": f"{chosen}",
    }
    searched: dict[str, Any] = {}
    if (path / SEARCH).exists():
        found, by = read_search(path / SEARCH)
        searched = {"search": found, "search_score": by}
        facts["chosen"] = f"the best of {len(found['rank_test_score']):,} candidates by {by}: {SEARCH}"
    card = card_of(path.name, schema, prepared.encoder, tested.scores if tested else {}, facts)
    (path / CARD).write_text(card, encoding="utf-8")
    try:
        from ..plots.report import report

        report(
            path / REPORT,
            title=f"{prepared.source.name}: {prepared.target.name}",
            facts=facts,
            history=result.history,
            evaluation=tested,
            config_text=(path / CONFIG).read_text(encoding="utf-8"),
            best_epoch=result.best_epoch,
            **searched,
        )
    except NNXError as error:
        return [f"no report.html: {error}"]
    return []
