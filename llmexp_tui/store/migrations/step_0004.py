"""Schema 4: what each invocation may spend of the project's cap, so that several cannot pass it together."""

from __future__ import annotations

READABLE_FROM = 1

STATEMENTS = (
    """
CREATE TABLE allowance (
    no INTEGER NOT NULL,
    process_no INTEGER,
    before_usd FLOAT NOT NULL,
    granted_usd FLOAT NOT NULL,
    PRIMARY KEY (no),
    FOREIGN KEY(process_no) REFERENCES process (no)
)
    """,
)
