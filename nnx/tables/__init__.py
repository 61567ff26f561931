"""Tables: reading them, and turning their columns into numbers."""

from .encoder import TableEncoder
from .files import BUILT_IN, check_target, open_table
from .reading import Reading
from .source import Memory, Scan, Source, cells, from_python
from .target import TASKS, Target

__all__ = [
    "BUILT_IN",
    "TASKS",
    "Memory",
    "Reading",
    "Scan",
    "Source",
    "TableEncoder",
    "Target",
    "cells",
    "check_target",
    "from_python",
    "open_table",
]
