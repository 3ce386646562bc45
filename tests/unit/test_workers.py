"""Tasks on workers: what comes back, and what of those that failed."""

import os
import signal

import pytest

import dysyr
from dysyr.workers import Workers


def reciprocal(x):
    return 1 / x


def die(x):
    os.kill(os.getpid(), signal.SIGKILL)


def outcomes(crew, function, tasks):
    return {task: (value, reason) for task, value, reason in crew.run(function, tasks)}


def test_in_this_process():
    with Workers(0, say=lambda text: None) as crew:
        assert outcomes(crew, reciprocal, [1, 2, 0]) == {
            1: (1.0, None), 2: (0.5, None), 0: (None, "ZeroDivisionError: division by zero"),
        }  # fmt: skip


def test_nothing_is_started_for_nothing():
    with Workers(2, say=pytest.fail) as crew:
        assert outcomes(crew, reciprocal, []) == {}


def test_no_scheduler_answers():
    pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "50ms"}),
        Workers(1, scheduler="tcp://127.0.0.1:9") as crew,
    ):
        with pytest.raises(dysyr.DysyrError, match="no scheduler answers: tcp://127.0.0.1:9"):
            outcomes(crew, reciprocal, [1])


@pytest.mark.parametrize("address", ["garbage", "", "tcp://", "tls://x:1"])
def test_what_is_no_address(address):
    pytest.importorskip("distributed")
    with Workers(1, scheduler=address) as crew:
        with pytest.raises(dysyr.InputError, match="cannot use this address of a scheduler: .*tcp://HOST:PORT"):
            outcomes(crew, reciprocal, [1])


@pytest.mark.parametrize("memory", ["zzz", "-4GiB", "0", "", "infGiB", None])
def test_what_is_no_memory(memory):
    pytest.importorskip("distributed")
    with Workers(1, memory=memory) as crew:
        with pytest.raises(dysyr.InputError, match="cannot use this memory of a worker: .*such as 4GiB"):
            outcomes(crew, reciprocal, [1])


@pytest.mark.slow
def test_on_workers_that_fail_and_die():
    pytest.importorskip("distributed")
    said = []
    with Workers(2, say=said.append) as crew:
        assert outcomes(crew, reciprocal, [2, 0]) == {2: (0.5, None), 0: (None, "ZeroDivisionError: division by zero")}
        assert outcomes(crew, die, [3]) == {3: (None, "2 workers died over it, for want of memory perhaps")}
        assert outcomes(crew, reciprocal, [4]) == {4: (0.25, None)}
    assert len(said) == 1 and said[0].startswith("workers: 2 here; dashboard: http")


def test_a_scheduler_is_asked_for_its_workers(monkeypatch):
    class Client:
        def nthreads(self):
            return {"tcp://a": 4, "tcp://b": 1, "tcp://c": 1}

    monkeypatch.setattr(Workers, "_connected", lambda self, n: Client())
    assert Workers(2, scheduler="tcp://x").size() == 3
    assert [Workers(n).size() for n in (0, 2)] == [0, 2]
