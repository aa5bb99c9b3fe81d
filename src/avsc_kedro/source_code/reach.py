"""Follow the names a function uses, from definition to definition.

Through the project's modules it imports, and on from there. Python files are only read.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator

from avsc_kedro.source_code.module import (
    Definition,
    Module,
    module_path,
    names_in,
    read_module,
)

# They show, start, stop and store what others compute; no result depends on them.
WITHOUT_RESULT = (
    "errors",
    "models.checkpoints",
    "models.exhaustion",
    "models.finite",
    "models.observers",
    "progress",
    "publish",
    "source_code",
    "workers",
)

logger = logging.getLogger(__name__)


def code_digest(function: Callable) -> str:
    """Return one digest (32 hexadecimal digits) of all code that `function` depends on."""
    digests = code_digests(function)
    return _digest("\n".join(f"{module} {digest}" for module, digest in digests.items()))


def code_digests(function: Callable) -> dict[str, str]:
    """Return what `function` depends on, module by module.

    Args:
        function: A function of a package's module, or a partial of one.

    Returns:
        {module: digest of those of its definitions that are reached}, sorted. Modules
        of other packages are left out.
    """
    while isinstance(function, functools.partial):
        function = function.func
    reached = _reach(Definition(function.__module__, function.__qualname__.partition(".")[0]))
    texts = defaultdict(list)
    for definition in sorted(reached, key=str):
        texts[definition.module].append(_text(definition))
    return {module: _digest("\n".join(texts[module])) for module in sorted(texts)}


def _reach(start: Definition) -> set[Definition]:
    reached: set[Definition] = set()
    waiting = [start]
    while waiting:
        definition = waiting.pop()
        passed_on = read_module(definition.module).imports.get(definition.name)
        if passed_on:
            waiting.append(passed_on)
        elif definition not in reached:
            reached.add(definition)
            waiting += _uses(definition)
    return reached


@functools.cache
def _text(definition: Definition) -> str:
    module = read_module(definition.module)
    text = "\n".join(ast.unparse(statement) for statement in module.statements(definition.name))
    if not module.is_edited:
        return text
    logger.warning("%s was changed since this process started; restart it", module.name)
    return f"{text}\n# imported before {module.edited_s}"


@functools.cache
def _uses(definition: Definition) -> frozenset[Definition]:
    return frozenset(_used(definition))


def _used(definition: Definition) -> Iterator[Definition]:
    module = read_module(definition.module)
    for statement in module.statements(definition.name):
        scope = dict(module.imports)
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                scope.update(module.imported(node))
        for name in names_in(statement):
            found = _resolve(module, scope, name)
            if found and not _has_no_result(found.module):
                yield found


def _resolve(module: Module, scope: dict[str, Definition], name: str) -> Definition | None:
    """Return what a dotted name stands for, as exactly as the text tells."""
    first, *rest = name.split(".")
    if first in module.definitions:
        return Definition(module.name, first)
    target = scope.get(first)
    while target and target.name is None and rest:
        attribute = rest.pop(0)
        inner = f"{target.module}.{attribute}"
        if module_path(inner):
            target = Definition(inner, None)
        elif _knows(target.module, attribute):
            return Definition(target.module, attribute)
        else:
            break
    if target and target.name and not _knows(target.module, target.name):
        return Definition(target.module, None)
    return target


def _knows(module: str, name: str) -> bool:
    known = read_module(module)
    return name in known.definitions or name in known.imports


def _has_no_result(module: str) -> bool:
    inner = module.partition(".")[2]
    return any(inner == name or inner.startswith(f"{name}.") for name in WITHOUT_RESULT)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
