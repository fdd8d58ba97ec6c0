"""Collects the texts of the core that people read: log lines, warnings, errors, and what stands in reports.

They are strings and f-strings in the code of ``model/``; docs/translating.md says which of them are taken. An f-string
becomes a template whose values are numbered holes: ``{1}`` is any text, ``{n2}`` a number. A value that is one of two
texts, as in ``f"cell{'s' if n > 1 else ''}"``, makes two templates.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
NO_TEXTS = ("model/training_cli.py", "model/options.py", "model/demo/layout.py", "model/demo/surface.py")
"""Files without texts for people who use QGIS, or with names that are data."""
WORDS = {
    *("and", "block", "Block", "blocks", "window", "Window", "Windows", "Blocks", "fold", "Region", "region", "area"),
    *("landslide", "landslides", "stable", "unknown", "points", "cells", "units", "features", "map", "maps", "model"),
    *(
        "train",
        "training",
        "validation",
        "test",
        "Training",
        "Validation",
        "Test",
        "usable",
        "weak",
        "yes",
        "no",
        "low",
        "moderate",
        "high",
        "none",
    ),
    *("continuous", "categorical", "degrees", "metres", "automatic", "spatial", "random", "factor", "factors"),
    *("error", "warning", "note", "flat", "rises", "falls", "unclear", "steeper", "wetter", "safe", "watch"),
    *("all", "medium", "good", "fair", "poor", "hit", "miss", "found", "missed", "success rate", "prediction rate"),
}
"""Words of one part that stand in holes and tables."""
MOST_VARIANTS = 16
"""Templates that one f-string may make; its further choices become holes."""
HOLE = re.compile(r"\{n?\d+\}")
_FIELD = re.compile(r"\{\w*(?P<spec>:[^{}]*)?\}")
_WORD = re.compile(r"[A-Za-z]{2,}")
_TITLE = re.compile(r"[A-Z][a-z]+(?:-[a-z]+)*")
_NUMERIC = re.compile(r"[+,]*(?:\.\d+)?[,%defgn]+|[+,_]|0?\d*d")
_CODE = re.compile(
    r"^[\w.*/-]+$|^\s*[#<\[]|\w+=\"|^[a-z-]+:[a-z0-9 .-]+;|\(\?|\\[bdsw]|%[(sd]|::|://\S+$|^\W*$|^-|\w\|\w"
    r"|^(CREATE|INSERT|PRAGMA|SELECT|DejaVu|Heiti|Microsoft|Noto|PingFang|Source Han|WenQuanYi) "
    r"|^(axes|figure|offset) \w+$|^(upper|lower|center) (left|right|center)$|^(?=.*_)[a-z0-9_/*.°℉℃ ]+$"
    r"|\b(cuda|cudnn|hip|mps) \w+$|^No module|^Application Support|^log10 "
)
"""Strings that no person reads: names, patterns, markup, SQL, fonts, words of matplotlib and of libraries' errors."""
_NO_TITLES = {
    "Blue",
    "Count",
    "Creator",
    "Date",
    "Software",
    "Green",
    "Library",
    "Local",
    "Pa",
    "Polygon",
    "Red",
    "Spearman",
}
_NO_TEXT_CALLS = {
    *("compile", "search", "match", "fullmatch", "sub", "findall", "finditer", "split", "rsplit", "partition", "strip"),
    *("startswith", "endswith", "getattr", "hasattr", "setattr", "open", "dtype", "isinstance", "field", "TypeVar"),
    *("ContextVar", "filterwarnings", "import_module", "find_spec", "einsum"),
}


def texts() -> dict[str, str]:
    """Return all texts, with the files that they come from."""
    found: dict[str, list[str]] = {}
    for path in sorted((PACKAGE / "model").rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        for text in in_code(path.read_text(encoding="utf-8")) if name not in NO_TEXTS else ():
            if name not in found.setdefault(text, []):
                found[text].append(name)
    for word in WORDS:
        found.setdefault(word, []).append("in holes and tables")
    return {text: ", ".join(names[:3]) + (" …" if len(names) > 3 else "") for text, names in sorted(found.items())}


def in_code(code: str) -> Iterator[str]:
    """Yield the texts of a module."""
    tree = ast.parse(code)
    names = _Names(tree)
    help_texts = {name.id for option in _options(tree) for name in ast.walk(option) if isinstance(name, ast.Name)}
    skipped = {id(option) for option in _options(tree)}
    skipped |= {id(node) for node in tree.body if isinstance(node, ast.Assign) and _name(node) in help_texts}
    for node in _strings(tree, skipped):
        for text in _variants(node, names.of(node)):
            text = text.strip().removeprefix(", ").removeprefix("; ").removeprefix(". ")
            if text.startswith("(") and text.find(")") == len(text) - 1:
                text = text[1:-1]
            if is_text(text):
                yield text


def is_text(text: str) -> bool:
    """Whether a string or template is meant for people: it has two words, or is a title of one."""
    if _TITLE.fullmatch(text):
        return text not in _NO_TITLES
    return not _CODE.search(text) and " " in text and bool(_WORD.search(HOLE.sub(" ", text)))


def _options(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the declarations of options, whose labels and help are texts of the dialogs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Options") for base in node.bases):
            yield from (
                item for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.value, ast.Call)
            )


def _strings(node: ast.AST, skipped: set[int]) -> Iterator[ast.expr]:
    """Yield the strings and f-strings below a node that can be meant for people."""
    if id(node) in skipped or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return  # the latter is a docstring
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    elif isinstance(node, ast.JoinedStr):
        yield node
        children = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(node, ast.Compare):
        children = [node.left]
    elif isinstance(node, ast.Subscript):
        children = [node.value]
    elif isinstance(node, ast.Dict):
        # Names of settings in a report are keys; those of records have no capital.
        children = [key for key in node.keys if isinstance(key, ast.Constant) and _TITLE.match(str(key.value))]
        children += node.values
    elif isinstance(node, ast.AnnAssign):
        children = [node.value] if node.value is not None else []
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
    elif isinstance(node, ast.Call) and _called(node) in _NO_TEXT_CALLS:
        method = isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Constant)
        children = [node.func] if method else []
    for child in children:
        yield from _strings(child, skipped)


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def _name(node: ast.Assign) -> str:
    return getattr(node.targets[0], "id", "")


class _Names:
    """The texts that a module gives names to: at its top, and by choice between two in a function."""

    def __init__(self, tree: ast.Module) -> None:
        self._module = {
            _name(node): [node.value.value]
            for node in tree.body
            if isinstance(node, ast.Assign) and _is_text(node.value)
        }
        self._local: dict[int, dict[str, list[str]]] = {}
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                known = self._choices(function)
                # Inner functions come later.
                self._local.update({id(node): known for node in ast.walk(function) if isinstance(node, ast.JoinedStr)})

    def of(self, node: ast.expr) -> dict[str, list[str]]:
        """Return the texts that each name can stand for where a string is."""
        return self._local.get(id(node), self._module)

    def _choices(self, function: ast.FunctionDef) -> dict[str, list[str]]:
        """Return the names in reach of a function; those that it sets once, to one of some constants, are its own."""
        values: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for name, value in _assigned(node):
                    values.setdefault(name, []).append(value)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                values.setdefault(node.id, [])
        arguments = {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
        known = {name: texts for name, texts in self._module.items() if name not in values and name not in arguments}
        for name, given in values.items():
            texts = _marked(given[0], {}) if len(given) == 1 and isinstance(given[0], ast.IfExp) else []
            if texts and name not in arguments and not any("\0" in text for text in texts):
                known[name] = texts
        return known


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _assigned(node: ast.Assign) -> list[tuple[str, ast.expr]]:
    """Return names and values of an assignment, one by one where it has several."""
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [(one.id, item) for one, item in zip(target.elts, value.elts) if isinstance(one, ast.Name)]
    return [(target.id, value)] if isinstance(target, ast.Name) else []


def _variants(node: ast.expr, names: Mapping[str, list[str]]) -> list[str]:
    """Return the texts or templates that a string or f-string makes."""
    found = []
    for text in _marked(node, names):
        number = itertools.count(1)
        found.append(re.sub("\0(n?)", lambda hole: f"{{{hole[1]}{next(number)}}}", text))  # noqa: B023  # called here
    return found


def _marked(node: ast.expr, names: Mapping[str, list[str]]) -> list[str]:
    """Return the same with NUL for a hole, NUL and n for a number; none for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        # A text for str.format
        return [_FIELD.sub(lambda field: "\0n" if _NUMERIC.fullmatch((field["spec"] or "")[1:]) else "\0", node.value)]
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.IfExp):
        both = [_marked(side, names) for side in (node.body, node.orelse)]
        return both[0] + both[1] if all(both) else []
    if not isinstance(node, ast.JoinedStr):
        return []
    many, parts = 1, []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            choices = _marked(part.value, names) if part.format_spec is None and part.conversion == -1 else []
            if choices and many * len(choices) <= MOST_VARIANTS:
                many *= len(choices)
                parts.append(choices)
            else:
                parts.append(["\0n" if _is_number(part) else "\0"])
        elif isinstance(part, ast.Constant):
            parts.append([part.value])
    return list(map("".join, itertools.product(*parts)))


def _is_number(part: ast.FormattedValue) -> bool:
    if isinstance(part.format_spec, ast.JoinedStr):
        spec = "".join(str(item.value) if isinstance(item, ast.Constant) else "1" for item in part.format_spec.values)
        return bool(_NUMERIC.fullmatch(spec))
    return isinstance(part.value, ast.Call) and _called(part.value) in ("len", "round", "int")
