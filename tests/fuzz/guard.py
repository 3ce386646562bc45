"""What reading an input must never do, watched through the audit events of the interpreter.

Armed, the guard stops and remembers: processes, connections, unpickling, code that was made from an input, and any
change of a file outside the folders that may be written.
"""

import contextlib
import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "dysyr"
MARK = "fuzz_ran"
"""Stands in every piece of code that inputs carry; code that holds it has been compiled from an input."""
NEVER = {
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill", "pty.spawn",
    "subprocess.Popen", "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
}  # fmt: skip
CHANGES = {
    "os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.truncate": 1, "os.chmod": 1, "os.link": 2,
    "os.symlink": 2, "shutil.rmtree": 1, "shutil.move": 2,
}  # fmt: skip
"""Events of changes, and how many of their first arguments are paths."""
MAY_EXECUTE = ("kernels/jit.py",)
MAY_COMPILE = ("kernels/jit.py", "core/expression_parser.py")
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Trespass(BaseException):
    """Something that no input may bring about. No ``except Exception`` takes it."""


class LeftOut(Exception):
    """An input that is not tried."""


class Guard:
    """The watch over one process. An audit hook cannot be taken away, but it can be disarmed.

    Attributes:
        seen: what was stopped since the guard was last armed; list of str.
    """

    def __init__(self):
        self.seen = []
        self._folders = ()
        self._armed = False
        sys.addaudithook(self._hook)

    @contextlib.contextmanager
    def armed(self, *folders):
        """Watch while the block runs.

        Args:
            *folders: those that may be written.
        """
        self._folders = tuple(os.path.realpath(folder) for folder in folders)
        self.seen = []
        self._armed = True
        try:
            yield self
        finally:
            self._armed = False

    def _hook(self, event, args):
        if not self._armed:
            return
        self._armed = False
        try:
            said = self._judged(event, args, sys._getframe(1))
        finally:
            self._armed = True
        if said:
            self.seen.append(said)
            raise Trespass(said)

    def _judged(self, event, args, frame):
        """What is wrong with an event; None where nothing is."""
        if event in NEVER:
            return f"{event}{args}"[:300]
        if event == "open":
            path, mode, flags = args
            writes = set(mode) & set("wax+") if isinstance(mode, str) else (flags or 0) & WRITE_FLAGS
            return self._outside(event, path) if writes else None
        if event in CHANGES:
            told = [self._outside(event, path, args[-1]) for path in args[: CHANGES[event]]]
            return next(filter(None, told), None)
        if event == "pickle.find_class":
            return None if _is_below(frame, "numba", "dysyr/kernels", "dask") else f"{event}{args}"
        if event == "exec":
            return _judged_code(args[0], frame)
        if event == "compile":
            return _judged_source(args[0], frame)
        return None

    def _outside(self, event, path, folder=-1):
        if isinstance(path, int) or path is None:
            return None
        path = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0 and not os.path.isabs(path):
            path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
        real = os.path.realpath(path)
        if real == os.devnull or any(real == own or real.startswith(own + os.sep) for own in self._folders):
            return None
        return f"{event} of '{real}', outside of what may be written"


def _judged_code(code, frame):
    if _holds_mark(code):
        return f"exec of code from an input, in {code.co_filename}"
    caller = _own_file(frame)
    if caller is not None and caller not in MAY_EXECUTE:
        return f"exec in {caller}"
    return None


def _judged_source(source, frame):
    while frame is not None and frame.f_code.co_filename.endswith(f"{os.sep}ast.py"):
        frame = frame.f_back
    caller = _own_file(frame)
    return f"compile in {caller}" if caller is not None and caller not in MAY_COMPILE else None


def _own_file(frame):
    """The file of this package that a frame runs in, from the folder of the package on; None for other code."""
    path = Path(frame.f_code.co_filename) if frame is not None else PACKAGE.parent
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else None


def _is_below(frame, *pieces):
    while frame is not None:
        if any(f"/{piece}/" in frame.f_code.co_filename for piece in pieces):
            return True
        frame = frame.f_back
    return False


def _holds_mark(code):
    if not hasattr(code, "co_consts"):
        return False
    inside = (*code.co_names, *code.co_consts)
    return any(MARK in each if isinstance(each, str) else _holds_mark(each) for each in inside)
