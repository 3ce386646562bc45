"""The [hidden] section of a system file: what a hidden-term method has to find.

    prey = "-beta*prey*predator"      terms of the equation of prey, written as they stand there
    prey = ["prey", "predator"]       an unknown function of these expressions, added to the equation of prey
"""

from dysyr.core.errors import InputError
from dysyr.core.expression_parser import parse_expression
from dysyr.core.expressions import postorder, simplify
from dysyr.core.system_schema import unknown_entry

MAX_ARGUMENTS = 8
_VARYING = ("state", "coordinate", "index", "time", "let")


def read_hidden(table, equations, written, scope, field_of):
    """Parse the section.

    Args:
        table: dict from key to text, or to a list of texts.
        equations: dict from key to the text of an equation.
        written: dict from variable to its equation as a tree.
        scope: Scope of the equations.
        field_of: function from a key to its variable.

    Returns:
        (terms, unknown): dict from variable to the tree of its hidden terms, and from variable to the tuple of
        arguments of the unknown function that is added to its equation.

    Raises:
        InputError: an unknown variable, terms that are not in the equation, arguments that cannot be used.
        ExpressionError: a text that cannot be read.
    """
    terms, unknown = {}, {}
    for key, entry in table.items():
        name = field_of(key)
        if name not in written:
            raise unknown_entry("variable in [hidden]", name, tuple(written))
        if isinstance(entry, list):
            unknown[name] = _arguments(key, entry, scope)
            continue
        terms[name] = parse_expression(entry, scope, where=f"[hidden] {key}")
        own = summands(written[name])
        if not all(term in own for term in summands(terms[name])):
            raise InputError(
                f"[hidden] {key} is not a term of its equation",
                got=repr(entry),
                expected=f"terms of {equations[key]!r}, written alike; or a list of arguments of an unknown function",
            )
    return terms, unknown


def summands(tree):
    """The terms of a sum, simplified so that -b*x and -(b*x) are alike."""
    return simplify(tree.args if tree.op == "add" else (tree,))


def _arguments(key, entry, scope):
    if not 1 <= len(entry) <= MAX_ARGUMENTS:
        raise InputError(
            f"[hidden] {key} is a list that cannot be used", got=f"{len(entry)} entries",
            expected=f"1 to {MAX_ARGUMENTS} expressions that the unknown function depends on",
        )  # fmt: skip
    arguments = tuple(parse_expression(text, scope, where=f"[hidden] {key}") for text in entry)
    for text, tree in zip(entry, arguments, strict=True):
        if not any(node.op in _VARYING for node in postorder((tree,))):
            raise InputError(f"[hidden] {key} depends on a constant", got=repr(text), expected="a variable")
    if len(set(simplify(arguments))) < len(arguments):
        raise InputError(f"[hidden] {key} names an argument twice", got=repr(entry)[:80])
    return arguments
