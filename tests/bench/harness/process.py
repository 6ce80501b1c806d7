"""Child processes of the benchmark: started pinned, waited for until they serve, always stopped."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time

from harness import machine


class Failed(Exception):
    """A program did not start, did not serve or did not answer as it must."""


def _signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Process:
    """One child with its output in a file, so that a failure can show the end of it."""

    def __init__(self, name, argv, core, directory):
        self.name = name
        self.argv = argv
        self.log_path = os.path.join(directory, f"{name}.log")
        self._log = open(self.log_path, "wb")
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            preexec_fn=machine.pin(core),
        )

    @property
    def pid(self):
        return self._child.pid

    def is_running(self):
        return self._child.poll() is None

    def signal(self, number):
        _signal(machine.children(self.pid) or [self.pid], number)

    def wait(self, patience):
        """Whether it ended by itself in time."""
        try:
            self._child.wait(patience)
            return True
        except subprocess.TimeoutExpired:
            return False

    def has_said(self, text):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return text in log.read()

    def log_tail(self, lines=12):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:]).strip()

    def stop(self, patience=5):
        if self._log.closed:
            return
        if self.is_running():
            # A tracer in front holds fatal signals back, so what it traces must get them; and what it traces would
            # outlive a killed tracer.
            traced = machine.children(self.pid)
            _signal(traced or [self.pid], signal.SIGTERM)
            try:
                self._child.wait(patience)
            except subprocess.TimeoutExpired:
                _signal([*traced, self.pid], signal.SIGKILL)
                self._child.wait()
        self._log.close()

    def last_json(self):
        """The last line of its output, once it ended."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            lines = [line for line in log.read().splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else {}


def get(port, path, timeout=2.0, host="bench.local", address="127.0.0.1"):
    """Status and body of one GET, or None while nobody answers."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"host": host, "connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def get_quickly(port, path):
    """Whether one GET is answered with 200; without the parts of a client that take milliseconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: bench.local\r\n\r\n".encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def wait_until(holds, processes, what, patience):
    """Polls until `holds()`; says which process ended or what never came."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for process in processes:
            if not process.is_running():
                raise Failed(f"{process.name} ended before {what}:\n{process.log_tail()}")
        if holds():
            return
        time.sleep(0.02)
    tails = "\n".join(f"{process.name}: {process.log_tail(4)}" for process in processes)
    raise Failed(f"no {what} within {patience:g} s\n{tails}")


def run(argv, core, timeout):
    """Runs a program to its end and returns what it printed."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            preexec_fn=machine.pin(core),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{os.path.basename(argv[0])} did not end within {timeout:g} s") from error
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip()
        raise Failed(f"{os.path.basename(argv[0])} failed ({done.returncode}): {message}")
    return done.stdout


def run_json(argv, core, timeout):
    """Runs a program that prints one JSON object and returns it."""
    return json.loads(run(argv, core, timeout))
