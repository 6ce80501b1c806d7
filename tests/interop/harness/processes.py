"""Child processes: started with their output in a file, waited for, ended by their own id."""

import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess

from harness.checks import Failed

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
# Below the range the kernel takes local ports from, so that no client socket can sit on a port we chose.
_PORTS = (20000, 32000)
_taken_ports = set()


def temp_dir():
    return pathlib.Path(os.environ["WEFT_TEMP_DIR"])


def find_program(name):
    """Ours from WEFT_BIN_DIR, others from where Debian puts them."""
    if name.startswith("weft"):
        path = os.path.join(os.environ["WEFT_BIN_DIR"], name)
        if os.access(path, os.X_OK):
            return path
    else:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/go/bin")
        if path:
            return path
    raise Failed(f"{name} is not installed")


def free_port():
    """A port of loopback that nobody listens on; never the same one twice in this process."""
    for _ in range(200):
        port = random.randrange(*_PORTS)
        if port in _taken_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _taken_ports.add(port)
        return port
    raise Failed("no free port found on 127.0.0.1")


class Process:
    """One child. Its output is in NAME.log of the temporary directory; `input` gives it a pipe to be told things."""

    _all = []

    def __init__(self, name, argv, env=None, talks=False):
        self.name = name
        self.log_path = temp_dir() / f"{name}.log"
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(
                [find_program(argv[0]) if os.sep not in str(argv[0]) else argv[0], *map(str, argv[1:])],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=temp_dir(), env=dict(os.environ, **(env or {})),
                preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
        Process._all.append(self)

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def say(self, line):
        self._child.stdin.write(line.encode() + b"\n")
        self._child.stdin.flush()

    def output(self):
        return self.log_path.read_text(errors="replace")

    def tail(self, lines=15):
        return "\n".join(self.output().splitlines()[-lines:])

    def signal(self, number):
        if self.running():
            self._child.send_signal(number)

    def wait(self, patience):
        """Its exit status, or None when it is still running after so long."""
        try:
            return self._child.wait(patience)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        self.signal(signal.SIGKILL)
        self._child.wait()

    def stop(self, patience=5):
        self.signal(signal.SIGTERM)
        if self.wait(patience) is None:
            self.kill()
        if self._child.stdin:
            self._child.stdin.close()

    @classmethod
    def stop_all(cls):
        for process in reversed(cls._all):
            process.signal(signal.SIGTERM)
        for process in reversed(cls._all):
            process.stop(3)


def run(*argv, timeout=60, **options):
    """Runs a program to its end; the result has returncode, stdout and stderr as text."""
    try:
        return subprocess.run([find_program(argv[0]), *map(str, argv[1:])], capture_output=True, text=True, errors="replace",
                              timeout=timeout, check=False, **({"stdin": subprocess.DEVNULL} | options))
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{argv[0]} did not end within {timeout:g} s") from error
