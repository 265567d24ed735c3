"""Moving a tenant: every resource and membership as one JSON object a line, out and in, in bounded memory.

Kept here: ids and dates stay as they are, and an import can be started again.
"""

from __future__ import annotations

from app.export_import.batch import Batch, read_batch
from app.export_import.exporter import export
from app.export_import.importer import MOST_TOLD, Importer
from app.export_import.lines import MEMBERSHIP, Numbered

__all__ = ["MEMBERSHIP", "MOST_TOLD", "Batch", "Importer", "Numbered", "export", "read_batch"]
