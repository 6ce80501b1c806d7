"""The contenders: how each is configured and started for a scenario, and when it is ready.

A contender turns a Scene (who listens where, in which directory, on which core) into running processes. Every
configuration is a file under config/ with @NAME@ places; nothing about a proxy is hidden in this program.
"""

import os
import ssl
import socket

from harness import machine, process

CONFIG = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "config")


class Scene:
    """One start of one contender: its ports, directory, core, and what to put in front of its command lines."""

    def __init__(self, kind, directory, binaries, certificates, core, backend, prefix=None, tracing=True):
        self.kind = kind  # "plain" or "pair"
        self.directory = directory
        self.binaries = binaries
        self.certificates = certificates
        self.core = core
        self.prefix = prefix or (lambda name: [])
        self.tracing = tracing
        self.listen = machine.free_port()
        self.link = machine.free_port()
        self.admin = {}
        self.backend = backend
        self.collector = backend  # It answers 200 to whatever is posted.

    def config(self, template, name):
        """Fills config/TEMPLATE and returns the path of the result."""
        with open(os.path.join(CONFIG, template), encoding="utf-8") as source:
            lines = source.read().splitlines(keepends=True)
        if not self.tracing:
            lines = [line for line in lines if not line.rstrip().endswith("# tracing")]
        text = "".join(lines)
        if "@ADMIN@" in text:
            self.admin[name] = machine.free_port()
        places = {
            "LISTEN": self.listen, "LINK": self.link, "BACKEND": self.backend, "CERTS": self.certificates,
            "DIR": self.directory, "NAME": name, "ADMIN": self.admin.get(name, 0), "COLLECTOR": self.collector,
        }
        for place, value in places.items():
            text = text.replace(f"@{place}@", str(value))
        path = os.path.join(self.directory, name + os.path.splitext(template)[1])
        with open(path, "w", encoding="utf-8") as target:
            target.write(text)
        return path

    def start(self, name, argv):
        return process.Process(name, self.prefix(name) + argv, self.core, self.directory)


class Contender:
    name = ""
    program = None  # What must be installed; None = nothing.

    def label(self, kind):
        return self.name

    def find(self, binaries):
        """The path of its program, or None when it is not there."""
        return machine.find_program(self.program)

    def start(self, scene):
        """Starts its processes, the client's side first; the list is what is measured."""
        raise NotImplementedError

    def is_ready(self, scene):
        """Besides the probe through the whole path."""
        return True

    def checks(self, scene):
        """Sentences about what does not hold of this run's set-up; empty when it is what the label says."""
        return []


class Direct(Contender):
    name = "direct"

    def label(self, kind):
        return "direct (no proxy)"

    def find(self, binaries):
        return "none needed"

    def start(self, scene):
        scene.listen = scene.backend
        return []


class FwdEpoll(Contender):
    name = "fwd-epoll"

    def label(self, kind):
        return "fwd-epoll" if kind == "plain" else "fwd-epoll x 2 (clear)"

    def find(self, binaries):
        path = os.path.join(binaries, "fwd-epoll")
        return path if os.access(path, os.X_OK) else None

    def start(self, scene):
        program = self.find(scene.binaries)
        if scene.kind == "plain":
            return [scene.start("fwd", [program, str(scene.listen), str(scene.backend)])]
        return [
            scene.start("fwd-a", [program, str(scene.listen), str(scene.link)]),
            scene.start("fwd-b", [program, str(scene.link), str(scene.backend)]),
        ]


class Haproxy(Contender):
    name = "haproxy"
    program = "haproxy"

    def label(self, kind):
        return "haproxy" if kind == "plain" else "haproxy (mTLS h2)"

    def start(self, scene):
        program = self.find(scene.binaries)

        def one(side):
            return scene.start(f"haproxy-{side}", [program, "-db", "-f", scene.config(f"haproxy-{side}.cfg", f"haproxy-{side}")])

        return [one("plain")] if scene.kind == "plain" else [one("pair-a"), one("pair-b")]

    def checks(self, scene):
        return check_link(scene, "h2") if scene.kind == "pair" else []


class Nginx(Contender):
    name = "nginx"
    program = "nginx"

    def label(self, kind):
        return "nginx" if kind == "plain" else "nginx (mTLS h1)"

    def start(self, scene):
        program = self.find(scene.binaries)

        def one(side):
            path = scene.config(f"nginx-{side}.conf", f"nginx-{side}")
            return scene.start(f"nginx-{side}", [program, "-p", scene.directory, "-e", "stderr", "-c", path])

        return [one("plain")] if scene.kind == "plain" else [one("pair-a"), one("pair-b")]

    def checks(self, scene):
        return check_link(scene, None) if scene.kind == "pair" else []


class Weft(Contender):
    name = "weft"

    def label(self, kind):
        return "weft" if kind == "plain" else "weft (mTLS h2, log, metrics)"

    def find(self, binaries):
        path = os.path.join(binaries, "weft-sidecar")
        return path if os.access(path, os.X_OK) else None

    def start(self, scene):
        program = self.find(scene.binaries)

        def one(side):
            return scene.start(f"weft-{side}", [program, "-c", scene.config(f"weft-{side}.yaml", f"weft-{side}")])

        return [one("plain")] if scene.kind == "plain" else [one("pair-a"), one("pair-b")]

    def is_ready(self, scene):
        return all((process.get(port, "/ready", host="localhost") or (0,))[0] == 200 for port in scene.admin.values())

    def checks(self, scene):
        wrong = []
        for name, port in scene.admin.items():
            answer = process.get(port, "/metrics", host="localhost")
            if not answer or answer[0] != 200 or b"weft_requests_total" not in answer[1]:
                wrong.append(f"{name}: /metrics shows no weft_requests_total")
        if scene.kind == "pair":
            wrong += check_link(scene, "h2", refuses_stranger=True)
            for side in ("a", "b"):
                log = os.path.join(scene.directory, f"{side}.access.log")
                if not os.path.exists(log):
                    wrong.append(f"weft-pair-{side}: no access log")
        return wrong


ALL = (Direct(), FwdEpoll(), Nginx(), Haproxy(), Weft())


def _try_link(scene, leaf, alpn):
    """(ALPN chosen, whether an HTTP exchange or HTTP/2 preface got an answer) of one TLS connection to the link port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    if leaf:
        context.load_cert_chain(os.path.join(scene.certificates, f"{leaf}.both.pem"))
    # An empty SETTINGS frame after the preface; a server answers with its own at once.
    hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    if alpn != "h2":
        hello = b"GET /link-check HTTP/1.1\r\nhost: bench.local\r\nconnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", scene.link), timeout=2) as plain:
            with context.wrap_socket(plain, server_hostname="server.bench.local") as secured:
                secured.sendall(hello)
                answer = secured.recv(512)
                served = bool(answer) and b" 400 " not in answer[:32]
                return secured.selected_alpn_protocol(), served
    except (OSError, ssl.SSLError):
        return None, False


def check_link(scene, alpn, refuses_stranger=False):
    """That the link really is what its label says: mutual TLS, this protocol, this identity."""
    wrong = []
    chosen, served = _try_link(scene, "client", alpn)
    if not served:
        wrong.append("the link does not serve the client's certificate")
    elif alpn and chosen != alpn:
        wrong.append(f"the link negotiated {chosen}, not {alpn}")
    if _try_link(scene, None, alpn)[1]:
        wrong.append("the link serves a client without a certificate")
    if refuses_stranger and _try_link(scene, "stranger", alpn)[1]:
        wrong.append("the link serves a client of another identity")
    return wrong
