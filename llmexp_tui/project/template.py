"""The safe part of Jinja2 that prompts are written in.

A template may come from a stranger's branch and rows from anywhere, so what is allowed is a list, not what is
forbidden: look-ups of data, conditions, loops over a row's own list, a few filters. No calls, no arithmetic, no
concatenation, nothing that can grow faster than the row itself. Row values are data: they are never parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, NoReturn

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import PromptError
from llmexp_tui.project.filters import FILTERS, MAX_RENDERED, loop_items, shown

MAX_SOURCE = 256 << 10
_MAX_LOOP_DEPTH = 3
_MAX_DEPTH = 60
"""Python refuses to compile code that is nested about a hundred deep."""
_LOOP_FIELDS = frozenset({"index", "index0", "first", "last", "length", "revindex", "revindex0"})
_TESTS = ("defined", "undefined", "none", "string", "number", "boolean", "mapping", "sequence", "eq", "ne", "in")
_ANY_CHILD = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Const, nodes.List, nodes.Tuple,
)  # fmt: skip
_RENDER_ERRORS = (TemplateError, TypeError, ValueError, KeyError, IndexError, ArithmeticError, RecursionError)
_COMPILE_ERRORS = (TemplateError, SyntaxError, ValueError, RecursionError, MemoryError)
"""What Jinja2 and the Python compiler raise for broken and for absurd sources."""
_LOOP_FILTER = "loop_items"


class _Environment(SandboxedEnvironment):
    """Look-ups find data only: keys of mappings, items of lists, the loop's own counters."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()
        if isinstance(obj, Mapping):
            if argument in obj:
                return obj[argument]
        elif isinstance(obj, (list, tuple)):
            if type(argument) is int and -len(obj) <= argument < len(obj):
                return obj[argument]
        elif isinstance(obj, LoopContext) and argument in _LOOP_FIELDS:
            return getattr(obj, argument)
        return self.undefined(obj=obj, name=argument)

    def call(self, /, *args: Any, **kwargs: Any) -> NoReturn:
        raise SecurityError("calls are not allowed")


def _environment() -> _Environment:
    env = _Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        finalize=shown, cache_size=0,
    )  # fmt: skip
    env.globals.clear()
    env.filters.clear()
    env.filters.update(FILTERS)
    env.filters[_LOOP_FILTER] = loop_items
    for name in [name for name in env.tests if name not in _TESTS]:
        del env.tests[name]
    return env


_ENV = _environment()


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the walk knows at a node: names bound by loops, the innermost loop's own, names tested by `is defined`."""

    bound: frozenset[str] = frozenset()
    innermost: frozenset[str] = frozenset()
    guarded: frozenset[str] = frozenset()
    loops: int = 0
    depth: int = 0


class _Inspector:
    """Walks a parsed template once: refuses what is not allowed and collects the row's columns it needs."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.required: dict[str, int] = {}
        self.optional: dict[str, int] = {}

    def refuse(self, node: nodes.Node, what: str, mend: str | None = None) -> NoReturn:
        raise PromptError(what, where=f"{self.where}:{node.lineno or 1}", mend=mend)

    def visit(self, node: nodes.Node, scope: _Scope) -> None:
        """Checks a node and everything below it."""
        if scope.depth > _MAX_DEPTH:
            self.refuse(node, "nested too deeply", "make the template flatter")
        inner = replace(scope, depth=scope.depth + 1)
        special = self._SPECIAL.get(type(node))
        if special is not None:
            special(self, node, inner)
        elif type(node) in _ANY_CHILD or _is_constant(node):
            for child in node.iter_child_nodes():
                self.visit(child, inner)
        else:
            self.refuse(node, f"{_construct(node)} is not allowed in a prompt", "prepare the value in the dataset")

    def _name(self, node: nodes.Name, scope: _Scope) -> None:
        if node.name == "self":
            self.refuse(node, '"self" means something else here', 'write row["self"]')
        if node.name in scope.bound:
            return
        known = self.optional if node.name in scope.guarded else self.required
        known.setdefault(node.name, node.lineno)

    def _getattr(self, node: nodes.Getattr, scope: _Scope) -> None:
        if node.attr.startswith("_"):
            self.refuse(node, f'"{one_line(node.attr, 40)}" may not be looked up', 'write ["…"] for a key of the row')
        self.visit(node.node, scope)

    def _getitem(self, node: nodes.Getitem, scope: _Scope) -> None:
        whole_row = isinstance(node.node, nodes.Name) and node.node.name == "row" and "row" not in scope.bound
        if whole_row and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            self.required.setdefault(node.arg.value, node.lineno)
            return
        self.visit(node.node, scope)
        if isinstance(node.arg, nodes.Slice):
            for part in (node.arg.start, node.arg.stop, node.arg.step):
                if part is not None and not _is_constant(part):
                    self.refuse(node, "a slice takes constants only")
        else:
            self.visit(node.arg, scope)

    def _filter(self, node: nodes.Filter, scope: _Scope) -> None:
        if node.name not in FILTERS:
            near = get_close_matches(node.name, FILTERS, n=1)
            mend = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(FILTERS)}"
            self.refuse(node, f'unknown filter "{one_line(node.name, 40)}"', mend)
        if node.node is None:
            self.refuse(node, "a filter block is not allowed in a prompt")
        self._constants(node, f'filter "{node.name}"')
        if node.name == "default" and isinstance(node.node, nodes.Name):
            self._may_be_absent(node.node, scope)
        else:
            self.visit(node.node, scope)

    def _test(self, node: nodes.Test, scope: _Scope) -> None:
        if node.name not in _TESTS:
            self.refuse(node, f'unknown test "{one_line(node.name, 40)}"', f"known: {', '.join(_TESTS)}")
        self._constants(node, f'test "{node.name}"')
        if node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name):
            self._may_be_absent(node.node, scope)
        else:
            self.visit(node.node, scope)

    def _constants(self, node: nodes.Filter | nodes.Test, what: str) -> None:
        values = [*node.args, *(pair.value for pair in node.kwargs)]
        if node.dyn_args is not None or node.dyn_kwargs is not None or not all(map(_is_constant, values)):
            self.refuse(node, f"{what} takes constants only", "prepare the value in the dataset")

    def _may_be_absent(self, name: nodes.Name, scope: _Scope) -> None:
        if name.name not in scope.bound:
            self.optional.setdefault(name.name, name.lineno)

    def _if(self, node: nodes.If | nodes.CondExpr, scope: _Scope) -> None:
        tests = [node.test] if isinstance(node.test, nodes.Test) else []
        tests += node.test.find_all(nodes.Test)
        names = {test.node.name for test in tests if test.name == "defined" and isinstance(test.node, nodes.Name)}
        inside = replace(scope, guarded=scope.guarded | names)
        bodies = node.body if isinstance(node, nodes.If) else [node.expr1]
        for child in node.iter_child_nodes():
            self.visit(child, inside if any(child is part for part in bodies) else scope)

    def _for(self, node: nodes.For, scope: _Scope) -> None:
        if node.recursive:
            self.refuse(node, "a recursive loop is not allowed in a prompt")
        if scope.loops >= _MAX_LOOP_DEPTH:
            self.refuse(node, f"loops are nested more than {_MAX_LOOP_DEPTH} deep")
        root = _root_name(node.iter)
        if root is None:
            self.refuse(node, "a loop may only go over a list of the row", "write {% for item in column %}")
        if scope.loops and root not in scope.innermost:
            # two loops over the row's own lists inside each other would multiply their lengths
            self.refuse(node, "an inner loop may only go over a list of the outer loop's item")
        self.visit(node.iter, scope)
        targets = frozenset(name.name for name in node.target.find_all(nodes.Name)) | (
            frozenset({node.target.name}) if isinstance(node.target, nodes.Name) else frozenset()
        )
        if not isinstance(node.target, nodes.Name | nodes.Tuple) or "row" in targets or "self" in targets:
            self.refuse(node, "the loop's own name may not be row or self", "give it another name")
        inside = replace(scope, bound=scope.bound | targets | {"loop"}, innermost=targets, loops=scope.loops + 1)
        for child in (*node.body, *([node.test] if node.test is not None else [])):
            self.visit(child, inside)
        for child in node.else_:
            self.visit(child, scope)

    _SPECIAL: Mapping[type[nodes.Node], Callable[[_Inspector, Any, _Scope], None]] = {
        nodes.Name: _name, nodes.Getattr: _getattr, nodes.Getitem: _getitem, nodes.Filter: _filter,
        nodes.Test: _test, nodes.For: _for, nodes.If: _if, nodes.CondExpr: _if,
    }  # fmt: skip


def _is_constant(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const))


def _root_name(node: nodes.Node) -> str | None:
    """The variable that a chain of look-ups starts from; None for anything that is not such a chain."""
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else None


def _construct(node: nodes.Node) -> str:
    names: dict[type[nodes.Node], str] = {
        nodes.Call: "a call", nodes.Concat: "joining with ~",
        nodes.Assign: "{% set %}", nodes.AssignBlock: "{% set %}",
        nodes.Macro: "{% macro %}", nodes.Include: "{% include %}", nodes.Import: "{% import %}",
        nodes.FromImport: "{% import %}", nodes.Extends: "{% extends %}", nodes.Block: "{% block %}",
        nodes.FilterBlock: "{% filter %}", nodes.With: "{% with %}", nodes.CallBlock: "{% call %}",
        nodes.Dict: "a dictionary",
    }  # fmt: skip
    if isinstance(node, nodes.BinExpr | nodes.UnaryExpr):
        return "arithmetic"
    return names.get(type(node), f"{type(node).__name__.lower()}")


def _guard_loops(tree: nodes.Template) -> None:
    """Makes every loop go over what `loop_items` lets through."""
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _LOOP_FILTER, [], [], None, None, lineno=loop.lineno)


def _settle(tree: nodes.Template, constants: Mapping[str, Any], where: str) -> None:
    """Renders, once, the loops that depend on no row: few-shot blocks then cost nothing a row."""
    for place, node in enumerate(tree.body):
        if not isinstance(node, nodes.For):
            continue
        look = _Inspector(where)
        look.visit(node, _Scope())
        if look.optional or not set(look.required) <= set(constants):
            continue
        alone = nodes.Template([node], lineno=node.lineno)
        _guard_loops(alone)
        text = _Renderer(alone, where, {}).text(constants)
        tree.body[place] = nodes.Output([nodes.TemplateData(text, lineno=node.lineno)], lineno=node.lineno)


class _Renderer:
    """A compiled tree that turns values into text. `lines` maps a variable to the line to name in messages."""

    def __init__(self, tree: nodes.Template, where: str, lines: Mapping[str, int]) -> None:
        tree.set_environment(_ENV)
        self._template = _ENV.from_string(tree)
        self._where = where
        self._lines = lines

    def text(self, values: Mapping[str, Any]) -> str:
        """The rendered text. Raises PromptError."""
        size = 0
        pieces: list[str] = []
        try:
            for piece in self._pieces(values):
                size += len(piece)
                if size > MAX_RENDERED:
                    raise SecurityError(f"the text grows beyond {MAX_RENDERED >> 20} MB")
                pieces.append(piece)
        except UndefinedError as error:
            raise PromptError(
                f"this row lacks a value: {one_line(str(error), 120)}", where=self._place(error),
                mend="add it to the row, or write {{ name | default(\"\") }}",
            ) from None  # fmt: skip
        except _RENDER_ERRORS as error:
            raise PromptError(f"cannot be rendered: {one_line(str(error), 160)}", where=self._place(error)) from None
        return "".join(pieces)

    def _pieces(self, values: Mapping[str, Any]) -> Iterator[str]:
        return self._template.root_render_func(self._template.new_context({"row": values, **values}))

    def _place(self, error: BaseException) -> str:
        trace = error.__traceback__
        line = None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return self._where if line is None else f"{self._where}:{line}"


@dataclass(frozen=True, slots=True)
class Template:
    """A checked and compiled template. `required` and `optional` map a row's columns to the line of first use."""

    required: Mapping[str, int]
    optional: Mapping[str, int]
    constants: Mapping[str, Any] = field(repr=False)
    _renderer: _Renderer = field(repr=False)

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for a row's values; about 10 µs for a small prompt. Raises PromptError."""
        return self._renderer.text({**values, **self.constants} if self.constants else values)


def compile_template(source: str, where: str, constants: Mapping[str, Any] | None = None) -> Template:
    """Checks and compiles a template. `constants` are known to every row. Raises PromptError with file and line."""
    if len(source) > MAX_SOURCE:
        raise PromptError(f"longer than {MAX_SOURCE >> 10} KB", where=where, mend="move data into the dataset")
    given = dict(constants or {})
    try:
        tree = _ENV.parse(source)
        look = _Inspector(where)
        look.visit(tree, _Scope())
        _settle(tree, given, where)
        _guard_loops(tree)
        required = {name: line for name, line in look.required.items() if name not in given}
        renderer = _Renderer(tree, where, required)
    except TemplateSyntaxError as error:
        raise PromptError(one_line(error.message or "syntax error", 160), where=f"{where}:{error.lineno}") from None
    except _COMPILE_ERRORS as error:
        what = "nested too deeply" if isinstance(error, RecursionError | SyntaxError | MemoryError) else str(error)
        raise PromptError(f"cannot be compiled: {one_line(what, 160)}", where=where) from None
    optional = {name: line for name, line in look.optional.items() if name not in given and name not in required}
    return Template(required, optional, given, renderer)
