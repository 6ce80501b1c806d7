"""Checks: one line per promise, and the exit status that follows from them."""

import contextlib
import time
import traceback


class Failed(Exception):
    """Something that the checks stand on is not there: a program did not start, never answered, said nonsense."""


class Checks:
    """Counts what held. `ok` lines are for people; a failed one says what was seen instead."""

    def __init__(self):
        self.held = 0
        self.failed = 0
        self._start = time.monotonic()

    def that(self, what, holds, seen=""):
        if holds:
            self.held += 1
            print(f"ok      {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {what}{': ' if seen != '' else ''}{seen}", flush=True)
        return bool(holds)

    def equal(self, what, seen, wanted):
        return self.that(what, seen == wanted, f"{short(seen)} instead of {short(wanted)}")

    @contextlib.contextmanager
    def about(self, what):
        """A group of checks: what breaks inside fails the group and lets the next one run."""
        try:
            yield
        except Failed as error:
            self.that(what, False, error)
        except Exception as error:  # a program that is not there or answers in a shape nobody expected
            self.that(what, False, f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}")

    def verdict(self):
        """Prints the sum and returns the exit status."""
        print(f"{self.held} held, {self.failed} failed, {time.monotonic() - self._start:.1f} s", flush=True)
        return 1 if self.failed or not self.held else 0


def short(value, length=400):
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def wait_until(holds, what, patience=10.0, pause=0.02):
    """Polls until `holds()` is true and returns its value."""
    deadline = time.monotonic() + patience
    while True:
        if value := holds():
            return value
        if time.monotonic() > deadline:
            raise Failed(f"no {what} within {patience:g} s")
        time.sleep(pause)
