"""Schema 3: a hold says how fast its process may go just now."""

from __future__ import annotations

READABLE_FROM = 1

STATEMENTS = (
    "ALTER TABLE hold ADD COLUMN concurrency INTEGER",
    "ALTER TABLE hold ADD COLUMN most INTEGER",
    "ALTER TABLE hold ADD COLUMN waiting TEXT",
    "ALTER TABLE hold ADD COLUMN until VARCHAR",
)
