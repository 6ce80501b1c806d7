"""Peers written for Node: installed from the package.json and its lock beside `run`, and judged by the checks that they print."""

import json
import shutil

from harness.checks import Failed
from harness.processes import run, temp_dir


def install(folder, timeout=120):
    """A copy of the peer in the temporary directory, with exactly what its lock names; no package runs a script."""
    place = temp_dir() / folder.name
    place.mkdir()
    for file in (*folder.glob("*.json"), *folder.glob("*.js")):
        shutil.copy(file, place)
    done = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", cwd=place, timeout=timeout)
    if done.returncode != 0:
        raise Failed(f"npm ci in {folder.name}: {done.stderr.strip()[-2000:]}")
    return place


def judge(checks, name, *argv, timeout=60):
    """Runs a program that prints {"check": …, "holds": …, "seen": …} for each check and {"done": true} at its end."""
    done = run("node", *argv, timeout=timeout)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for one in said:
        if "check" in one:
            checks.that(f"{name}: {one['check']}", one["holds"], one.get("seen", ""))
    checks.that(f"{name}: came to its end", done.returncode == 0 and {"done": True} in said,
                f"exit status {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
