"""The options of the commands, each with the setting that it is."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import click

Command = Callable[..., Any]
SIGN = r"([^,].*?)=([+-]?1)(?:,|$)"


class Words(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Words parted by commas."""

    name = "a,b"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(v.strip() for v in value.split(",") if v.strip())


class Widths(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Widths of layers parted by commas."""

    name = "128,64"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"expected widths such as 128,64, got {value!r}", parameter, context)


class Kind(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """The kind of a column: COLUMN=KIND. Both may have a = in them: a kind begins with the name of one."""

    name = "COLUMN=KIND"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        from ..tables.kinds.cells import KINDS, parted

        parts = value.split("=")
        if len(parts) < 2:
            self.fail(f"expected COLUMN=KIND such as zip=text, got {value!r}", parameter, context)
        pairs = [("=".join(parts[:i]), "=".join(parts[i:])) for i in range(1, len(parts))]
        return next((pair for pair in pairs if parted(pair[1])[0] in KINDS), pairs[-1])


class Signs(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Columns with signs, parted by commas: size=+1,age=-1. The names of columns may have both in them."""

    name = "COLUMN=+1"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[tuple[str, int], ...]:
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(f"(?:{SIGN})+", value):
            self.fail(f"expected COLUMN=+1 or COLUMN=-1 such as size=+1,age=-1, got {value!r}", parameter, context)
        return tuple((name, int(sign)) for name, sign in re.findall(SIGN, value))


class Sections(click.Command):
    """A command whose help has the options of reading a table in a section of their own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = {option for option, *_ in READING}
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], TABLE: []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                sections[TABLE if own.intersection(parameter.opts) else "Options"].append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow")  # of predictions
SIZE = "[default: from the size of the table]"
FLAGS: tuple[tuple[str, str, Any, str], ...] = (  # option, setting, type, help
    ("--target", "data.target", str, "the column to predict"),
    ("--task", "data.task", str, "classification, regression or auto [default: auto]"),
    ("--missing-target", "data.missing_target", str, "rows without a target: drop, or error [default: drop]"),
    ("--drop", "data.drop", str, "columns to leave out: a,b; may be repeated"),
    (
        "--kind",
        "data.kinds",
        Kind(),
        "number, category, words, text (either), boolean, date, time, duration, drop; date:%d.%m.%Y, number:,.",
    ),
    ("--monotone", "data.monotone", Signs(), "columns that the prediction rises or falls with; may be repeated"),
    ("--preset", "training.preset", str, "fast, default or best: 2, 3 to 5, or 16 networks [default: default]"),
    (
        "--metric",
        "training.metric",
        str,
        "what early stopping follows: log_loss, accuracy, balanced_accuracy, auc, f1; rmse, mae, r2 [default: loss]",
    ),
    ("--members", "training.members", int, "networks whose mean predicts [default: as --preset says]"),
    ("--hidden", "network.hidden", Widths(), f"widths of the hidden layers {SIZE}"),
    ("--activation", "network.activation", str, "relu, selu, mish, tanh, ... [default: relu]"),
    ("--dropout", "network.dropout", float, f"share of the hidden units dropped {SIZE}"),
    ("--optimizer", "optimizer.name", str, "adamw, adam, sgd, lion, ... [default: adamw]"),
    ("--rate", "optimizer.rate", float, f"learning rate {SIZE}"),
    ("--schedule", "optimizer.schedule", str, "of the rate: cosine, one_cycle or none [default: none]"),
    ("--loss", "training.loss", str, "squared_error, absolute_error or huber, for a regression"),
    ("--class-weight", "training.class_weight", str, "balanced: every class weighs the same [default: none]"),
    ("--epochs", "training.epochs", int, f"at most so many {SIZE}"),
    ("--batch-size", "training.batch_size", int, f"rows in a batch {SIZE}"),
    (
        "--micro-batches",
        "training.micro_batches",
        int,
        "parts that a batch is computed in [default: 1; 8 of one on ranks]",
    ),
    ("--validation", "data.validation", float, f"share of the rows that each network holds out {SIZE}"),
    ("--test", "data.test", float, "share of all rows kept for the test at the end [default: 0.2]"),
    ("--patience", "training.patience", int, f"epochs without a gain before a network stops {SIZE}"),
    ("--max-time", "training.max_time", str, "stop after 90s, 10m, 1h30m"),
    ("--memory", "data.memory", str, "a larger table is read in blocks [default: 1GB]"),
    ("--threads", "place.threads", int, "of the BLAS [default: all]"),
    ("--seed", "training.seed", int, "of all that is drawn [default: 0]"),
    ("--checkpoint-every", "training.checkpoint_every", int, "epochs; 0: never [default: about every 10 s]"),
)
TABLE = "How the table is read (found out where it is not said)"
READING: tuple[tuple[str, str, Any, str], ...] = (  # each setting a field of nnx.tables.Reading
    ("--delimiter", "data.delimiter", str, "what parts the columns of a text file"),
    ("--encoding", "data.encoding", str, "of a text file: utf-8, cp1252"),
    ("--decimal", "data.decimal", str, "the decimal mark of numbers: . or ,"),
    ("--thousands", "data.thousands", str, "the mark between thousands: , . ' space _ or none"),
    ("--header", "data.header", click.Choice(["yes", "no"]), "if the first line has the names of the columns"),
    ("--comment", "data.comment", str, "what begins a line that is none of the table: #"),
    ("--skip-rows", "data.skip_rows", click.IntRange(0), "lines before the header"),
    ("--skip-footer", "data.skip_footer", click.IntRange(0), "lines after the last row"),
    ("--quote", "data.quote", str, "the mark around cells, or none"),
    ("--escape", "data.escape", str, "the mark before a delimiter or quote that is none, or none"),
    ("--sheet", "data.sheet", str, "of a workbook [default: the first]"),
    ("--missing", "data.missing", Words(), "what else stands for a missing cell: n/k,unknown; may be repeated"),
    ("--keep-text", "data.keep_text", Words(), "usual words for a missing cell that are values here: NA,None"),
)
REPEATED = (
    "data.drop",
    "data.kinds",
    "data.monotone",
    "data.missing",
    "data.keep_text",
)  # settings whose option may be repeated
Options = tuple[tuple[tuple[str, ...], dict[str, Any]], ...]  # what click.option takes
RUNNING: Options = (
    (("-c", "--config", "file"), {"help": "a TOML file with settings; the config.toml of a run is one"}),
    (
        ("--set", "assignments"),
        {"multiple": True, "metavar": "NAME=VALUE", "help": "any setting: optimizer.rate=0.01"},
    ),
    (("--out",), {"help": "the run folder [default: runs/TIME-NAME]"}),
    (("--force",), {"is_flag": True, "help": "replace the run that is in the folder --out"}),
    (("--dry-run",), {"is_flag": True, "help": "say what would be done, and what it takes; write nothing"}),
    (
        ("--json", "as_json"),
        {"is_flag": True, "help": "lines of JSON on standard output, all else on standard error"},
    ),
    (("--quiet", "-q"), {"is_flag": True}),
    (("--verbose", "-v"), {"is_flag": True, "help": "also say what each column becomes"}),
)
SEARCHING: Options = (
    (
        ("--grid",),
        {"multiple": True, "metavar": "NAME=VALUES", "help": "an option of `nnx train` and its values; see above"},
    ),
    (
        ("--cv",),
        {
            "type": click.IntRange(1),
            "default": 5,
            "show_default": True,
            "help": "folds; 1: one validation split",
        },
    ),
    (
        ("--random",),
        {
            "type": click.IntRange(1),
            "metavar": "N",
            "help": "draw N candidates [default: all of the grid]",
        },
    ),
    (
        ("--halving",),
        {"is_flag": True, "help": "a third of the candidates go on after 1/9 of the epochs, and after 1/3"},
    ),
    (
        ("--by",),
        {"type": click.Choice(["loss", "accuracy", "r2"]), "help": "what ranks candidates [default: loss]"},
    ),
)
SOME, OPEN = "cupy,numpy", "[default: that of NNX_BACKEND, or numpy]"
PLACES = (
    ("--backend", "place.backend", "", f"numpy, cupy, torch, jax, auto, or the first that works of {SOME} {OPEN}"),
    ("--device", "place.device", "", "a device of the backend: cuda:1"),
    ("--dtype", "place.dtype", "float32", "float32 or float64"),
    ("--precision", "place.precision", "", "tf32 or bf16: what a GPU may round the factors of products to"),
)
HOMES = {option: setting for option, setting, *_ in (*FLAGS, *READING, *PLACES)}
HOMES |= {"--early-stopping": "training.early_stopping", "--fold-case": "data.fold_case"}
WORKERS = "train in so many processes of MPI, with the same bits on any number of them [default: 1]"
NO_SETTINGS = {"data", "restarts", "workers"} | {  # the words of the commands that train which are no settings
    word.lstrip("-").replace("-", "_") for words, _ in (*RUNNING, *SEARCHING) for word in words
}
CONFIGURED = {option[2:]: default for option, _, default, _ in PLACES}  # where a model is opened by default


def on_backend(command: Command) -> Command:
    """The options that say where it is computed."""
    for option, _, default, text in reversed(PLACES):
        command = click.option(option, default=default, show_default=bool(default), help=text)(command)
    return command


def reading(command: Command) -> Command:
    """The options that say how a table is read. None: not given."""
    for option, setting, kind, text in reversed(READING):
        command = click.option(option, type=kind, default=None, help=text, multiple=setting in REPEATED)(command)
    return command


def configured(command: Command) -> Command:
    """The options of `nnx train` that are settings. None: not given."""
    for option, _, default, text in reversed(PLACES):
        shown = f"{text} [default: {default}]" if default else text
        command = click.option(option, default=None, help=shown)(command)
    command = click.option(
        "--early-stopping/--no-early-stopping",
        default=None,
        help="stop when --metric gets no better on the rows held out, and keep the best weights [default: stop]",
    )(command)
    fold = "take text that differs in capitals only for one, of the target too [default: no]"
    command = click.option("--fold-case/--no-fold-case", default=None, help=fold)(command)
    for option, setting, kind, text in reversed(FLAGS):
        command = click.option(option, type=kind, default=None, help=text, multiple=setting in REPEATED)(command)
    return reading(command)


def running(command: Command) -> Command:
    """The options of a command that trains, which are no settings."""
    return _given(command, RUNNING)


def on_ranks(command: Command) -> Command:
    """The option of a command that may train in several processes."""
    return click.option("--workers", type=click.IntRange(1), default=1, help=WORKERS)(command)


def searching(command: Command) -> Command:
    """The options of `nnx search` alone."""
    return _given(command, SEARCHING)


def _given(command: Command, options: Options) -> Command:
    for words, more in reversed(options):
        command = click.option(*words, **more)(command)
    return command


def chosen_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the options given are."""
    settings = {setting: flags[option[2:].replace("-", "_")] for option, setting in HOMES.items()}
    settings["data.kinds"] = dict(flags["kind"]) or None
    settings["data.monotone"] = dict(pair for pairs in flags["monotone"] for pair in pairs) or None
    settings["data.drop"] = flags["drop"] or None
    return settings | {f"data.{name}": value or None for name, value in _lists(flags).items()}


def asked(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What the options given say of the reading of a table, by the fields of nnx.tables.Reading."""
    names = [setting.partition(".")[2] for _, setting, *_ in READING]
    values = {name: flags[name] for name in names} | _lists(flags)
    return {name: value for name, value in values.items() if value not in (None, "", ())}


def _lists(flags: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The options that are repeated lists of words, each as one list."""
    return {name: tuple(word for words in flags[name] for word in words) for name in ("missing", "keep_text")}
