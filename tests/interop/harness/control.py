"""Control: weft-control on a directory of files, which the caller writes and rewrites."""

import os
import re

from harness.checks import Failed, wait_until
from harness.processes import Process, temp_dir


class Control:
    """`flags` go to weft-control as they are; its ports are its own choice, and stay over a restart."""

    def __init__(self, name, flags=()):
        self.name, self.flags = name, list(flags)
        self.config = temp_dir() / f"{name}-config"
        self.state = temp_dir() / f"{name}-state"
        self.config.mkdir()
        self.ports = {"--listen": 0, "--plaintext-xds": 0, "--admin": 0}
        self.process = None
        self._starts = 0

    def write(self, file, text):
        """Whole or not at all, as an editor or `kubectl` would."""
        beside = temp_dir() / f"{self.name}-next"
        beside.write_text(text)
        os.replace(beside, self.config / file)

    def remove(self, file):
        (self.config / file).unlink()

    def start(self, patience=10.0):
        self._starts += 1
        addresses = [word for flag, port in self.ports.items() for word in (flag, f"127.0.0.1:{port}")]
        self.process = Process(f"{self.name}-{self._starts}", ["weft-control", "--config-dir", self.config, "--state-dir",
                                                              self.state, *addresses, *self.flags])
        def ready():
            if not self.process.running():
                raise Failed(f"{self.name} ended:\n{self.process.tail()}")
            return re.search(r" ready xds=\S+:(\d+) plaintext-xds=\S+:(\d+) admin=\S+:(\d+) ", self.process.output())
        found = wait_until(ready, f"ready {self.name}", patience)
        self.ports = dict(zip(self.ports, found.groups()))
        return self

    @property
    def plaintext(self):
        return self.ports["--plaintext-xds"]

    @property
    def admin(self):
        return self.ports["--admin"]
