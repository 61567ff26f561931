"""The backend of a command: the one that its options name, and its place in the settings of the run."""

from dataclasses import replace

from msgspec.structs import replace as changed

from ..backends import Backend, backend, first_working, on_device, preferred
from ..tabular.settings import Config


def open_backend(name: str, device: str, dtype: str, precision: str = "") -> tuple[str, Backend]:
    """The backend that the options --backend, --device, --dtype and --precision name, and its name: of several, the
    first that works; of none, that of NNX_BACKEND, or numpy."""
    asked = on_device(name or preferred(), device)
    used, why = first_working(asked, dtype, precision)
    return used.removesuffix(f":{device}"), replace(backend(used, dtype, precision), why=why)


def backend_of(config: Config) -> tuple[str, Backend]:
    """The backend of a run that has begun, and its name."""
    place = config.place
    return open_backend(place.backend, place.device, place.dtype, place.precision)


def placed(config: Config) -> tuple[Config, Backend]:
    """The settings with the backend that is used in the place of the one asked for, and that backend."""
    place, (used, chosen) = config.place, backend_of(config)
    asked = place.backend or preferred()
    return changed(config, place=changed(place, backend=used, asked=asked if asked != used else "")), chosen
