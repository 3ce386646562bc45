"""Contests: what is timed, in which order, with which clock; their process and their table."""

import json
import sys
import types

import pytest

from dysyr.benchmark.speed import command
from dysyr.benchmark.speed.contest import Contest, Disagreement, Row, Share, hold
from dysyr.core.errors import DysyrError, InputError


class Clock:
    """A clock that stands still but where a job moves it on."""

    def __init__(self):
        self.now, self.done = 0.0, []

    def __call__(self):
        return self.now

    def job(self, name, seconds, result=None):
        """A job that takes the next of some durations, the last one again and again."""
        durations = list(seconds)

        def run():
            self.done.append(name)
            self.now += durations.pop(0) if len(durations) > 1 else durations[0]
            return result

        return run


def contest(clock, ours, theirs, **changes):
    values = {
        "job": "sum", "size": "10 numbers", "baseline": "a loop", "clock": clock, "ours": clock.job("ours", ours, 5),
        "theirs": None if theirs is None else clock.job("theirs", theirs, 5), "repeats": 3,
        "compare": lambda a, b: f"{a} and {b}",
    }  # fmt: skip
    return Contest(**{**values, **changes})


def share(clock, ours, capacity, **changes):
    values = {
        "job": "sum", "size": "10 numbers", "limit": "peak", "clock": clock, "ours": clock.job("ours", ours),
        "work": 6e9, "unit": "GF/s", "repeats": 3,
        "capacity": None if capacity is None else clock.job("capacity", capacity, 40e9),
    }  # fmt: skip
    return Share(**{**values, **changes})


def test_both_run_in_turns_after_one_run_that_is_not_timed():
    clock = Clock()
    row = hold(contest(clock, [100, 1, 2, 4], [900, 10, 6, 8]))
    assert clock.done == ["ours", "theirs"] * 4
    assert row.ratio == 8 / 2
    assert row.spread == (2, 10)
    assert row.seconds == 2
    assert (row.unit, row.agreement, row.met, row.note) == ("x", "5 and 5", None, "")


def test_a_baseline_that_does_a_part_is_charged_for_the_whole():
    row = hold(contest(Clock(), [2], [1], scale=50, note="orbit by orbit"))
    assert row.ratio == 25 and row.spread == (25, 25)
    assert row.note == "orbit by orbit; baseline did 1/50 of the job, its time is scaled"


@pytest.mark.parametrize(("goal", "met"), [(None, None), (4, True), (4.1, False)])
def test_a_goal_is_met_from_its_value_on(goal, met):
    assert hold(contest(Clock(), [1], [4], goal=goal)).met is met


def test_without_a_baseline_there_is_a_time_but_no_ratio():
    row = hold(contest(Clock(), [3], None, goal=2, compare=None))
    assert (row.ratio, row.spread, row.met, row.seconds, row.agreement) == (None, None, None, 3, "")


def test_results_that_differ_are_never_timed():
    clock = Clock()

    def refuse(ours, theirs):
        raise Disagreement("sums differ")

    with pytest.raises(Disagreement, match="sums differ"):
        hold(contest(clock, [1], [1], compare=refuse))
    assert clock.done == ["ours", "theirs"]


def test_a_share_is_a_part_of_what_the_machine_did_in_the_same_run():
    clock = Clock()
    row = hold(share(clock, [9, 1, 2, 3], [9, 1, 2, 4], goal=0.2))
    assert clock.done == ["ours", "capacity"] * 4
    assert (row.ratio, row.unit, row.met) == (3 / 20, "of the limit", False)
    assert row.spread == (6 / 40, 2 / 10)
    assert row.agreement == "3.0 GF/s, 15 % of 20 GF/s"
    assert (row.baseline, row.seconds) == ("peak", 2)


def test_a_rate_with_a_limit_is_given_in_its_unit():
    row = hold(share(Clock(), [2], [2], goal=3.0, goal_is_rate=True))
    assert (row.ratio, row.unit, row.met) == (3.0, "GF/s", True)
    assert row.spread == pytest.approx((3.0, 3.0))


def test_a_rate_without_a_limit():
    row = hold(share(Clock(), [1, 1, 2, 3], None))
    assert (row.ratio, row.unit, row.spread, row.agreement) == (3.0, "GF/s", (2.0, 6.0), "3.0 GF/s")


def test_work_too_short_for_the_clock_has_a_large_rate_and_not_none():
    assert hold(share(Clock(), [0], [0])).ratio == pytest.approx(6 / 40)
    assert hold(contest(Clock(), [0], [0])).ratio == 1


def row(**changes):
    values = {
        "job": "sum", "size": "10 numbers", "baseline": "a loop", "ratio": 12.345, "unit": "x", "spread": (9.0, 1500.0),
        "seconds": 0.0025, "goal": 10.0, "floor": None, "met": True, "agreement": "equal", "note": "",
    }  # fmt: skip
    return Row(**{**values, **changes})


def test_the_table_counts_goals_and_names_those_that_are_missed():
    rows = [
        row(), row(size="20 numbers", ratio=5.0, met=False), row(job="product", ratio=0.256, unit="of the limit"),
        row(job="product", goal=None, met=None, ratio=None, spread=None, seconds=2e-5, note="jax is not installed"),
    ]  # fmt: skip
    text = command.table(rows, command="dysyr bench --quick")
    assert "Written by `dysyr bench --quick`" in text
    assert "2 of 3 goals are met." in text
    assert "Missed: sum (20 numbers) against a loop.\n" in text
    lines = text.splitlines()
    assert lines.index("## sum") < lines.index("## product")
    assert "| 10 numbers | a loop | 12.3x | 9 to 1,500 | 10 | yes | 2.5 ms | equal |  |" in lines
    assert "| 20 numbers | a loop | 5x | 9 to 1,500 | 10 | **no** | 2.5 ms | equal |  |" in lines
    assert "| 10 numbers | a loop | 26 % | 9 to 1,500 | 10 | yes | 2.5 ms | equal |  |" in lines
    assert "| 10 numbers | a loop | not measured |  |  |  | 20 µs | equal | jax is not installed |" in lines


def test_nothing_is_called_missed_where_all_goals_are_met():
    assert "Missed" not in command.table([row()], command="dysyr bench")


def test_a_line_for_the_terminal():
    assert command.line(row(met=False)) == "sum | 10 numbers | a loop: 12.3x, goal 10: MISSED"
    assert command.line(row(goal=None, met=None, unit="GF/s")) == "sum | 10 numbers | a loop: 12.3 GF/s"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "tpu"}, "unknown device of a benchmark: 'tpu'; cpu or cuda"),
        ({"subjects": ["ode", "pde"]}, "unknown subject of a benchmark: pde; some of ode, sde"),
        ({"device": "cuda", "subjects": ["ode"]}, "contests on 'cuda' are one subject: ode: name no subjects"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(monkeypatch, arguments, message):
    monkeypatch.setattr(command, "_rows_of", lambda *_: pytest.fail("ran"))
    with pytest.raises(InputError, match=message):
        command.bench(**arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, list(command.SUBJECTS)), ({"subjects": ["sde", "ode"]}, ["sde", "ode"]), ({"device": "cuda"}, ["cuda"])],
)
def test_each_subject_has_its_process_and_each_row_is_told_at_once(monkeypatch, arguments, expected):
    monkeypatch.setattr(command, "_rows_of", lambda subject, quick: [row(job=subject, note=str(quick))])
    said = []
    rows = command.bench(**arguments, quick=True, say=said.append)
    assert [r.job for r in rows] == expected
    assert rows == said and {r.note for r in rows} == {"True"}


def stub_process(monkeypatch, folder, body):
    """Stands for the process of a subject: prints what the body prints."""
    (folder / "stub_contests.py").write_text("import json, os, sys\n" + body)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(command, "__name__", "stub_contests")


def test_rows_come_back_from_the_process_which_runs_on_one_thread(monkeypatch, tmp_path):
    fields = json.dumps(dict(vars(row(spread=(1.0, 2.0)))))
    stub_process(
        monkeypatch, tmp_path,
        f"row = json.loads({fields!r})\n"
        "row['note'] = ' '.join([*sys.argv[1:], os.environ['NUMBA_NUM_THREADS'], os.environ['OMP_NUM_THREADS']])\n"
        "print(json.dumps(row))\n"
        "print(json.dumps({**row, 'spread': None}))\n",
    )  # fmt: skip
    first, second = command._rows_of("ode", True)
    assert first == row(spread=(1.0, 2.0), note="ode --quick 1 1")
    assert second.spread is None


def test_a_process_that_dies_is_reported_with_its_last_words_however_much_it_said(monkeypatch, tmp_path):
    body = "sys.stderr.write('chatter\\n' * 100_000)\nsys.stderr.flush()\n"
    stub_process(monkeypatch, tmp_path, body + "raise SystemExit('out of memory')\n")
    with pytest.raises(DysyrError, match="the benchmark of 'sde' ended early: out of memory"):
        list(command._rows_of("sde", False))


def test_a_failure_in_the_process_is_an_error_here(monkeypatch, tmp_path):
    stub_process(monkeypatch, tmp_path, "print(json.dumps({'failure': 'sums differ'}))\n")
    with pytest.raises(DysyrError, match="^sums differ$"):
        list(command._rows_of("sde", False))


def run_main(monkeypatch, capsys, contests):
    monkeypatch.setitem(sys.modules, "dysyr.benchmark.speed.measures", types.SimpleNamespace(contests=contests))
    monkeypatch.setattr(sys, "argv", ["command", "measures", "--quick"])
    command.main()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_main_prints_a_line_of_json_per_row(monkeypatch, capsys):
    def contests(*, quick):
        yield contest(Clock(), [1], [4], note=f"quick {quick}")
        yield share(Clock(), [1], None)

    first, second = run_main(monkeypatch, capsys, contests)
    assert (first["ratio"], first["note"], first["spread"]) == (4, "quick True", [4, 4])
    assert second["unit"] == "GF/s"


def test_main_stops_at_a_disagreement_and_names_the_contest(monkeypatch, capsys):
    def refuse(ours, theirs):
        raise Disagreement("sums differ", got="3")

    def contests(*, quick):
        yield contest(Clock(), [1], [4])
        yield contest(Clock(), [1], [4], compare=refuse)
        yield contest(Clock(), [1], [4])

    first, last = run_main(monkeypatch, capsys, contests)
    assert first["ratio"] == 4
    assert last == {"failure": "sum (10 numbers): sums differ: 3"}
