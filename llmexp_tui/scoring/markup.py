"""Whether an answer is well-formed SQL or XML. Nothing is run, fetched or expanded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NoReturn
from xml.parsers import expat

from llmexp_tui.domain.score import Score
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.scoring.definition import PASS, Definition, ScorerContext
from llmexp_tui.scoring.libraries import library_version, load
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings
from llmexp_tui.scoring.structure import failed, unfenced

_STATEMENTS = (
    "Query", "DML", "DDL", "Values", "Set", "Use", "Drop", "Alter", "TruncateTable", "Transaction", "Commit",
    "Rollback", "Describe", "Pragma", "Comment", "Cache", "Uncache", "Refresh", "Show", "Grant", "Revoke", "Analyze",
    "Kill", "LoadData", "Copy", "Attach", "Detach", "Summarize", "Declare",
)

_LONGEST_SQL = 100_000
"""Parsing takes about a second for so many characters, during which nothing else of the run moves."""


def _where(error: Any) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return "not SQL"
    first = details[0]
    return f"{first.get('description')} at line {first.get('line')}, column {first.get('col')}"


def _allowed(names: Sequence[str], kinds: tuple[type, ...], settings: Settings, exp: Any) -> frozenset[str]:
    """The kinds of statement that `allow` names. Raises UnknownNameError for one that there is not."""
    classes: list[Any] = [item for item in vars(exp).values() if isinstance(item, type) and issubclass(item, kinds)]
    known = sorted({item.key for item in classes if issubclass(item, exp.Expression)})
    for name in names:
        if name.lower() not in known:
            raise UnknownNameError("kind of statement", name, known, where=settings.where)
    return frozenset(name.lower() for name in names)


def _forbidden(statement: Any, allowed: frozenset[str], exp: Any) -> str | None:
    """The first kind in a statement that is not allowed; a union and a query in parentheses are a select."""
    query = isinstance(statement, exp.Query) and "select" in allowed
    if not query and statement.key not in allowed:
        return str(statement.key)
    changes = (str(node.key) for node in statement.walk() if isinstance(node, exp.DML))
    return next((key for key in changes if key not in allowed), None)


def is_sql(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer parses as SQL statements (sqlglot), in `dialect` where given.

    A statement that sqlglot passes on unparsed (a lone command, "show me the list") does not count. `allow =
    ["select"]` also refuses every other kind, a change of data inside a query too; `fenced` takes the only code
    fence's content.
    """
    sqlglot = load("sqlglot", settings, "sql")
    # It logs what it cannot parse, which is foreign text and must not reach the terminal.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    dialect, fenced = settings.text("dialect"), settings.flag("fenced")
    allow = settings.texts("allow")
    if dialect is not None:
        try:
            sqlglot.Dialect.get_or_raise(dialect)
        except ValueError as error:
            settings.refuse(f"dialect = {dialect!r}: {error}", "see sqlglot's list of dialects")
    kinds = tuple(getattr(sqlglot.exp, name) for name in _STATEMENTS if hasattr(sqlglot.exp, name))
    allowed = None if allow is None else _allowed(allow, kinds, settings, sqlglot.exp)

    def measure(sample: Sample) -> Score:
        text = unfenced(sample.text) if fenced else sample.text
        if len(text) > _LONGEST_SQL:
            return Score(None, error=f"the answer is longer than {_LONGEST_SQL:,} characters")
        try:
            statements = [item for item in sqlglot.parse(text, read=dialect) if item is not None]
        except sqlglot.errors.SqlglotError as error:
            return failed(_where(error))
        except RecursionError:
            return failed("nested too deeply")
        if not statements:
            return failed("no statement")
        for statement in statements:
            if not isinstance(statement, kinds):
                return failed(f"not a statement: {statement.key}")
            if allowed is not None and (found := _forbidden(statement, allowed, sqlglot.exp)) is not None:
                return failed(f"{found} is not allowed")
        return PASS

    body = {"dialect": dialect, "fenced": fenced, "allow": None if allowed is None else sorted(allowed),
            "library": library_version("sqlglot")}
    return Definition(body=body, measure=measure)


class _RefusedXml(Exception):
    """The document declares entities, which can grow without bound or reach for files."""


def _refuse(*_: object) -> NoReturn:
    raise _RefusedXml("declares entities or an external document type, which are refused")


def _xml_paths(text: str, keep: frozenset[str]) -> set[str]:
    """Which of the element paths in `keep` (root.child) occur. Raises ExpatError, _RefusedXml.

    The parser builds no tree and expands no entity, so a bomb costs no more than its own length.
    """
    parser = expat.ParserCreate("utf-8")  # what the text itself names is the encoding of a file that it never was in
    stack: list[str] = []
    seen: set[str] = set()

    def start(name: str, _: dict[str, str]) -> None:
        stack.append(name)
        if keep and len(stack) <= 32 and (path := ".".join(stack)) in keep:
            seen.add(path)

    def end(_: str) -> None:
        stack.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.Parse(text.encode("utf-8"), True)
    return seen


def is_xml(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer is one well-formed XML document; entity declarations count as not well-formed.

    `elements` names paths that must be there, such as "reply.body"; `fenced` takes the only code fence's content.
    """
    fenced, elements = settings.flag("fenced"), settings.texts("elements") or ()
    keep = frozenset(elements)

    def measure(sample: Sample) -> Score:
        text = unfenced(sample.text) if fenced else sample.text
        try:
            seen = _xml_paths(text.strip(), keep)
        except expat.ExpatError as error:
            return failed(f"{expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset}")
        except (_RefusedXml, UnicodeEncodeError) as error:
            return failed(str(error))
        missing = [path for path in elements if path not in seen]
        return failed(f"no element {missing[0]}") if missing else PASS

    return Definition(body={"fenced": fenced, "elements": sorted(keep)}, measure=measure)
