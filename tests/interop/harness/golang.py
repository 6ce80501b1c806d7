"""Peers written in Go: built from the module beside `run`, at its pinned versions, and spoken to in lines of JSON."""

import hashlib
import json
import os
import pathlib
import subprocess

from harness.checks import Failed, wait_until
from harness.processes import Process, find_program, temp_dir


def build(folder, package=".", timeout=280, name=None):
    """A program of the module in `folder`, its own or one that it requires; the compiler's cache outlives the run."""
    program = temp_dir() / (name or folder.name)
    done = subprocess.run([find_program("go"), "build", "-mod=readonly", "-o", program, package], cwd=folder, capture_output=True,
                          text=True, timeout=timeout, check=False, env=dict(os.environ, GOTOOLCHAIN="local", GOWORK="off"))
    if done.returncode != 0:
        raise Failed(f"go build in {folder.name}: {done.stderr.strip()[-2000:]}")
    return program


def build_kept(folder, package=".", timeout=2000, name=None, tests=False, stamps=None):
    """As build(), for what takes minutes even to link: the program is kept in build/interop and made anew when the module's files
    or the compiler are others. Static, so that it runs in an image that has nothing else. `tests`: the tests of the
    package as a program. `stamps`: what the linker writes into variables, as a project's own release does."""
    stamped = "".join(f" -X {variable}={value}" for variable, value in (stamps or {}).items())
    go = subprocess.run([find_program("go"), "version"], capture_output=True, check=True, env=dict(os.environ, GOTOOLCHAIN="local"))
    digest = hashlib.sha256(go.stdout + package.encode() + stamped.encode())
    for path in sorted(path for path in folder.rglob("*") if path.suffix == ".go" or path.name in ("go.mod", "go.sum")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    kept = pathlib.Path(os.environ["WEFT_SOURCE_DIR"]) / "build" / "interop"
    kept.mkdir(parents=True, exist_ok=True)
    name = name or folder.name
    program = kept / f"{name}-{digest.hexdigest()[:16]}"
    if not program.exists():
        made = kept / f"{name}-{os.getpid()}.new"
        done = subprocess.run([find_program("go"), *(("test", "-c") if tests else ("build",)), "-mod=readonly", "-trimpath",
                               f"-ldflags=-s -w{stamped}", "-o", made, package], cwd=folder,
                              capture_output=True, text=True, timeout=timeout, check=False,
                              env=dict(os.environ, GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED="0"))
        if done.returncode != 0:
            raise Failed(f"go build in {folder.name}: {done.stderr.strip()[-2000:]}")
        for old in kept.glob(f"{name}-????????????????"):
            old.unlink()
        made.rename(program)
    return program


class Talker(Process):
    """Prints one JSON object a line, each with one key that says what it is about; is told things a line each."""

    def __init__(self, name, argv, env=None):
        super().__init__(name, argv, env, talks=True)

    def told(self, what):
        """All that it said so far about `what`."""
        values = []
        for line in self.output().splitlines(keepends=True):
            # The last line may be half written; other lines are logs of its libraries.
            if line.startswith("{") and line.endswith("\n"):
                message = json.loads(line)
                if what in message:
                    values.append(message[what])
        return values

    def wait_for(self, what, matches=lambda _: True, patience=10.0, after=0):
        """The first value about `what`, from the one numbered `after` on, that matches."""
        def first():
            if not self.running():
                raise Failed(f"{self.name} ended:\n{self.tail()}")
            return next(([value] for value in self.told(what)[after:] if matches(value)), None)
        return wait_until(first, f"{what} of {self.name}", patience, 0.05)[0]
