"""Many networks trained as one: members, how they are joined, the batched run."""

from .fit import Population
from .member import Member
from .result import PopulationFit, PopulationReport

__all__ = ["Member", "Population", "PopulationFit", "PopulationReport"]
