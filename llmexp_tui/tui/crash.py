"""What happens when the app dies of a fault of its own: a report on disk, one sentence on the terminal.

Locals are never shown: they hold prompts, answers and sometimes keys. The report has the trace without locals,
passed through the redaction by value of every secret-looking environment variable.
"""

from __future__ import annotations

import os
import re
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

from llmexp_tui.domain.text import neutralise

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH)", re.IGNORECASE)
_SECRET_SHAPE = re.compile(r"\b(?:sk|pk|rk|ghp|gho|glpat|xox[abp]|AKIA|AIza|hf)[-_A-Za-z0-9]{12,}|Bearer\s+\S{8,}")
_MIN_SECRET = 6


def redact(text: str, env: Mapping[str, str]) -> str:
    """The text with the values of secret-looking variables, and whatever has the shape of a key, blacked out."""
    secrets = {value for name, value in env.items() if _SECRET_NAME.search(name) and len(value) >= _MIN_SECRET}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    return _SECRET_SHAPE.sub("[redacted]", text)


def crash_report(error: BaseException, env: Mapping[str, str]) -> str:
    """The trace of an error and of its causes, without locals, redacted and safe to print."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return neutralise(redact("".join(lines), env))


def write_report(report: str, folder: Path | None) -> Path | None:
    """Write a report to a new file only its owner can read; None where no file can be written."""
    for place in (folder, Path(tempfile.gettempdir())):
        if place is None:
            continue
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(prefix="llmexp-tui-crash-", suffix=".txt", dir=place)
        except OSError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(report)
        return Path(name)
    return None
