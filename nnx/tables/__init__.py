"""Tables: reading them, and turning their columns into numbers."""

from .encoding.edges import bin_edges
from .encoding.encoder import TableEncoder
from .encoding.target import TASKS, Target
from .reading import Reading
from .sources.files import BUILT_IN, check_target, open_table
from .sources.source import Memory, Scan, Source, cells, from_python

__all__ = [
    "BUILT_IN",
    "TASKS",
    "Memory",
    "Reading",
    "Scan",
    "Source",
    "TableEncoder",
    "Target",
    "bin_edges",
    "cells",
    "check_target",
    "from_python",
    "open_table",
]
