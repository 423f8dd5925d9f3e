"""Every error a user can meet. Each says what is wrong, where, and how to mend it, and carries its exit code.

LlmexpError                      exit 2 unless a subclass says otherwise
├── UsageError                   the command line or the request makes no sense
├── ConfigError                  llmexp.toml, a prompt or a scorer setting is wrong
│   ├── UnknownNameError         a name that is not there; carries the nearest known one
│   ├── AxisError                variants differ in more than the declared axis
│   └── SameVariantsError        two variants differ in nothing
├── DatasetError                 a data file cannot be read as rows
├── PromptError                  a prompt file cannot be parsed or rendered
├── TrustError                   a power is used in a project that is not trusted
├── GitError                     a ref, merge base or file at a ref is not to be had
├── StoreError                   the database cannot be opened, read or written
│   ├── StoreVersionError        the file was written by a newer program
│   └── StoreBusyError           another process holds the lock for too long
├── RunError                     exit 4: the run could not be completed; what finished is stored
│   ├── ProviderStopError        the provider refuses in a way that no retry mends
│   │   └── OutageError          it failed row after row; those rows failed for no fault of theirs
│   ├── BudgetError              the cost cap was reached
│   ├── ErrorRateError           more of an arm's cells failed than the plan allows
│   └── OfflineError             offline, and something is missing
├── InterruptedRunError          exit 130
└── CalledOffError               exit 130; whoever asked for a long piece of work wants it no more
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LlmexpError(Exception):
    """Base of all errors shown to a user: one sentence of what, optionally where and how to mend it."""

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The whole message on one line: where, what, how to mend."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.mend}" if self.mend else text


class UsageError(LlmexpError):
    """The command line or the request makes no sense."""


class ConfigError(LlmexpError):
    """llmexp.toml, a prompt's front matter or a scorer's settings are wrong."""


class UnknownNameError(ConfigError):
    """A name that does not exist where it is looked up; names the nearest known one."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> None:
        options = sorted(known)
        near = get_close_matches(name, options, n=1, cutoff=0.5)
        if near:
            mend = f'did you mean "{near[0]}"?'
        elif options:
            mend = f"known: {', '.join(options[:12])}"
        else:
            mend = f"there is no {kind} yet"
        self.nearest = near[0] if near else None
        super().__init__(f'unknown {kind} "{name}"', where=where, mend=mend)


class AxisError(ConfigError):
    """Two variants differ in more than the axis of their experiment."""


class SameVariantsError(ConfigError):
    """Two variants differ in nothing, there is nothing to compare."""


class DatasetError(LlmexpError):
    """A data file cannot be read as rows."""


class PromptError(LlmexpError):
    """A prompt file cannot be parsed or rendered."""


class TrustError(LlmexpError):
    """The project uses a power (code, a command, a foreign address) and is not trusted."""


class GitError(LlmexpError):
    """A ref, a merge base or a file at a ref is not to be had."""


class StoreError(LlmexpError):
    """The database cannot be opened, read or written."""


class StoreVersionError(StoreError):
    """The database was written by a newer program."""


class StoreBusyError(StoreError):
    """Another process holds the database's lock for too long."""

    exit_code = 4


class RunError(LlmexpError):
    """The run could not be completed; what finished is stored and can be resumed."""

    exit_code = 4


class ProviderStopError(RunError):
    """The provider refuses in a way that no retry mends (bad key, unknown model, quota)."""


class OutageError(ProviderStopError):
    """The provider failed row after row: `resume` calls again what failed, no row is to blame."""


class BudgetError(RunError):
    """The cost cap was reached before the run was complete."""


class ErrorRateError(RunError):
    """More of an arm's cells failed than the plan's max_error_rate allows."""


class OfflineError(RunError):
    """Offline, and an answer is neither stored nor cached."""


RESUME_COMMAND = "`llmexp-tui resume`"
RESUME_MEND = f"{RESUME_COMMAND} finishes it"
"""How an interrupted run is gone on with from a command line."""


class InterruptedRunError(LlmexpError):
    """The run was stopped by a signal; what finished is stored and can be resumed."""

    exit_code = 130


class CalledOffError(LlmexpError):
    """Whoever asked for a long piece of work wants it no more. Nothing went wrong."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("called off")
