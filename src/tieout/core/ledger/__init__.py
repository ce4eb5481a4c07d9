"""The book as a projection of its journal: positions, balances and orders at any instant.

Pure: the same entries in any order of arrival give the same projection.
"""

from tieout.core.ledger.costs import Method, Position
from tieout.core.ledger.orders import Order
from tieout.core.ledger.project import Projection, entries_since, project

__all__ = ["Method", "Order", "Position", "Projection", "entries_since", "project"]
