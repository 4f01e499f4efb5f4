"""What Litmus is called where it is installed, and how to get what it can do without."""

from importlib.util import find_spec

DISTRIBUTION = "litmus-notes"  # what pip installs; what Python imports is `litmus`
# What the snippets, labs and tests of a project import of what the extras bring.
IN_CODE = {
    "run": ["torch", "numpy", "matplotlib"],
    "author": ["hypothesis", "sympy", "mpmath", "jaxtyping"],
}


def lacking(extra: str, what: str, *modules: str) -> str:
    """Return the words that say how to install what is missing of some modules, "" if nothing is.

    `extra` is what brings the modules, and `what` they are for, such as "runs snippets".
    """
    missing = [module for module in modules if not find_spec(module)]
    if not missing:
        return ""
    names = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
    verb = "is" if len(missing) == 1 else "are"
    remedy = f'pip install "{DISTRIBUTION}[{extra}]"'
    return f"{names} {verb} not installed; what {what} comes with {remedy}"
