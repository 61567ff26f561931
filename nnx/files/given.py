"""What `save` is given: a path, a network and its parameters or a result that has them, and what lies beside them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..contract import Array, Layer, Loss
from ..errors import SettingError, require, shown
from ..settings import part


def sorted_out(*given: Any) -> tuple[Path, Layer, Mapping[str, Array], tuple[Any, Any, Any, Any]]:
    """The path, the network, its parameters; and its loss, encoder, target and row. The first three in any order.

    Raises: SettingError.
    """
    paths = [one for one in given if isinstance(one, (str, os.PathLike))]
    others = [one for one in given if one is not None and not isinstance(one, (str, os.PathLike))]
    if len(paths) != 1:
        raise SettingError(f"save: path must be the path of a file, got {shown(given[0])}")
    maps = [one for one in others if isinstance(one, Mapping)]
    whole: Any = next((one for one in others if not isinstance(one, Mapping)), None)
    if hasattr(whole, "fits"):
        raise SettingError("save: it has several networks; save one, such as nnx.save(path, fit[fit.best()])")
    if hasattr(whole, "get_params"):
        kind = type(whole).__name__
        raise SettingError(f"save: {kind} is an estimator: joblib.dump keeps it whole, nnx.to_onnx exports it")
    if hasattr(whole, "net") and hasattr(whole, "params") and not isinstance(whole, type):
        require(not maps, "save: a result has its own parameters: leave params out, or give its net")
        encoder, target, row = (getattr(whole, name, None) for name in ("encoder", "target", "row"))
        return Path(paths[0]), whole.net, whole.params, (whole.loss, encoder, target, row)
    net: Layer = part("save: net", whole, Layer)
    need = "save: a network needs its parameters: nnx.save(path, net, params)"
    require(len(maps) == 1 and all(hasattr(p, "shape") for p in maps[0].values()), need)
    return Path(paths[0]), net, maps[0], (None, None, None, None)


def check_beside(**given: Any) -> None:
    """Raise SettingError unless what is to lie beside a network is of its kind."""
    for name, value in given.items():
        if name in ("arrays", "about"):
            fine, wanted = isinstance(value, Mapping), "a dict"
        elif name == "loss":
            fine, wanted = Loss in type(value).__mro__, "a loss such as nnx.SquaredError()"
        else:
            fine, wanted = hasattr(value, "to_data"), f"the {name} of a table"
        require(value is None or fine, f"{name} must be {wanted}", value)
