"""Trees written as text: reading the text again gives the same tree, for every equation of the catalogue."""

import pytest

from dysyr import load_system
from dysyr.core.catalogue import system_names
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expression_text import expression_text
from dysyr.core.expressions import parameter, simplify
from dysyr.core.system import System


def again(system):
    """The system with its equations and intermediates written anew from their trees."""
    indices = () if system.kind == "pde" else system.lattice.indices
    definition = system.to_dict()
    for key, name in zip(definition["equations"], system.fields, strict=True):
        definition["equations"][key] = expression_text(system.trees.written[name], indices)
    for name in definition.get("let", {}):
        definition["let"][name] = expression_text(system.trees.let[name], indices)
    return System.from_dict(definition)


@pytest.mark.parametrize("name", [n for n in system_names() if load_system(n).kind in ("ode", "map", "sde", "pde")])
def test_equations_of_the_catalogue_come_back(name):
    system = load_system(name)
    assert again(system).trees.drift == system.trees.drift


@pytest.mark.parametrize(
    "text",
    [
        "a - (b - c)", "a/(b*c)", "a/b/c", "a*(b/c)", "-(a + b)", "-a**2", "(-a)**2", "a**-b", "(a**b)**c", "a**b**c",
        "a - -b", "(a + b)*c", "where(not (a < b and (b > 1 or c == 2)), -a, min(b, c))", "atan2(a, -b) % c",
        "1e-300*a + 2.5e20", "a*-2.0", "heaviside(a)*ceil(b)",
    ],
)  # fmt: skip
def test_precedence_is_kept(text):
    scope = Scope({name: parameter(name) for name in "abc"})
    tree = parse_expression(text, scope)
    assert simplify((parse_expression(expression_text(tree), scope),)) == simplify((tree,))


def test_what_it_looks_like():
    scope = Scope({name: parameter(name) for name in "abc"})
    assert expression_text(parse_expression("a*b - c*(a+b)/2", scope)) == "a*b - c*(a + b)/2.0"
    scope = Scope({"a": parameter("a")})
    assert expression_text(parse_expression("-(a)*a", scope)) == "-a*a"
