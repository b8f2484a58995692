"""Whether an In of the journal is valid Python against the public API."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from importlib import import_module
from typing import Any, get_args, get_type_hints

import autopurchase as ap
from autopurchase import api
from autopurchase.domain.code import unsigned

_API = {
    name: value
    for module in pkgutil.iter_modules(api.__path__)
    for name, value in vars(import_module(f"{api.__name__}.{module.name}")).items()
}


def check(call: str) -> None:
    """Raise AssertionError, naming the call, unless it is one call on ``shop`` that its signatures take.

    A comment alone is fine, too: what cannot be called is said in words. Nothing is executed.
    """
    tree = ast.parse(call)
    assert unsigned(call) == call, f"something secret stands in {call}"
    if tree.body:
        (statement,) = tree.body
        assert isinstance(statement, ast.Expr), call
        assert isinstance(statement.value, ast.Call), f"not a call: {call}"
        _answer(statement.value, call)


def _answer(node: ast.expr, call: str) -> Any:
    """The type that an expression gives, as far as annotations tell."""
    if isinstance(node, ast.Name):
        assert node.id == "shop", f"begins with {node.id}, not with shop: {call}"
        return ap.Workspace
    if isinstance(node, ast.Attribute):
        member = _member(_answer(node.value, call), node.attr, call)
        assert isinstance(member, property), f"{node.attr} is not called in {call}"
        return _hints(member.fget)["return"]
    assert isinstance(node, ast.Call), call
    assert isinstance(node.func, ast.Attribute), call
    function = _member(_answer(node.func.value, call), node.func.attr, call)
    assert inspect.isfunction(function), f"{node.func.attr} is no method in {call}"
    hints = _hints(function)
    _takes(function, hints, node, call)
    return hints["return"]


def _hints(function: Any) -> dict[str, Any]:
    """Annotations as types, also of what is imported for type checking only, as parts of the API know each other."""
    return get_type_hints(function, {**_API, **function.__globals__})


def _member(owner: Any, name: str, call: str) -> Any:
    assert hasattr(owner, name), f"{owner.__name__} has no {name}: {call}"
    assert not name.startswith("_"), call
    return inspect.getattr_static(owner, name)


def _takes(function: Any, hints: dict[str, Any], node: ast.Call, call: str) -> None:
    names = {each.arg or "**": ... for each in node.keywords}
    signature = inspect.signature(function)
    try:
        bound = signature.bind(None, *node.args, **names)
    except TypeError as error:
        raise AssertionError(f"{error}: {call}") from error
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and (known := get_args(hints[parameter.name])):
            unknown = set(bound.arguments.get(parameter.name, {})) - set(known[0].__annotations__)
            assert not unknown, f"{', '.join(unknown)} is not known in {call}"
