"""Debian's packages without installing them: fetched by apt-get, unpacked into folders of our own."""

import hashlib
import os
import pathlib
import shutil
import subprocess

from harness.checks import Failed
from harness.processes import find_program, run


def kept():
    """Where what is dear to get outlives the run."""
    path = pathlib.Path(os.environ["WEFT_SOURCE_DIR"]) / "build" / "interop"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _fetch(packages, into):
    command = [find_program("apt-get"), "-q", "-o", "APT::Sandbox::User=root", "download", *packages]
    for update in (False, True):
        if update:
            run("apt-get", "-q", "update", timeout=300)
        done = subprocess.run(command, cwd=into, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return
    raise Failed(f"apt-get download {' '.join(packages)}: {done.stderr.strip()[-1000:]}")


def unpacked(name, packages):
    """A folder with what is in them, made once."""
    root = kept() / f"{name}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:16]}"
    if root.is_dir():
        return root
    made = kept() / f"{name}-{os.getpid()}.new"
    archives = made / "archives"
    archives.mkdir(parents=True)
    _fetch(packages, archives)
    (made / "root").mkdir()
    for archive in sorted(archives.glob("*.deb")):
        done = run("dpkg-deb", "-x", archive, made / "root")
        if done.returncode != 0:
            raise Failed(f"{archive.name}: {done.stderr}")
    for old in kept().glob(f"{name}-????????????????"):
        shutil.rmtree(old)
    (made / "root").rename(root)
    shutil.rmtree(made)
    return root


def with_what_they_need(*packages):
    """The packages, and all that they depend on, by name."""
    done = run("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks",
               "--no-replaces", "--no-enhances", *packages)
    names = sorted({line.strip() for line in done.stdout.splitlines() if line[:1].isalnum()})
    if done.returncode != 0 or not set(packages) <= set(names):
        raise Failed(f"apt-cache does not know {' '.join(packages)}: {done.stderr}")
    return names
