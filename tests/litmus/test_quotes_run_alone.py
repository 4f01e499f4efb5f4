"""Does a quoted function give alone what it gives within its file, however the file says things?"""

import subprocess
import sys
from pathlib import Path

import pytest

from litmus.python.quotes import definitions, quote

SNIPPETS = sorted((Path(__file__).parents[2] / "snippets").glob("*.py"))

# By what a file does: the file, where each function that begins with `f` can be called, and what
# the quote of `f` lacks.
FILES = {
    "augmented assignment": (
        """
NAMES = ["a"]
OTHERS = []
NAMES += ["b"]
OTHERS += ["c"]
SUM = 1
SUM *= 5
def f(): return NAMES
def f_sum(): return SUM
""",
        ["OTHERS", "SUM"],
    ),
    "several assignments": (
        """
SIZE = 2
AREA = SIZE ** 2
SIZE = 3
DEPTH: int
DEPTH = 7
A = B = 4
(C, *D) = 1, 2, 3
def f(): return SIZE, AREA
def f_more(): return DEPTH, A, B, C, D
""",
        ["DEPTH", "A = B", "C,"],
    ),
    "an import that may fail": (
        """
try:
    import not_there_at_all as fast
except ImportError:
    import math as fast
try:
    from json import not_in_there
except ImportError:
    not_in_there = None
else:
    not_in_there = 2
finally:
    DONE = True
def f(): return fast.sqrt(4.0)
def f_other(): return not_in_there, DONE
""",
        ["not_in_there"],
    ),
    "functions in branches": (
        """
import sys
if sys.version_info >= (3, 0):
    from math import floor
    def half(x): return x / 2
else:
    from math import ceil as floor
    def half(x): raise ValueError
if len("abc") > 5:
    STEP = 1
elif floor(1.5) == 1:
    STEP = 2
else:
    STEP = 3
def f(): return half(3)
def f_step(): return STEP
""",
        ["STEP"],
    ),
    "imports for annotations": (
        """
from __future__ import annotations
from typing import TYPE_CHECKING, get_type_hints
if TYPE_CHECKING:
    from not_there_at_all import Loss
class Shape: pass
def f(loss: Loss = 1) -> Loss: return loss
def f_shape(s: Shape = None) -> "list[Shape]": return get_type_hints(f_shape)["s"].__name__
""",
        ["class Shape"],
    ),
    "names in strings": (
        """
from typing import Literal, TypeVar, cast, get_type_hints
class Shape: pass
class Unused: pass
T = TypeVar("T", bound="Shape")
STEP = 3
def f(s: "Shape | None" = None, kind: Literal["Unused"] = "Unused") -> list["Shape"]:
    return [*get_type_hints(f)], kind
def f_bound(x: T = 1): return type(T._evaluate_bound() if hasattr(T, "_evaluate_bound") else T)
def f_cast(): return cast("Shape", 1)
def f_eval(): return eval("STEP + 1")
def f_globals(): return globals()["STEP"]
""",
        ["Unused:", "STEP", "TypeVar"],
    ),
    "submodules": (
        """
import os
import os.path
import xml.dom
import xml.etree.ElementTree
import collections.abc as abc, json
def f(): return xml.etree.ElementTree.fromstring("<a/>").tag
def f_path(): return os.path.basename("a/b")
def f_abc(): return abc.Sized.__name__
""",
        ["os", "abc", "json"],
    ),
    "loops": (
        """
TABLE, SQUARES = {}, []
OTHER = {}
for key in "abc":
    TABLE[key] = ord(key)
for key in "ab":
    OTHER[key] = key
while len(SQUARES) < 3:
    SQUARES.append(len(SQUARES) ** 2)
for TABLE_SIZE in range(3):
    pass
ROWS = [{}, {}]
for row in ROWS:
    row["x"] = 1
for i, row in enumerate(ROWS):
    row.update(i=i)
TOTAL = 0
for n in [1, 2]: TOTAL += n
def f(): return TABLE
def f_squares(): return SQUARES
def f_size(): return TABLE_SIZE
def f_rows(): return ROWS
def f_total(): return TOTAL
""",
        ["OTHER[", "append", "ROWS", "TOTAL"],
    ),
    "with": (
        """
from contextlib import contextmanager, nullcontext
LOG = []
@contextmanager
def noted(word):
    LOG.append(word)
    yield word
with nullcontext(3) as three:
    STEP = three + 1
with noted("a") as said:
    SAID = said * 2
def f(): return STEP, three
def f_said(): return SAID, LOG
""",
        ["noted", "LOG"],
    ),
    "parts of a name": (
        """
import types
TABLE = {"a": 1, "z": 0}
TABLE["b"] = 2
del TABLE["z"]
NEST = types.SimpleNamespace(inner={})
NEST.inner["x"] = [1]
NEST.inner["x"].append(2)
NEST.inner.setdefault("y", []).append(3)
class Shape:
    sides = 3
    def area(self): return self.sides
Shape.sides = 4
Shape.double = lambda self: 2 * self.area()
setattr(Shape, "name", "square")
def f(): return TABLE
def f_nest(): return NEST.inner
def f_shape(): return Shape().double(), Shape.name
def f_attribute(): return f_attribute.calls
f_attribute.calls = 5
""",
        ["NEST", "Shape", "calls"],
    ),
    "calls that change": (
        """
import heapq, random
NAMES = ["b"]
NAMES.append("a")
NAMES.sort()
OTHER = []
OTHER.append(1)
HEAP = [3, 1, 2]
heapq.heapify(HEAP)
SMALLEST = heapq.heappop(HEAP) if False else 0
def fill(table): table["x"] = 1
TABLE = {}
fill(TABLE)
ANOTHER = {}
NOTHING = fill(ANOTHER)
append = NAMES.append
append("c")
ALIAS = NAMES
ALIAS += ["d"]
def f(): return NAMES
def f_heap(): return HEAP
def f_table(): return TABLE
def f_another(): return ANOTHER
""",
        ["OTHER", "heapq", "fill"],
    ),
    "a register": (
        """
REGISTER = {}
def register(function):
    REGISTER[function.__name__] = function
    return function
def called(name):
    def inner(function):
        REGISTER[name] = function
        return function
    return inner
@register
def double(x): return 2 * x
@called("treble")
def three_times(x): return 3 * x
def four_times(x): return 4 * x
register(four_times)
class Base:
    kinds = []
    every = {}
    def __init_subclass__(cls):
        Base.kinds.append(cls.__name__)
class One(Base): pass
def untouched(): pass
def f(): return sorted(REGISTER), REGISTER["treble"](1)
def f_double(): return double(1)
def f_kinds(): return Base.kinds
""",
        ["untouched", "Base"],
    ),
    "a class that remembers": (
        """
class Kind:
    every = {}
    @classmethod
    def add(cls, name):
        cls.every[name] = len(cls.every)
        return name
class Sort(Kind): pass
ONE = Kind.add("one")
TWO = Sort.add("two")
class Point:
    def __init__(self, x): self.x = x
    def twice(self): return 2 * self.x
ORIGIN = Point(0)
FAR = Point(9).twice()
def f(): return Point(1).twice()
def f_every(): return Kind.every
""",
        ["ORIGIN", "FAR", "Kind"],
    ),
    "single dispatch": (
        """
from functools import singledispatch
@singledispatch
def kind(x): return "any"
@kind.register
def _(x: int): return "int"
@kind.register(str)
def _(x): return "str"
def f(): return kind(1), kind(""), kind(1.0)
def f_alone(): return 1
""",
        ["f_alone"],
    ),
    "decorators, bases and defaults": (
        """
from dataclasses import dataclass, field
from enum import Enum
TIMES = 2
def twice(function):
    return lambda *a: TIMES * function(*a)
LIMIT = 10
class Base:
    limit = LIMIT
class Meta(type):
    word = "meta"
class Shape(Base, metaclass=Meta):
    pass
SIDES = [3]
@dataclass
class Point:
    x: int = LIMIT
    y: list = field(default_factory=lambda: list(SIDES))
class Colour(Enum):
    RED = LIMIT
@twice
def f(x=1): return x
def f_shape(x=Shape): return x.limit, type(x).word
def f_point(): return Point().y, Colour.RED.value
def f_key(*, key=LIMIT, other=lambda: SIDES): return key, other()
""",
        ["LIMIT", "Base", "Point"],
    ),
    "global": (
        """
STATE = None
COUNT = 0
def begin():
    global STATE
    STATE = {"begun": True}
begin()
def count():
    global COUNT
    COUNT += 1
    return COUNT
def f(): return STATE
def f_count(): return count(), count()
def f_made():
    return MADE
def make():
    global MADE
    MADE = 1
make()
""",
        ["COUNT", "MADE"],
    ),
    "what is deleted": (
        """
first = 1
SECOND = first + 1
del first
def f(): return SECOND, "first" in globals()
""",
        [],
    ),
    "walrus and match": (
        """
import sys
SIZES = [(size := 4), size + 1]
if (length := len(SIZES)) > 1:
    pass
ODD = [last := n for n in range(3)]
match {"a": [1, 2], "b": 3}:
    case {"a": [head, *tail], **rest}:
        FOUND = head
    case _:
        FOUND = None
def f(): return size, length
def f_last(): return last
def f_match(): return head, tail, rest, FOUND
def f_local(x=3):
    match x:
        case int() as y if (z := y): return y + z
""",
        ["last", "match"],
    ),
    "star imports": (
        """
from math import *
from os.path import basename
OWN = 2
def f(x=1): return x + OWN
def f_star(): return sqrt(4.0), fsum([1, 2])
def f_shadowed(): return pow(2, 2)
""",
        ["basename"],
    ),
    "names that nobody can know": (
        """
for name in ["one", "two"]:
    globals()[name] = name
exec("THREE = 3")
globals().update(four=4)
def f(x=1): return x
def f_one(): return one + two
def f_three(): return THREE, four
""",
        ["globals", "exec"],
    ),
    "a script": (
        """
import sys
def main(): sys.exit(3)
if "__main__" == __name__:
    STEP = 5
    main()
else:
    STEP = 2
if __name__ != "__main__":
    ELSE = 3
else:
    main()
if __name__ == "__main__" and len(sys.argv) > 1:
    sys.exit(main())
if __name__ in {"__main__", "__mp_main__"}: main()
if not __name__ == "__main__":
    NOT = 4
def f(x=1): return x
def f_step(): return STEP, ELSE, NOT
""",
        ["main", "exit", "STEP", "sys"],
    ),
    "how modules are set": (
        """
import decimal
import random
import sys
import warnings
from decimal import Decimal, getcontext
getcontext().prec = 5
decimal.getcontext().rounding = decimal.ROUND_UP
warnings.filterwarnings("error")
sys.setrecursionlimit(3000)
random.seed(0)
FIRST = random.random()
SECOND = random.random()
rng = random.Random(1)
THIRD = rng.random()
FOURTH = rng.random()
def f(): return str(Decimal(1) / 3)
def f_second(): return SECOND
def f_fourth(): return FOURTH
def f_deep(n=2000): return n and 1 + f_deep(n - 1)
""",
        ["warnings", "random", "rng", "FIRST"],
    ),
    "iterators": (
        """
from itertools import count
NUMBERS = count()
FIRST = next(NUMBERS)
SECOND = next(NUMBERS)
tick = count().__next__
A = tick()
B = tick()
class Counter:
    n = 0
    def step(self):
        self.n += 1
        return self.n
COUNTER = Counter()
ONE = COUNTER.step()
TWO = COUNTER.step()
def f(): return SECOND
def f_tick(): return B
def f_two(): return TWO
""",
        ["tick", "COUNTER"],
    ),
    "lambdas, partials and chains of helpers": (
        """
from functools import partial
TABLE, LIST = {}, []
put = lambda key, value: TABLE.update({key: value})
put("a", 1)
add = partial(LIST.append, 2)
add()
double = lambda x: base(x) * 2
def base(x): return x + SHIFT
SHIFT = 10
def outer():
    def inner():
        return double(SHIFT)
    return inner
def f(): return TABLE
def f_list(): return LIST
def f_outer(): return outer()()
async def later(): return SHIFT
def f_later():
    try: later().send(None)
    except StopIteration as stop: return stop.value
""",
        ["partial", "SHIFT"],
    ),
    "one line for many": (
        """
import math; import json
A = 1; A += 1; B = A
if B: C = 3; D = C
def f(): return A, B; "unused"
def f_c(): return C, D, math.floor(1.5)
""",
        ["json", "C"],
    ),
    "local names that are like others": (
        """
step = [1]
step.append(2)
def value(): raise ValueError
class Item:
    step = 3
    def own(self): return self.step
def f(value=1):
    step = 2
    return [item for item in range(value)], step
def f_lambda(): return (lambda step: step + 1)(1)
def f_item(): return Item().own()
def f_except():
    try: 1 / 0
    except ZeroDivisionError as step: return str(step)
def f_with():
    import contextlib as value
    with value.nullcontext(1) as step: return step
def f_nested():
    def value(): return 1
    return value()
""",
        ["step.append", "ValueError", "Item"],
    ),
    "what the file says of itself": (
        '''
"""About it."""
"another text"
__all__ = ["f"]
__all__ += ["g"]
__version__ = "1"
def public(function):
    __all__.append(function.__name__)
    return function
@public
def g(): return 1
@public
def f(): return __doc__
def f_version(): return __version__
'''.lstrip(),
        ["def g", "another", "__version__"],
    ),
    "odd characters": (
        '''
PAGE = "a\x0cb\u2028c"
TEXT = """
# not a comment
"""
# One.
ÉTÉ = 1
def f(): return PAGE
def f_text(): return TEXT, ÉTÉ
''',
        ["TEXT"],
    ),
    "several names for one object": (
        """
a = b = []
a.append(1)
c = [d, e] = [[], []]
d.append(2)
OTHER = ANOTHER = []
OTHER.append(3)
def f(): return b
def f_c(): return c
""",
        ["OTHER", "ANOTHER", "d.append"],
    ),
    "calls that change and give": (
        """
import bisect, heapq, operator, random
h, k, s, u, w, z, o = [3, 1, 2], [1], [1, 2, 3], [1, 3], [5], [4], {}
heapq.heapify(h)
x = heapq.heappop(h)
y: int = heapq.heappushpop(k, 7)
none = random.Random(1).shuffle(s)
where = bisect.insort(u, 2)
z = operator.iadd(z, [1])
class fill_:
    def __new__(cls, it): return it.append(6)
_ = fill_(w)
gone = operator.setitem(o, "a", 1)
SIZE = max(h)
ROOT = operator.add(h, k)
def f(): return h
def f_k(): return k
def f_s(): return s
def f_u(): return u
def f_w(): return w
def f_o(): return o
""",
        ["SIZE", "ROOT", "heappushpop", "shuffle", "insort", "fill_", "setitem"],
    ),
    "what a function gives back": (
        """
D, E, N = {"a": [1], "b": []}, [], []
def get(): return D["a"]
get().append(3)
def of(key):
    found = D.get(key)
    return found
taken = of("b")
taken.append(4)
both = lambda: (E, 1)
both()[0].append(5)
def through(): return get()
part = through()
part += [6]
def rows():
    for row in N: yield row
def apart(): return [*E]
apart().append(7)
def f(): return D
def f_e(): return E
""",
        ["both", "rows", "apart"],
    ),
    "what a function gives back of what it is given": (
        """
a, c, e, g, h = [1], [[1]], [1], [1], [1]
def same(x): return x
b = same(a)
b.append(2)
def first(rows):
    for row in rows: return row
d = first(rows=c)
d.append(2)
class Box:
    def __init__(self, x): self.x = x
box = Box(e)
box.x.append(2)
def size(x): return len(x)
n = size(g)
n += 1
other = size(h)
def f(): return a
def f_c(): return c
def f_e(): return e
def f_g(): return g
""",
        ["first", "Box", "size"],
    ),
    "what lies in a copy": (
        """
a, c, e, g, i, k = [1], [[1]], {"x": [1]}, [[1]], [[2]], [3]
b = dict(x=a)
b["x"].append(2)
b["y"] = 3
d = list(c)
d[0].append(2)
d.append(3)
copy = e.copy()
copy["x"] += [2]
for row in sorted(g): row.append(4)
first = tuple(i)[0]
first.append(4)
l = list(k)
l.append(4)
def f(): return a
def f_c(): return c
def f_e(): return e
def f_g(): return g
def f_i(): return i
def f_k(): return k
""",
        ["list(c)", "copy", "sorted", "tuple", "list(k)"],
    ),
    "what lies in a copy of another kind": (
        """
import collections, copy
a, c, e, g, h, i, D = [[1]], [[1]], [[1]], [[1]], [3, 1], [[1]], {}
b = copy.copy(a)
b[0].append(2)
d = collections.deque(c)
d[0].append(2)
added = e + []
added[0].append(2)
rows = [row for row in g]
rows[0].append(2)
last = list.pop(h)
deep = copy.deepcopy(i)
deep[0].append(2)
[lambda: D.update(x=1)][0]()
def f(): return a
def f_c(): return c
def f_e(): return e
def f_g(): return g
def f_h(): return h
def f_i(): return i
def f_d(): return D
""",
        ["deque", "added", "rows", "last", "deep", "lambda"],
    ),
    "what Python's own functions give back": (
        """
a, c, e, g, h = [1], [1], [1], [1], [1]
b = max(a, [0])
b.append(2)
d = next(iter([c]))
d.append(2)
getattr(e, "append")(2)
method = getattr(g, "append")
method(2)
match h:
    case [*_] as taken: taken.append(2)
def f(): return a
def f_c(): return c
def f_e(): return e
def f_g(): return g
def f_h(): return h
""",
        ["next", "getattr", "match"],
    ),
    "methods and lambdas that are run": (
        """
import functools
a, D, E, F, G, rows, H, best = [], {}, [], [], [], [[1], [2]], [1, 2], []
list(map(a.append, [3]))
(lambda: D.update(x=1))()
x = [*map(lambda n: E.append(n), [1])]
def add(n): F.append(n)
y = list(map(add, [1, 2]))
functools.reduce(lambda one, n: G.append(n), [1, 2])
list(map(lambda row: row.append(0), rows))
later = lambda: H.append(3)
z = sorted([1], key=best.append)
def f(): return a
def f_d(): return D
def f_e(): return E
def f_more(): return F
def f_g(): return G
def f_rows(): return rows
def f_h(): return H
""",
        ["lambda", "add", "reduce", "best.append", "later"],
    ),
    "parts that a function takes": (
        """
D, E, P = {"a": [1]}, [[1], [2]], [[3]]
def add():
    part = D["a"]
    part.append(2)
add()
def each():
    for row in E: row.append(0)
each()
def own(P):
    part = list(P)
    part.append(1)
own(P)
def first(of):
    part = of[0]
    part.append(9)
def f(): return D
def f_e(): return E
first(P)
def f_p(): return P
""",
        ["each", "E:", "own", "first"],
    ),
    "constants made from others": (
        """
BASE = {"a": 1}
DOUBLED = {key: 2 * value for key, value in BASE.items()}
OTHER = dict(BASE)
OTHER["b"] = 2
COPY = BASE.copy()
COPY["c"] = 3
NAME = "word".upper()
LOUD = NAME.lower()
print(BASE)
def f(): return BASE, NAME
""",
        ["DOUBLED", "OTHER", "COPY", "LOUD", "print"],
    ),
}


def run(source):
    """Return what some code leaves behind in a module that nobody else has."""
    names = {"__name__": "alone"}
    exec(compile(source, "alone", "exec"), names)
    return names


def called(source, name):
    return run(source)[name]()


@pytest.fixture(autouse=True)
def _as_it_was(capsys):
    import decimal
    import random
    import warnings

    state, limit = random.getstate(), sys.getrecursionlimit()
    with decimal.localcontext(), warnings.catch_warnings():
        yield
    random.setstate(state)
    sys.setrecursionlimit(limit)


def functions_of(source):
    return [name for name in definitions(source) if name == "f" or name.startswith("f_")]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        pytest.param(source, name, id=f"{what}, {name}")
        for what, (source, _) in FILES.items()
        for name in functions_of(source)
    ],
)
def test_a_quote_gives_alone_what_the_whole_file_gives(source, name):
    assert called(quote(source, [name]), name) == called(source, name)


@pytest.mark.parametrize(("source", "lacks"), FILES.values(), ids=FILES)
def test_a_quote_lacks_what_the_function_has_nothing_to_do_with(source, lacks):
    quoted = quote(source, ["f"])
    assert [part for part in lacks if part in quoted] == []
    assert [part for part in lacks if part not in source] == []


@pytest.mark.parametrize(
    ("what", "name", "line"),
    [
        ("augmented assignment", "f", 'NAMES += ["b"]'),
        ("several assignments", "f", "SIZE = 3"),
        ("parts of a name", "f", 'TABLE["b"] = 2'),
        ("calls that change", "f", "NAMES.sort()"),
        ("calls that change", "f_table", "fill(TABLE)"),
        ("a register", "f", "@register\n"),
        ("how modules are set", "f", "getcontext().prec = 5"),
        ("how modules are set", "f_second", "FIRST = random.random()"),
        ("iterators", "f_two", "ONE = COUNTER.step()"),
        ("lambdas, partials and chains of helpers", "f_list", "add()"),
    ],
)
def test_control_without_one_of_its_lines_a_quote_gives_something_else(what, name, line):
    quoted, (source, _) = quote(FILES[what][0], [name]), FILES[what]
    assert line in quoted
    try:
        short = called(quoted.replace(line, "", 1), name)
    except (NameError, KeyError):
        return
    assert short != called(source, name)


def without_name(source):
    """Say which names a linter finds nowhere."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--quiet"]
    command += ["--output-format", "concise", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False).stdout


def test_no_quote_of_any_snippet_mentions_a_name_that_it_lacks():
    parts = []
    for file in SNIPPETS:
        source = file.read_text(encoding="utf-8")
        for name in definitions(source):
            quoted = quote(source, [name])
            compile(quoted, file.name, "exec")
            parts.append("def _():\n" + "\n".join(f"    {line}" for line in quoted.split("\n")))
    # Each within a function of its own, so that none lends its names to another.
    assert without_name("\n".join(parts)) == ""
    assert "F821" in without_name("\n".join([*parts, "def _():\n    return parts"]))
