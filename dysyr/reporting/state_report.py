"""The report on states of spins: one HTML page that needs no other file and no network."""

from markupsafe import Markup

from dysyr.core.version import VERSION
from dysyr.reporting.numbers import format_number
from dysyr.reporting.report import page_resource, page_template
from dysyr.reporting.sections.model import model_section
from dysyr.reporting.sections.reproduce import cite_section, reproduce_section
from dysyr.reporting.sections.spin_averages import averages_section
from dysyr.reporting.sections.spin_states import states_section, why_states_section
from dysyr.reporting.sections.spin_steps import likelihood_section, steps_section
from dysyr.reporting.wording import summary_of, tone_of

ORDER = (
    why_states_section, averages_section, states_section, steps_section, likelihood_section, model_section,
    cite_section, reproduce_section,
)  # fmt: skip


def render_states(comparison, *, title=None):
    """The page of one StateComparison.

    Args:
        comparison: StateComparison.
        title: heading; by default made from the label and the system.

    Returns:
        str, the HTML.
    """
    sections = [make(comparison) for make in ORDER]
    verdict = comparison.verdict.verdict
    return page_template().render(
        title=title or f"{comparison.label} on {_subject(comparison)}", kicker="States of spins: evaluation report",
        verdict=verdict, tone=tone_of(verdict), summary=summary_of(verdict), lead=tuple(_lead(comparison)),
        sections=[section for section in sections if section is not None], version=VERSION,
        style=Markup(page_resource("page.css")),
    )  # fmt: skip


def _subject(comparison):
    if comparison.system is None:
        return f"outcomes of {comparison.settings['n_sites']} spins"
    return f"{comparison.system.title} ({comparison.system.spins.lattice})"


def _lead(comparison):
    """The few numbers a reader looks for first: (name, value, what to hold it against)."""
    states, measured = comparison.states, comparison.measured
    several = "along the path, " if len(states) > 1 else ""
    if comparison.exact is not None:
        against = f"{several}largest of X, Y, Z"
        if measured is not None:
            against = f"standard error of as many shots {format_number(max(measured['exact_stderr'][:3]), digits=2)}"
        yield "Error of a magnetisation", format_number(comparison.max_error, digits=2), against
    if "total_variation" in states[0]:
        worst = max(states, key=lambda row: row["total_variation"])
        shares = worst["scale"]["single_spins"][0], worst["scale"]["mixed"][0]
        against = "single spins alone {}, mixed state {}".format(*(format_number(v, digits=2) for v in shares))
        if measured is not None and "histogram" in measured:
            against = f"histogram of the outcomes {format_number(measured['histogram'], digits=2)}"
        yield "Total variation", format_number(worst["total_variation"], digits=2), against
        distance = max(row["trace_distance"] for row in states)
        yield "Trace distance", format_number(distance, digits=2), f"{several}0 same, 1 orthogonal"
    if "smallest_eigenvalue" in states[0]:
        least = min(row["smallest_eigenvalue"] for row in states)
        yield "Smallest eigenvalue", format_number(least, digits=2), "negative: no state"
    residual = comparison.history.get("residual_l1")
    if residual is not None and len(residual):
        yield "Residual of the last step", format_number(float(residual[-1]), digits=2), "of its own equation, L1"
