import numpy as np
import pytest

from dysyr.core.errors import DysyrError, ExpressionError, InputError
from dysyr.core.system import System

BIRTH = {"change": {"prey": 1}, "rate": "growth*prey", "name": "birth"}
EATEN = {"change": {"prey": -1, "predator": 1}, "rate": "beta*prey*predator"}


def reactions(*entries, **changes):
    arguments = {
        "reactions": list(entries) or [BIRTH, EATEN], "parameters": {"alpha": 1.0, "beta": "alpha/10"},
        "let": {"growth": "alpha"}, "initial_state": {"prey": 10, "predator": 3}, "dt": 0.1,
    }  # fmt: skip
    return System.jump(**(arguments | changes))


def channel(**changes):
    arguments = {
        "states": ["closed", "open"], "rates": {"closed -> open": "a", "open->closed": "2*a"},
        "parameters": {"a": 3.0}, "dt": 0.1,
    }  # fmt: skip
    return System.jump(**(arguments | changes))


def test_reactions_in_numbers():
    system = reactions()
    assert system.kind == "jump" and system.variables == ("prey", "predator") and system.jumps.states == ()
    np.testing.assert_array_equal(system.jumps.stoichiometry, [[1, 0], [-1, 1]])
    x = np.array([[10.0, 3.0], [0.0, 5.0]])
    np.testing.assert_allclose(system.jumps.propensities(x), [[10, 3], [0, 0]])
    np.testing.assert_allclose(system.vector_field(x), system.jumps.propensities(x) @ system.jumps.stoichiometry)
    np.testing.assert_array_equal(system.initial_state, [10, 3])
    assert system.with_parameters(alpha=2.0).jumps.propensities([10, 3]).tolist() == [20.0, 6.0]


def test_a_chain_in_numbers():
    system = channel()
    np.testing.assert_allclose(system.rate_matrix, [[-3, 3], [6, -6]])
    np.testing.assert_allclose(system.stationary_distribution(), [2 / 3, 1 / 3])
    np.testing.assert_allclose(system.initial_state, [2 / 3, 1 / 3])
    np.testing.assert_allclose(channel(initial_state="open").initial_state, [0, 1])
    np.testing.assert_allclose(channel(initial_state={"open": "a/4", "closed": 0.25}).initial_state, [0.25, 0.75])
    np.testing.assert_allclose(system.with_parameters(a=1.0).rate_matrix, [[-1, 1], [2, -2]])


def test_a_matrix_of_rates_is_the_same_chain():
    for rows in ([["-a", "a"], ["2*a", "-2*a"]], [[0, "a"], ["2*a", 0]], np.array([[0, "a"], ["2*a", 0]], object)):
        system = channel(rates=rows)
        np.testing.assert_allclose(system.rate_matrix, channel().rate_matrix)
        assert dict(system.equations) == dict(channel().equations) == {"closed -> open": "a", "open -> closed": "2*a"}


@pytest.mark.parametrize("system", [reactions(), channel(), channel(rates=[[0, 1], [2.5, 0]], initial_state="open")])
def test_round_trips_through_a_dict_and_a_file(system, tmp_path):
    assert System.from_dict(system.to_dict()) == system
    system.to_file(tmp_path / "some.toml")
    again = System.from_file(tmp_path / "some.toml")
    assert again.to_dict() == system.to_dict() | {"name": "some"}


def test_latex_has_a_line_for_each_jump():
    assert reactions().latex()[1:] == [
        r"\emptyset \to \mathrm{prey} :\quad \mathrm{growth} \, \mathrm{prey}",
        r"\mathrm{prey} \to \mathrm{predator} :\quad \beta \, \mathrm{prey} \, \mathrm{predator}",
    ]
    pair = System.jump(reactions=[{"change": {"A": -2, "AA": 1}, "rate": "A*(A - 1)"}])
    assert pair.latex()[0].startswith(r"2 \, A \to \mathrm{AA} :")
    assert channel().latex()[0] == r"\mathrm{closed} \to \mathrm{open} :\quad a"
    assert dict(reactions().equations) == {
        "birth: prey +1": "growth*prey", "R2: prey -1, predator +1": "beta*prey*predator",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: System.jump(dt=1.0), "without jumps"),
        (lambda: channel(reactions=[BIRTH]), "both reactions and states"),
        (lambda: System.from_dict({"kind": "jump", "reactions": {"a": 1}}), r"write \[\[reactions\]\]"),
        (lambda: System.from_dict({"kind": "jump", "reactions": []}), "number of reactions"),
        (lambda: System.from_dict({"kind": "jump", "equations": {"x": "1"}}), "unknown key.*equations"),
        (lambda: reactions({"change": {"prey": 1}}), "reaction 1 lacks rate"),
        (lambda: reactions({"change": {"prey": 1}, "rate": 1.0, "speed": 2}), "unknown key in reaction 1.*speed"),
        (lambda: reactions({"change": {}, "rate": 1.0}), "change of reaction 1"),
        (lambda: reactions({"change": {"prey": 0}, "rate": 1.0}), "change of prey in reaction 1.*other than 0"),
        (lambda: reactions({"change": {"prey": 0.5}, "rate": 1.0}), "change of prey"),
        (lambda: reactions(BIRTH, BIRTH), "'birth' is used twice"),
        (lambda: reactions({"change": {"prey": 1}, "rate": "alpha*wolf"}), "wolf"),
        (lambda: reactions({"change": {"prey": 1}, "rate": "alpha*t"}), "rate of R1 depends on t"),
        (lambda: reactions(BIRTH, EATEN, parameters={"alpha": -1.0, "beta": 0.0}), "rate of birth.*-10.*>= 0"),
        (lambda: reactions(initial_state={"prey": 2.5, "predator": 1}), "initial_state of prey.*whole number"),
        (lambda: reactions(initial_state={"prey": -2, "predator": 1}), "initial_state of prey.*whole number"),
        (lambda: reactions(initial_state={"prey": 1e300, "predator": 1}), "initial_state of prey"),
        (lambda: reactions(initial_state={"prey": 2}), "lacks predator"),
        (lambda: channel(states=["open"]), "list of 2 to 100 names"),
        (lambda: channel(states=["open", "open"]), "named twice"),
        (lambda: channel(states=["open", "half closed"]), "name of a state"),
        (lambda: channel(rates={"closed -> opn": 1.0}), "unknown state.*opn.*did you mean 'open'"),
        (lambda: channel(rates={"open -> open": 1.0}), "'open' to itself"),
        (lambda: channel(rates={"open -> closed": 1.0, "open->closed": 2.0}), "two rates from 'open' to 'closed'"),
        (lambda: channel(rates={"open": 1.0}), "two states"),
        (lambda: channel(rates={"open -> closed": 0.0}), "all zero"),
        (lambda: channel(rates={"open -> closed": "-a"}), "rate of open -> closed.*-3"),
        (lambda: channel(rates={"open -> closed": "a/0"}), "rate of open -> closed.*inf"),
        (lambda: channel(rates={"open -> closed": "t"}), "depends on t"),
        (lambda: channel(rates=[[0, 1]]), "2 rows of 2 rates"),
        (lambda: channel(rates={"matrix": [[0, 1], [1, 0]], "open -> closed": 1}), "a matrix and more"),
        (lambda: channel(rates=[[-1, 2], [1, -2]]), "row 'closed'.*does not sum to zero.*transpose"),
        (lambda: channel(initial_state="ajar"), "unknown state in initial_state.*ajar"),
        (lambda: channel(initial_state=3), "initial_state of a chain"),
        (lambda: channel(initial_state={"open": 0.5}), "sum to 0.5"),
        (lambda: channel(initial_state={"open": 1.5, "closed": -0.5}), "no distribution"),
        (lambda: channel(conserved={"all": 1}), "conserved"),
        (lambda: System.from_dict(channel().to_dict() | {"states": {"names": ["a", "b"], "n": 2}}), "unknown key in"),
    ],
)  # fmt: skip
def test_unusable_definitions_are_refused(make, message):
    with pytest.raises(DysyrError, match=message):
        make()


def test_rates_are_parsed_and_never_run():
    with pytest.raises(ExpressionError):
        channel(rates={"open -> closed": "__import__('os').getpid()"})
    with pytest.raises(InputError, match="too long"):
        reactions(*[{"change": {"prey": 1}, "rate": "alpha" + "*1.0" * 1000}] * 20)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: reactions().rate_matrix, "has no rate matrix.*reactions over counts"),
        (lambda: System.ode({"x": "-x"}).stationary_distribution(), "has no rate matrix.*kind ode"),
        (lambda: channel().vector_field([0.0]), "no vector field.*rate_matrix"),
        (lambda: channel().jumps.propensities([0.0]), "no reactions"),
        (lambda: reactions().jumps.propensities([0.0]), "counts"),
        (lambda: channel(rates={"closed -> open": 1.0}, states=["closed", "open", "b"]).stationary_distribution(),
         r"\{open\}; \{b\}"),
    ],
)  # fmt: skip
def test_what_a_jump_process_does_not_have(ask, message):
    with pytest.raises(InputError, match=message):
        ask()


def test_keys_of_many_blanks_are_read_in_time_that_grows_with_their_length():
    """A million of them took minutes when a pattern looked for the arrow."""
    states = {"kind": "jump", "states": {"names": ["a", "b"]}, "rates": {"a" + " " * 1_000_000 + "b": "1.0"}}
    with pytest.raises(InputError, match=r"\[rates\] key 'a"):
        System.from_dict(states)
