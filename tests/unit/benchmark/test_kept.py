"""Results of tasks are kept, and repeated only when they are not usable."""

import pytest

from dysyr.benchmark.kept import pack, read, run_kept, unpack


def double(x):
    return {"given": x, "value": 2 * x, "rate": float("inf")}


def refuse(x):
    raise RuntimeError(f"{x} ran again")


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_results_come_in_the_order_of_the_tasks_and_are_kept(tmp_path, processes):
    tasks = {tmp_path / "new" / f"task-{x}.json": (x,) for x in (3, 1, 2)}
    found = run_kept(double, tasks, processes=processes)
    assert [one["value"] for one in found] == [6, 2, 4]
    assert found[0]["rate"] is None
    assert run_kept(refuse, tasks) == found


def test_what_is_missing_or_not_usable_is_run(tmp_path):
    tasks = {tmp_path / f"{x}.json": (x,) for x in (1, 2)}
    run_kept(double, tasks)
    (tmp_path / "1.json").unlink()
    with pytest.raises(RuntimeError, match="1 ran again"):
        run_kept(refuse, tasks)
    run_kept(double, tasks)
    with pytest.raises(RuntimeError, match="2 ran again"):
        run_kept(refuse, tasks, usable=lambda result, task: task[0] == 1 and result["given"] == 1)


def test_an_interrupted_run_keeps_what_it_finished(tmp_path):
    tasks = {tmp_path / "2.json": (2,), tmp_path / "none.json": (None,)}
    with pytest.raises(TypeError):
        run_kept(double, tasks)
    assert read(tmp_path / "2.json")["value"] == 4
    assert not (tmp_path / "none.json").exists()


def test_an_archive_gives_back_what_a_folder_lacks_and_keeps_what_it_has(tmp_path):
    first, second, archive = tmp_path / "first", tmp_path / "second", tmp_path / "results.jsonl"
    found = run_kept(double, {first / f"{x}.json": (x,) for x in (2, 1)})
    pack(first, archive)
    assert [line[:12] for line in archive.read_text().splitlines()] == ['{"task": "1"', '{"task": "2"']
    unpack(archive, second)
    assert run_kept(refuse, {second / f"{x}.json": (x,) for x in (2, 1)}) == found
    run_kept(double, {tmp_path / "third" / "3.json": (3,)})
    pack(tmp_path / "third", archive)
    (second / "1.json").write_text('{"value": "own"}')
    unpack(archive, second)
    assert [read(second / f"{x}.json")["value"] for x in (1, 2, 3)] == ["own", 4, 6]


def test_an_archive_that_is_not_there_is_empty(tmp_path):
    unpack(tmp_path / "none.jsonl", tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
