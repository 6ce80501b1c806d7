"""Sidecar: weft-sidecar on a start file made from a template, and its admin pages."""

import json
import re

from harness.checks import Failed, wait_until
from harness.origin import ask
from harness.processes import Process, free_port, temp_dir

_SERIES = re.compile(r'^([a-z_:]+)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Sidecar:
    """`template` has @NAME@ places that `places` fills; @ADMIN@ is filled here, and lines that end with one of
    `# without` marks are left out."""

    def __init__(self, name, template, places, without=(), flags=()):
        self.name = name
        self.admin = free_port()
        lines = template.read_text().splitlines(keepends=True)
        text = "".join(line for line in lines if not line.rstrip().endswith(tuple(f"# {mark}" for mark in without)))
        for place, value in (places | {"ADMIN": self.admin, "DIR": temp_dir()}).items():
            text = text.replace(f"@{place}@", str(value))
        if left := re.search(r"@[A-Z_]+@", text):
            raise Failed(f"{template.name}: nobody filled {left[0]}")
        path = temp_dir() / f"{name}.yaml"
        path.write_text(text)
        self.process = Process(name, ["weft-sidecar", "-c", path, *flags])

    def ready(self):
        return ask(self.admin, "/ready")[0] == 200

    def wait_ready(self, patience=10.0):
        def holds():
            if not self.process.running():
                raise Failed(f"{self.name} ended:\n{self.process.tail()}")
            return self.ready()
        wait_until(holds, f"ready {self.name}", patience)
        return self

    def page(self, target):
        status, body = ask(self.admin, target)
        if status != 200:
            raise Failed(f"{self.name}: {target} answers {status}")
        return body.decode()

    def series(self, name, **labels):
        """All series of a metric that have these labels: [(labels, value)]."""
        found = []
        for line in self.page("/metrics").splitlines():
            if not line.startswith(name) or not (parts := _SERIES.match(line)) or parts[1] != name:
                continue
            have = dict(_LABEL.findall(parts[2] or ""))
            if all(have.get(label) == value for label, value in labels.items()):
                found.append((have, float(parts[3])))
        return found

    def total(self, name, **labels):
        return sum(value for _, value in self.series(name, **labels))

    def json(self, target):
        return json.loads(self.page(target))
