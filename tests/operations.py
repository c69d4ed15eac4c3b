"""What the sweeping tests share with `cnorm check`: operations with their oracles, and layouts."""

from __future__ import annotations

from cnorm._check.operations import LAYOUTS, OPERATIONS, Operation

__all__ = ["LAYOUTS", "OPERATIONS", "Operation"]
