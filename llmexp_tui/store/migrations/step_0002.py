"""Schema 2: a score says which model judged it, as the provider named it."""

from __future__ import annotations

READABLE_FROM = 1

STATEMENTS = ("ALTER TABLE score ADD COLUMN model_returned TEXT",)
