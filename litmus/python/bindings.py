"""Which names some Python code gives a value, and which it takes from around it."""

import ast
from collections.abc import Iterable, Iterator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
READ_AS_CODE = {"eval", "exec", "globals", "locals", "vars"}  # where they stand, strings are names
TAKE_TYPES = {"cast", "NewType", "TypeVar"}  # as strings, too
TAKE_TEXTS = {"Annotated", "Literal"}  # within their brackets strings are no types


def bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that code binds or unbinds where it stands, not within functions of it."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
            return
        case ast.Lambda():
            return
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            walrus = (n.target for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
            yield from (target.id for target in walrus)
            return
        case ast.alias():
            yield node.asname or node.name.partition(".")[0]
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
    for child in ast.iter_child_nodes(node):
        yield from bound(child)


def local(function: Function) -> set[str]:
    """Return the names that mean something of a function's own within its body."""
    names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    names |= {name for part in body(function) for name in bound(part)}
    return names - declared_global(function)


def declared_global(function: Function) -> set[str]:
    """Return the names that a function, or one in it, says are those of the file."""
    return {n for node in ast.walk(function) if isinstance(node, ast.Global) for n in node.names}


def body(function: Function) -> list[ast.AST]:
    """Return what of a function runs when it is called."""
    return [function.body] if isinstance(function, ast.Lambda) else [*function.body]


def head(function: Function) -> list[ast.AST]:
    """Return what of a function runs where it is defined: decorators, defaults, annotations."""
    parts: list[ast.AST | None] = [function.args]
    if not isinstance(function, ast.Lambda):
        parts += [*function.decorator_list, function.returns, *getattr(function, "type_params", [])]
    return [part for part in parts if part]


def mentioned(node: ast.AST, texts: frozenset[str] = frozenset()) -> set[str]:
    """Return the names that code takes from around it, those in annotations that are strings too.

    `texts` names what has strings in its brackets that are no types, as jaxtyping's shapes are.
    """
    return _Mentions(texts | TAKE_TEXTS).of(node)


class _Mentions:
    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = set(texts)

    def of(self, node: ast.AST | None) -> set[str]:
        """Return the names that a node mentions and does not itself bind before."""
        match node:
            case None:
                return set()
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                names = self.all(body(node)) - local(node)
                names |= self.all(head(node)) | self._typed(getattr(node, "returns", None))
                own = {n.name for n in getattr(node, "type_params", [])}
                return (names | declared_global(node)) - own
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                first = node.generators[0].iter
                own = {n for part in node.generators for n in bound(part.target)}
                return self.of(first) | (self.all(ast.iter_child_nodes(node)) - own)
            case ast.For() | ast.AsyncFor():
                own = set(bound(node.target))
                parts = [node.target, *node.body, *node.orelse]
                return self.of(node.iter) | (self.all(parts) - own)
            case ast.With() | ast.AsyncWith():
                own = {n for i in node.items if i.optional_vars for n in bound(i.optional_vars)}
                given = self.all(item.context_expr for item in node.items)
                targets = (item.optional_vars for item in node.items)
                return given | (self.all([*targets, *node.body]) - own)
            case ast.ExceptHandler():
                return self.of(node.type) | (self.all(node.body) - {node.name})
            case ast.Name():
                return set() if isinstance(node.ctx, ast.Store) else {node.id}
        return self._plain(node)

    def all(self, nodes: Iterable[ast.AST | None]) -> set[str]:
        return {name for node in nodes for name in self.of(node)}

    def _plain(self, node: ast.AST) -> set[str]:
        names = self.all(ast.iter_child_nodes(node))
        match node:
            case ast.AugAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.AnnAssign() | ast.arg():
                names |= self._typed(node.annotation)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name in TAKE_TYPES | READ_AS_CODE:
                    names |= self._typed(node)
            case ast.Subscript(value=ast.Call(func=ast.Name(id=name))) if name in READ_AS_CODE:
                names |= self._typed(node.slice)
        return names

    def _typed(self, node: ast.AST | None) -> set[str]:
        """Return the names in the strings of an annotation."""
        match node:
            case ast.Constant(value=str(text)):
                try:
                    return self.of(ast.parse(text.strip()))
                except (SyntaxError, ValueError, RecursionError):
                    return set()
            case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name in self.texts:
                    return set()
        parts = ast.iter_child_nodes(node) if node else ()
        return {name for part in parts for name in self._typed(part)}
