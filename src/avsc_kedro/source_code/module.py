"""One module's text taken apart: its definitions by name, and what it imports."""

from __future__ import annotations

import ast
import functools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

STARTED_S = time.time()  # as good as when this process did


class Definition(NamedTuple):
    """A function, class or constant of a module; without a name, the whole module."""

    module: str
    name: str | None


class Module:
    """One file's definitions by name, what it imports, and what it does when imported."""

    def __init__(self, name: str, path: Path):
        self.name = name
        self.is_package = path.name == "__init__.py"
        # What is in the file is then not what runs.
        self.edited_s = path.stat().st_mtime
        self.is_edited = name in sys.modules and self.edited_s > STARTED_S
        self.definitions: dict[str | None, list[ast.stmt]] = {}
        self.imports: dict[str | None, Definition] = {}
        self.effects: list[ast.stmt] = []
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for statement in _without_docstrings(tree).body:
            self._add(statement)

    def statements(self, name: str | None) -> list[ast.stmt]:
        """Return a definition, or all if it is not known by name, and what importing does."""
        groups = [self.definitions[name]] if name in self.definitions else self.definitions.values()
        return [*(statement for group in groups for statement in group), *self.effects]

    def imported(self, statement: ast.stmt) -> Iterator[tuple[str, Definition]]:
        """Yield (local name, what it stands for) of an import from the same package."""
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if _is_ours(alias.name, self.name):
                    bound = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or bound, Definition(bound, None)
        elif isinstance(statement, ast.ImportFrom):
            source = self._absolute(statement)
            if _is_ours(source, self.name):
                for alias in statement.names:
                    whole = module_path(f"{source}.{alias.name}") is not None
                    target = (f"{source}.{alias.name}", None) if whole else (source, alias.name)
                    yield alias.asname or alias.name, Definition(*target)

    def _absolute(self, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - statement.level + self.is_package]
        return ".".join([*kept, *filter(None, [statement.module])])

    def _add(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.imports.update(self.imported(statement))
        elif names := list(_defined_names(statement)):
            for name in names:
                self.definitions.setdefault(name, []).append(statement)
        elif not _is_for_type_checkers(statement):
            self.effects.append(statement)


def names_in(statement: ast.stmt) -> set[str]:
    """Return the names a statement reads, the longest dotted form of each."""
    names = set()
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        dotted = dotted_name(node)
        if dotted:
            names.add(dotted)
        else:
            waiting += ast.iter_child_nodes(node)
    return names


def dotted_name(node: ast.AST) -> str:
    """Return `a.b.c` for a name or an attribute of one, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted_name(node.value)):
        return f"{before}.{node.attr}"
    return ""


def _defined_names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def _is_for_type_checkers(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and dotted_name(statement.test).endswith("TYPE_CHECKING")


def _is_ours(module: str, importer: str) -> bool:
    return (
        module.partition(".")[0] == importer.partition(".")[0] and module_path(module) is not None
    )


@functools.cache
def module_path(module: str) -> Path | None:
    """Return a module's file without importing it, None if there is none."""
    top, *rest = module.split(".")
    package = sys.modules.get(top)
    if package is None or not hasattr(package, "__path__"):
        return None
    stem = Path(package.__path__[0], *rest)
    candidates = [stem / "__init__.py", *([stem.with_name(f"{stem.name}.py")] if rest else [])]
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def read_module(module: str) -> Module:
    """Take a module's file apart, once a process.

    Raises:
        LookupError: If it is not a module of a package that is imported.
    """
    path = module_path(module)
    if path is None:  # a function of a script or an interactive session
        raise LookupError(f"The source code of {module} is not in a package")
    return Module(module, path)
