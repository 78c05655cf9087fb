"""What each part of a condition means: a function of what is known of a person."""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas.condition_values import (
    COERCED,
    Evaluate,
    Kind,
    Root,
    Value,
    all_of,
    any_of,
    as_truth,
    comparison,
    kind_of_comparison,
    nearest,
    negation,
)
from schemas.library import DeclaredFeature

NUMBER_MAX = 1e15
COUNTS = (
    "events", "sessions", "contents", "orders", "repeat_orders", "order_value", "order_value_mean", "fatigue",
)  # fmt: skip
"""Features that are always there and are numbers; 0 of a person who did nothing of the kind."""


class Part(NamedTuple):
    """What a part of a condition is, and how it is asked."""

    kind: Kind
    evaluate: Evaluate


class Flawed(Exception):
    """A part that the language does not know."""

    def __init__(self, node: ast.AST, message: str, mend: str) -> None:
        super().__init__(message)
        self.node, self.mend = node, mend


_ORDERS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


class Reader:
    """Makes functions of the parts of one condition."""

    def __init__(self, declared: Mapping[str, DeclaredFeature]) -> None:
        self._declared = declared
        self.names: list[tuple[Root, str, ast.AST]] = []

    def truth(self, node: ast.expr) -> Evaluate:
        """A part that is to be true or false."""
        part = self._part(node)
        if part.kind is Kind.ANY:
            return lambda facts: as_truth(part.evaluate(facts))
        if part.kind is not Kind.TRUTH:
            raise Flawed(node, f"here stands a {part.kind}, not a condition", "Compare it: traits.plan == 'gold'.")
        return part.evaluate

    def _part(self, node: ast.expr) -> Part:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return Part(Kind.TRUTH, all_of([self.truth(value) for value in values]))
            case ast.BoolOp(op=ast.Or(), values=values):
                return Part(Kind.TRUTH, any_of([self.truth(value) for value in values]))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Part(Kind.TRUTH, negation(self.truth(operand)))
            case ast.Compare():
                return Part(Kind.TRUTH, all_of(list(self._comparisons(node))))
            case ast.Call():
                return self._call(node)
            case ast.Constant() | ast.UnaryOp(op=ast.USub()):
                return self._constant(node)
            case _:
                return self._named(node)

    def _constant(self, node: ast.expr) -> Part:
        sign, inner = (-1, node.operand) if isinstance(node, ast.UnaryOp) else (1, node)
        match inner:
            case ast.Constant(value=bool(value)) if sign == 1:
                return Part(Kind.TRUTH, lambda _facts: value)
            case ast.Constant(value=str(text)) if sign == 1:
                return Part(Kind.TEXT, lambda _facts: text)
            case ast.Constant(value=int(number) | float(number)) if abs(number) <= NUMBER_MAX:
                signed = float(sign * number)
                return Part(Kind.NUMBER, lambda _facts: signed)
        raise Flawed(node, "this is no value", f"Write a text in quotes, or a number up to {NUMBER_MAX:g}.")

    def _comparisons(self, node: ast.Compare) -> Iterator[Evaluate]:
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, (ast.In, ast.NotIn)):
                found = self._among(left, right)
                yield found if isinstance(op, ast.In) else negation(found)
            else:
                yield self._compared(left, op, right)
            left = right

    def _among(self, node: ast.expr, options: ast.expr) -> Evaluate:
        if not isinstance(options, (ast.List, ast.Tuple)) or not options.elts:
            mend = "Write them so: traits.plan in ['gold', 'silver']; of tags, compare: tags.jazz > 0."
            raise Flawed(options, "after `in` there is a list of values", mend)
        return any_of([self._compared(node, ast.Eq(), option) for option in options.elts])

    def _compared(self, one: ast.expr, op: ast.cmpop, other: ast.expr) -> Evaluate:
        left, right = self._part(one), self._part(other)
        compare = _ORDERS.get(type(op))
        if compare is None:
            raise Flawed(one, "things are compared by ==, !=, <, <=, >, >= and in", "Use one of them.")
        is_order = not isinstance(op, (ast.Eq, ast.NotEq))
        kind = kind_of_comparison(left.kind, right.kind, is_order=is_order)
        if kind is None:
            message = f"a {left.kind} and a {right.kind} have no order"
            if left.kind is not right.kind:
                message = f"a {left.kind} is never compared with a {right.kind}"
            raise Flawed(one, message, "Compare numbers with numbers, and texts with texts by == or !=.")
        return comparison(compare, COERCED[left.kind, kind](left.evaluate), COERCED[right.kind, kind](right.evaluate))

    def _call(self, node: ast.Call) -> Part:
        match node:
            case ast.Call(func=ast.Name(id="known"), args=[ast.expr() as subject], keywords=[]):
                asked = self._named(subject).evaluate
                return Part(Kind.TRUTH, lambda facts: asked(facts) is not None)
            case ast.Call(func=ast.Name(id="starts_with"), args=[ast.expr() as subject, beginning], keywords=[]):
                one, start = self._part(subject), self._part(beginning)
                if one.kind in (Kind.TEXT, Kind.ANY) and start.kind is Kind.TEXT:
                    whole = COERCED[one.kind, Kind.TEXT](one.evaluate)
                    return Part(Kind.TRUTH, comparison(str.startswith, whole, start.evaluate))
        mend = "There are known(traits.plan) and starts_with(locale, 'en')."
        raise Flawed(node, "nothing else can be called, or not with these", mend)

    def _named(self, node: ast.expr) -> Part:
        match node:
            case ast.Name(id="true" | "false" as word):
                value = word == "true"
                return Part(Kind.TRUTH, lambda _facts: value)
            case ast.Name(id=("locale" | "zone" | "device") as word):
                self.names.append((Root(word), "", node))
                ask = operator.attrgetter(word)
                return Part(Kind.TEXT, lambda facts: ask(facts) or None)
            case ast.Attribute(value=ast.Name(id=root), attr=name):
                return self._member(node, root, name)
            case ast.Subscript(value=ast.Name(id=root), slice=ast.Constant(value=str(name))):
                return self._member(node, root, name)
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="features"), attr=name), slice=ast.Constant(value=str(key))
            ):
                return self._share(node, name, key)
            case ast.Name(id=word):
                known = [*(str(root) for root in Root), "true", "false"]
                raise Flawed(node, f"there is no name {word!r}", nearest(word, known, "a text stands in quotes"))
        mend = "One may write names, texts, numbers, and, or, not, in, and comparisons."
        if isinstance(node, ast.BinOp):
            mend = "A name with more than letters, digits and _ stands in brackets: tags['sci-fi']."
        raise Flawed(node, "this is not part of the language", mend)

    def _member(self, node: ast.expr, root: str, name: str) -> Part:
        match root:
            case Root.TRAITS:
                part = Part(Kind.ANY, lambda facts: facts.traits.get(name))
            case Root.TAGS:
                part = Part(Kind.NUMBER, lambda facts: facts.tags.get(name, 0.0))
            case Root.FEATURES:
                part = self._feature(node, name)
            case _:
                known = [Root.TRAITS, Root.TAGS, Root.FEATURES]
                raise Flawed(node, f"there is no name {root}.{name}", nearest(root, known, "names have one point"))
        self.names.append((Root(root), name, node))
        return part

    def _feature(self, node: ast.expr, name: str) -> Part:
        feature = self._declared.get(name)
        if feature is None and name not in COUNTS:
            known = [*self._declared, *COUNTS]
            mend = nearest(name, known, "declare it under features in foresend.yaml")
            raise Flawed(node, f"there is no feature {name!r}", mend)
        if feature is not None and feature.kind == "share":
            mend = f"Name the key: features.{name}['…'] > 0.2."
            raise Flawed(node, f"the feature {name!r} is a share of each of its keys", mend)
        kind = Kind.ANY if feature is not None and feature.kind == "last" else Kind.NUMBER
        return Part(kind, lambda facts: _plain(facts.features(name)))

    def _share(self, node: ast.expr, name: str, key: str) -> Part:
        feature = self._declared.get(name)
        if feature is None or feature.kind != "share":
            shares = [one.name for one in self._declared.values() if one.kind == "share"]
            raise Flawed(node, f"{name!r} is no share that is declared", nearest(name, shares, "declare it"))
        self.names.append((Root.FEATURES, name, node))
        return Part(Kind.NUMBER, lambda facts: _of_key(facts.features(name), key))


def _plain(value: float | str | Mapping[str, float] | None) -> Value:
    """A feature's value; the one key of a last value that is a text."""
    if isinstance(value, Mapping):
        return next(iter(value), None)
    return value


def _of_key(value: float | str | Mapping[str, float] | None, key: str) -> float:
    return value.get(key, 0.0) if isinstance(value, Mapping) else 0.0
