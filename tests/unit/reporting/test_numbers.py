import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dysyr.reporting.numbers import (
    ABSENT,
    format_exact,
    format_number,
    format_uncertain,
    format_value,
    headline,
    part,
    parts,
)


def parsed(text):
    return float(text.replace("\N{MINUS SIGN}", "-").replace("\N{NARROW NO-BREAK SPACE}", ""))


@given(st.floats(min_value=-1e12, max_value=1e12).filter(lambda x: x == 0 or abs(x) > 1e-12))
def test_a_formatted_number_reads_back_to_three_digits(value):
    assert parsed(format_number(value)) == pytest.approx(value, rel=5.1e-3)


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_a_whole_number_keeps_all_its_digits(value):
    assert parsed(format_number(value)) == value


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_dash(value):
    assert format_number(value) == format_exact(value) == format_uncertain(value, 0.1) == ABSENT


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (0.90563, 0.0012, "0.9056 ± 0.0012"),
        (-14.5723, 0.21, "\N{MINUS SIGN}14.57 ± 0.21"),
        (104.55, 0.849, "104.55 ± 0.85"),
        (0.5, None, "0.500"),
        (0.5, math.nan, "0.500"),
        (0.5, 1e-17, "0.500"),
    ],
)
def test_digits_follow_the_standard_error(value, stderr, text):
    assert format_uncertain(value, stderr) == text.replace(" ", "\N{NO-BREAK SPACE}")


def test_a_chosen_number_gets_no_digits_that_were_not_typed():
    assert format_exact(0.4) == "0.4"
    assert format_exact(0.01) == "0.01"
    assert format_exact(30) == "30"


def test_lists_and_mappings_are_written_part_by_part():
    said = format_value([0.9, -14.0], [0.01, 0.2]).replace("\N{NO-BREAK SPACE}", " ")
    assert said == "0.900 ± 0.010, \N{MINUS SIGN}14.00 ± 0.20"
    assert format_value({"a": 1.0, "b": None}) == f"a 1.00; b {ABSENT}"


def test_parts_name_every_number_and_part_finds_it_again():
    assert parts(0.5) == [("", 0.5)]
    assert parts([4.0, 5.0]) == [("1", 4.0), ("2", 5.0)]
    assert part({"nrmse": 2.0}, "nrmse") == 2.0
    assert part([4.0, 5.0], "2") == 5.0
    assert part(None, "2") is None


def test_the_headline_is_the_first_number():
    assert headline([0.9, 0.0]) == 0.9
    assert headline({"nrmse": 2.0, "smape": 1.0}) == 2.0
    assert math.isnan(headline(None)) and math.isnan(headline([]))
