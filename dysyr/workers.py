"""Tasks in this process, on processes of this machine, or on the workers of a Dask scheduler."""

import contextlib
import re

from dysyr.core.errors import DysyrError, InputError

MEMORY = "4GiB"
ADDRESS = re.compile(r"tcp://\S+:\d+")
ATTEMPTS = 2
"""Workers that may die over one task before it counts as failed."""
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}


class Workers:
    """Runs tasks side by side. Workers are started when the first task comes, and end with the ``with`` block.

    Args:
        n: processes to start here; 0 runs all tasks in this process, without Dask.
        scheduler: address of a Dask scheduler, ``"tcp://host:port"``, whose workers are used instead.
        memory: of one worker that is started here; one that needs more is killed.
        say: called with a line of text when the workers are there.
    """

    def __init__(self, n, *, scheduler=None, memory=MEMORY, say=print):
        self.n, self.scheduler, self.memory, self.say = n, scheduler, memory, say
        self._stack, self._client = contextlib.ExitStack(), None

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        return self._stack.__exit__(*raised)

    def size(self):
        """Number of workers; 0 for this process. A scheduler that was given is asked."""
        return self.n if self.scheduler is None else len(self._connected(self.n).nthreads())

    def run(self, function, tasks):
        """Call a function for each of some tasks.

        Args:
            function: of one task; it can be pickled, as can what it returns.
            tasks: list.

        Yields:
            (task, value, reason) in the order in which they are done: ``value`` is what the function returned, and
            ``reason`` None; or ``reason`` is a text, where the function raised an error or workers died over the task.

        Raises:
            DysyrError: Dask is missing, no scheduler answers, or it was lost.
        """
        if self.n == 0 and self.scheduler is None:
            for task in tasks:
                yield task, *_tried(function, task)
        elif tasks:
            yield from self._on_dask(function, tasks)

    def _connected(self, n):
        """The client of the scheduler; where none was given, n processes are started with one."""
        if self._client is None:
            self._client = self._stack.enter_context(_client(self.scheduler, n, self.memory))
            self.say(f"workers: {self.scheduler or f'{n} here'}; dashboard: {self._client.dashboard_link}")
        return self._client

    def _on_dask(self, function, tasks):
        client = self._connected(min(self.n, len(tasks)))
        from distributed import as_completed

        futures = {client.submit(_alone, function, task, pure=False, retries=1): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], *_outcome(future)
        except (OSError, TimeoutError) as error:
            raise DysyrError("the scheduler was lost", got=str(error), do="give the same command again") from error
        finally:
            client.cancel(list(futures))


def _tried(function, task):
    """(value, None), or (None, reason) where the function raised an error, as a worker reports it."""
    try:
        return function(task), None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def _alone(function, task):
    """The function where xarray must not take the worker's client for a scheduler of its own.

    It would ask that one for a lock by the name of a file in memory, and every task would fail.
    """
    import dask

    with dask.config.set(scheduler="synchronous"):
        return function(task)


def _outcome(future):
    """(value, reason) of a task that is done."""
    if future.status == "cancelled":
        raise OSError("the scheduler forgot the task")
    if future.status == "finished":
        return future.result(), None
    error = future.exception()
    kind = type(error).__name__
    died = f"{ATTEMPTS} workers died over it, for want of memory perhaps"
    return None, died if kind == "KilledWorker" else f"{kind}: {error}"


@contextlib.contextmanager
def _client(scheduler, n, memory):
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise DysyrError(
            "several workers need Dask", got=str(error), do="pip install 'dysyr[sweep]', or give --workers 0"
        ) from error
    with contextlib.ExitStack() as stack:
        settings = {
            "distributed.scheduler.allowed-failures": ATTEMPTS - 1, "distributed.nanny.pre-spawn-environ": ONE_THREAD,
        }  # fmt: skip
        stack.enter_context(dask.config.set(settings))
        if scheduler is None:
            _check_memory(memory)
            cluster = LocalCluster(
                n_workers=n, threads_per_worker=1, memory_limit=memory, dashboard_address=":0"
            )  # fmt: skip
            scheduler = stack.enter_context(cluster)
        elif not ADDRESS.fullmatch(scheduler):
            raise InputError(
                "cannot use this address of a scheduler", got=repr(scheduler)[:60], expected="tcp://HOST:PORT"
            )
        try:
            client = Client(scheduler)
        except OSError as error:
            raise DysyrError("no scheduler answers", got=str(scheduler), do="start one with dask scheduler") from error
        yield stack.enter_context(client)


def _check_memory(memory):
    from dask.utils import parse_bytes

    try:
        valid = isinstance(memory, str) and memory[:1].isdigit() and parse_bytes(memory) > 0
    except (ValueError, OverflowError):
        valid = False
    if not valid:
        raise InputError("cannot use this memory of a worker", got=repr(memory)[:60], expected="a size such as 4GiB")
