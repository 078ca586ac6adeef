"""State at rest: the only importer of sqlalchemy. One small class per question; SQL is the truth."""

from services.store.accept import Decide
from services.store.database import Database
from services.store.errors import StoreFull, StoreUnavailable
from services.store.store import Store

__all__ = ["Database", "Decide", "Store", "StoreFull", "StoreUnavailable"]
