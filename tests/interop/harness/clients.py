"""curl, nghttp and h2load as values: what they were answered, and how many requests they say succeeded."""

import json
import re

from harness.checks import Failed
from harness.processes import run, temp_dir


class Answer:
    def __init__(self, done, head, body, told):
        self.exit = done.returncode
        self.error = done.stderr.strip()
        self.status = told.get("http_code", 0)
        self.version = told.get("http_version", "")
        self.connects = told.get("num_connects", 0)
        self.head = head  # of the last answer, as it came: interim ones and redirects before it are not here
        self.body = body

    def fields(self, name):
        """All values of a field, in order; trailers too."""
        return [value.strip() for field, _, value in (line.partition(":") for line in self.head) if field.lower() == name]

    def field(self, name):
        return ", ".join(self.fields(name))

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"exit {self.exit}, {self.status} over HTTP/{self.version}, {len(self.body)} bytes {self.error}"


def curl(*arguments, **options):
    directory = temp_dir()
    (directory / "head").write_bytes(b"")
    (directory / "body").write_bytes(b"")
    done = run("curl", "-sS", "--max-time", "15", "-D", directory / "head", "-o", directory / "body", "-w", "%{json}",
               *arguments, **options)
    lines = (directory / "head").read_text(errors="replace").splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("HTTP/")]
    return Answer(done, lines[starts[-1] + 1:] if starts else [], (directory / "body").read_bytes(),
                  json.loads(done.stdout) if done.stdout.strip().startswith("{") else {})


def nghttp(*arguments, **options):
    """Statuses and the whole story of what nghttp saw."""
    done = run("nghttp", "-nv", "-t", "15", *arguments, **options)
    return [int(status) for status in re.findall(r":status: (\d+)", done.stdout)], done.stdout + done.stderr


class Load:
    """The sums of one h2load run."""

    def __init__(self, text):
        totals = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, "
                           r"(\d+) timeout", text)
        codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        if not totals or not codes:
            raise Failed(f"h2load says nothing about requests:\n{text[-1000:]}")
        self.total, _, self.done, self.succeeded, self.failed, self.errored, self.timeouts = map(int, totals.groups())
        self.codes = tuple(map(int, codes.groups()))

    def clean(self):
        return (self.done == self.succeeded > 0 and self.failed == self.errored == self.timeouts == 0
                and self.codes[0] == self.done)

    def __repr__(self):
        return (f"{self.total} asked, {self.succeeded} succeeded, {self.failed} failed, {self.errored} errored, "
                f"{self.timeouts} timeouts, 2xx to 5xx {self.codes}")


def h2load(*arguments, timeout=60):
    return Load(run("h2load", *arguments, timeout=timeout).stdout)
