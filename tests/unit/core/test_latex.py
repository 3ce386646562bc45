import pytest

from dysyr.core.latex import name_latex, number_latex
from dysyr.core.system import System


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("sigma", r"\sigma"),
        ("lambda_", r"\lambda"),
        ("x1", "x_{1}"),
        ("theta1", r"\theta_{1}"),
        ("g_NMDA", r"g_{\mathrm{NMDA}}"),
        ("a_i_2", "a_{i,2}"),
        ("prey", r"\mathrm{prey}"),
        ("m_inf", r"m_{\mathrm{inf}}"),
    ],
)
def test_names(name, latex):
    assert name_latex(name) == latex


@pytest.mark.parametrize(
    ("value", "latex"),
    [(2.0, "2"), (0.25, "0.25"), (1e-7, "10^{-7}"), (2.5e9, r"2.5 \cdot 10^{9}"), (-3.0, "-3")],
)
def test_numbers(value, latex):
    assert number_latex(value) == latex


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("sigma*(y - x)", r"\sigma \, \left(y - x\right)"),
        ("x/(1 + y)", r"\frac{x}{1 + y}"),
        ("-x**2", "-x^{2}"),
        ("(-x)**2", r"\left(-x\right)^{2}"),
        ("(x/y)**2", r"\left(\frac{x}{y}\right)^{2}"),
        ("x - (y - x)", r"x - \left(y - x\right)"),
        ("-x*y", r"-x \, y"),
        ("x*2", r"x \cdot 2"),
        ("sqrt(x)*exp(-y)", r"\sqrt{x} \, \exp\left(-y\right)"),
        ("where(x > 0, x, -x)", r"\left(x\ \mathrm{if}\ x > 0\ \mathrm{else}\ -x\right)"),
        ("x**(1/3)", r"x^{\frac{1}{3}}"),
    ],
)
def test_expressions_look_as_they_were_written(text, latex):
    system = System.ode({"x": text, "y": "y"}, parameters={"sigma": 1.0})
    assert system.latex()[0] == rf"\dot{{x}} = {latex}"


def test_each_kind_has_its_left_hand_side():
    assert System.map({"x": "x + y", "y": "y"}).latex()[0] == "x_{n+1} = x_{n} + y_{n}"
    ring = System.ode({"x[i]": "x[i+1] - x[i-2]"}, index={"i": 5})
    assert ring.latex() == [r"\dot{x}_{i} = x_{i+1} - x_{i-2}"]
    noisy = System.sde({"x": "-x"}, diffusion={"x": "1 + x"}, interpretation="stratonovich")
    assert noisy.latex() == [
        r"\mathrm{d}x = \left(-x\right) \mathrm{d}t + \left(1 + x\right) \, \circ \mathrm{d}W_{x}"
    ]
    heat = System.pde(
        {"u": "D*dxx(u)"},
        parameters={"D": 1.0},
        domain={"x": {"length": 1.0, "n": 9, "boundary": "periodic"}},
    )
    assert heat.latex() == [r"\partial_t u = D \, \partial_{xx} u"]
