"""Container images made by hand: some files, a configuration, in the archive that `docker save` writes."""

import hashlib
import io
import json
import os
import pathlib
import platform
import re
import tarfile

from harness.processes import run


# Programs of preset asan bring their options along; without leak detection, which a pod's profile forbids.
SANITIZERS = [f"{name}={os.environ[name]}" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ]


def with_libraries(path, program):
    """A program at its path in the image; one that is not static (of preset dev, say) with this machine's libraries."""
    found = re.findall(r"(/\S+) \(0x", run("ldd", program).stdout)
    return {path: program, **{library.lstrip("/"): pathlib.Path(library) for library in found}}


def _nobodys(entry):
    """An entry of an archive without what differs from machine to machine. In place: replace() copies the archive so far with it."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


class Image:
    """`files`: path in the image -> program or bytes; `trees`: folders whose content is put at the root."""

    def __init__(self, name, entrypoint, files, trees=(), user="0:0"):
        self.name, self.entrypoint, self.files, self.trees, self.user = name, entrypoint, files, trees, user

    def _layer(self):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for tree in self.trees:
                for path in sorted(tree.iterdir()):
                    tar.add(path, arcname=path.name, filter=_nobodys)
            made = set()
            for path, content in self.files.items():
                for parent in reversed([str(one) for one in pathlib.PurePosixPath(path).parents][:-1]):
                    if parent not in made and not self.trees:
                        made.add(parent)
                        folder = tarfile.TarInfo(parent)
                        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                        tar.addfile(folder)
                data = content if isinstance(content, bytes) else content.read_bytes()
                file = tarfile.TarInfo(path)
                file.size, file.mode = len(data), 0o755
                tar.addfile(file, io.BytesIO(data))
        return buffer.getvalue()

    def write(self, path):
        layer = self._layer()
        digest = hashlib.sha256(layer).hexdigest()
        config = json.dumps({
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()), "os": "linux",
            "config": {"Entrypoint": self.entrypoint, "User": self.user,
                       "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *SANITIZERS]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = json.dumps([{"Config": config_name, "RepoTags": [self.name], "Layers": [f"{digest}/layer.tar"]}]).encode()
        with tarfile.open(path, "w") as tar:
            for name, data in ((f"{digest}/layer.tar", layer), (config_name, config), ("manifest.json", manifest)):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        return path
