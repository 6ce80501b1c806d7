"""The contenders: how each is configured and started for a scenario, and when it is ready.

A contender turns a Scene (who listens where, in which directory, on which core) into running processes. Every
configuration is a file under config/ with @NAME@ places; nothing about a proxy is hidden in this program.
"""

import os
import signal
import socket
import ssl

from harness import machine, process

# Where nothing but bytes arrives that a forwarder can pass on.
CLEAR_SETUPS = ("plain", "pair", "grpc", "grpc-pair", "tcp", "tcp-pair")
# Where two processes of a contender meet over mTLS on the link port.
LINKED_SETUPS = ("pair", "grpc-pair", "tcp-pair", "policies-pair")
# Debian builds nginx's stream module apart.
STREAM_MODULES = ("/usr/lib/nginx/modules/ngx_stream_module.so",)
CONFIG = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "config")


class Scene:
    """One start of one contender: its ports, directory, core, and what to put in front of its command lines."""

    def __init__(self, setup, directory, binaries, certificates, core, backend, prefix=None, tracing=True):
        self.setup = setup
        self.directory = directory
        self.binaries = binaries
        self.certificates = certificates
        self.core = core
        self.prefix = prefix or (lambda name: [])
        self.tracing = tracing
        self.listen = machine.free_port()
        self.link = machine.free_port()
        self.link2 = machine.free_port()  # Of the second server's side, where there is one.
        self.admin = {}
        self.backend = backend
        self.collector = backend  # It answers 200 to whatever is posted.

    def config(self, template, name, **places):
        """Fills config/TEMPLATE and returns the path of the result. `places` go before the scene's own."""
        with open(os.path.join(CONFIG, template), encoding="utf-8") as source:
            lines = source.read().splitlines(keepends=True)
        if not self.tracing:
            lines = [line for line in lines if not line.rstrip().endswith("# tracing")]
        text = "".join(lines)
        if "@ADMIN@" in text:
            self.admin[name] = machine.free_port()
        module = next((path for path in STREAM_MODULES if os.path.exists(path)), None)
        places = {
            "LISTEN": self.listen, "LINK": self.link, "LINK2": self.link2, "BACKEND": self.backend, "CERTS": self.certificates,
            "DIR": self.directory, "NAME": name, "ADMIN": self.admin.get(name, 0), "COLLECTOR": self.collector,
            "STREAM_MODULE": f"load_module {module};" if module else "", **places,
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

    def label(self, setup):
        return self.name

    def find(self, binaries):
        """The path of its program, or None when it is not there."""
        return machine.find_program(self.program)

    def takes_part(self, setup):
        raise NotImplementedError

    def start(self, scene):
        """Starts its processes, the client's side first; the list is what is measured."""
        raise NotImplementedError

    def is_ready(self, scene):
        """Besides the probe through the whole path."""
        return True

    def checks(self, scene):
        """Sentences about what does not hold of this run's set-up; empty when it is what the label says."""
        return []

    def drain(self, running):
        """Tells a process to stop taking connections and to end once the present ones are done."""
        running.signal(signal.SIGTERM)


class Direct(Contender):
    name = "direct"

    def label(self, setup):
        return "direct (no proxy)"

    def find(self, binaries):
        return "none needed"

    def takes_part(self, setup):
        return setup in CLEAR_SETUPS

    def start(self, scene):
        scene.listen = scene.backend
        return []


class Floor(Contender):
    """A forwarder that parses nothing: one, or one for each side of a pair."""

    def __init__(self, name, setups):
        self.name = name
        self.setups = setups

    def label(self, setup):
        return f"{self.name} x 2 (clear)" if setup.endswith("pair") else self.name

    def find(self, binaries):
        path = os.path.join(binaries, self.name)
        return path if os.access(path, os.X_OK) else None

    def takes_part(self, setup):
        return setup in self.setups

    def start(self, scene):
        program = self.find(scene.binaries)
        if not scene.setup.endswith("pair"):
            return [scene.start("fwd", [program, str(scene.listen), str(scene.backend)])]
        return [
            scene.start("fwd-a", [program, str(scene.listen), str(scene.link)]),
            scene.start("fwd-b", [program, str(scene.link), str(scene.backend)]),
        ]


class Proxy(Contender):
    """One whose set-ups are files: config/NAME-SETUP.EXTENSION, or one file for each side."""

    extension = ""
    link = "mTLS h2"  # What its pair of HTTP speaks in between.

    def template(self, setup, side=""):
        return f"{self.name}-{setup}{side}{self.extension}"

    def _has(self, setup, side=""):
        return os.path.exists(os.path.join(CONFIG, self.template(setup, side)))

    def takes_part(self, setup):
        return self._has(setup) or self._has(setup, "-a")

    def label(self, setup):
        if setup in ("pair", "grpc-pair", "drain"):
            return f"{self.name} ({self.link})"
        return f"{self.name} (mTLS)" if setup == "tcp-pair" else self.name

    def argv(self, program, path, scene):
        raise NotImplementedError

    def start(self, scene):
        program = self.find(scene.binaries)

        def one(side, **places):
            name = f"{self.name}-{scene.setup}{side}"
            path = scene.config(self.template(scene.setup, side[:2]), name, **places)
            return scene.start(name, self.argv(program, path, scene))

        if self._has(scene.setup):
            return [one("")]
        sides = [one("-a"), one("-b")]
        if scene.setup == "drain":
            sides.append(one("-b2", LINK=scene.link2))
        return sides

    def alpn(self, setup):
        """What the link of this pair must choose."""
        return "h2" if setup in ("pair", "grpc-pair", "policies-pair") else None

    def checks(self, scene):
        return check_link(scene, self.alpn(scene.setup)) if scene.setup in LINKED_SETUPS else []


class Haproxy(Proxy):
    name = "haproxy"
    program = "haproxy"
    extension = ".cfg"

    def argv(self, program, path, scene):
        return [program, "-db", "-f", path]

    def drain(self, running):
        running.signal(signal.SIGUSR1)


class Nginx(Proxy):
    name = "nginx"
    program = "nginx"
    extension = ".conf"
    link = "mTLS h1"

    def takes_part(self, setup):
        return super().takes_part(setup) and (not setup.startswith("tcp") or any(map(os.path.exists, STREAM_MODULES)))

    def argv(self, program, path, scene):
        return [program, "-p", scene.directory, "-e", "stderr", "-c", path]

    def alpn(self, setup):
        return None


class Nghttpx(Proxy):
    name = "nghttpx"
    program = "nghttpx"
    extension = ".conf"

    def argv(self, program, path, scene):
        return [program, f"--conf={path}", "--single-process"]


class Envoy(Proxy):
    """Runs the very files weft runs."""

    name = "envoy"
    program = "envoy"
    extension = ".yaml"
    link = "mTLS h2, log, metrics"

    def find(self, binaries):
        fetched = os.path.join(binaries, os.pardir, os.pardir, "envoy", "envoy", "_bin", "envoy")
        return fetched if os.access(fetched, os.X_OK) else machine.find_program(self.program)

    def template(self, setup, side=""):
        return f"weft-{setup}{side}{self.extension}"

    def takes_part(self, setup):
        # A drain of Envoy is asked for on its admin page and waits for minutes; a ticket would need a key in the file.
        # Policies that are ours alone stand in the files of their cost.
        return setup not in ("drain", "resume") and not setup.startswith("policies") and super().takes_part(setup)

    def argv(self, program, path, scene):
        return [program, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]

    def is_ready(self, scene):
        return all((process.get(port, "/ready", host="localhost") or (0,))[0] == 200 for port in scene.admin.values())


class Weft(Proxy):
    name = "weft"
    extension = ".yaml"
    link = "mTLS h2, log, metrics"
    # Set-ups that run another one's files: here what policies cost is measured from, there a server that resumes nothing.
    same_as = {"resume": "handshake", "policies-plain": "plain", "policies-pair": "pair"}

    def label(self, setup):
        if setup.startswith("policies"):
            return "weft (no policy)"
        # By design: a ticket could outlive a certificate.
        return "weft (resumes none: full)" if setup == "resume" else super().label(setup)

    def template(self, setup, side=""):
        return super().template(self.same_as.get(setup, setup), side)

    def find(self, binaries):
        path = os.path.join(binaries, "weft-sidecar")
        return path if os.access(path, os.X_OK) else None

    def argv(self, program, path, scene):
        return [program, "-c", path]

    def is_ready(self, scene):
        return all((process.get(port, "/ready", host="localhost") or (0,))[0] == 200 for port in scene.admin.values())

    def checks(self, scene):
        wrong = []
        for name, port in scene.admin.items():
            answer = process.get(port, "/metrics", host="localhost")
            if not answer or answer[0] != 200 or b"weft_requests_total" not in answer[1]:
                wrong.append(f"{name}: /metrics shows no weft_requests_total")
        if scene.setup in LINKED_SETUPS:
            wrong += check_link(scene, self.alpn(scene.setup), refuses_stranger=True)
        if scene.setup in ("pair", "grpc-pair", "policies-pair"):
            for side in ("a", "b"):
                log = os.path.join(scene.directory, f"{side}.access.log")
                if not os.path.exists(log):
                    wrong.append(f"weft-{scene.setup}-{side}: no access log")
        return wrong


class WeftWithPolicies(Weft):
    """With every policy that weft-control writes where nobody wrote any; beside weft with none."""

    name = "weft-policies"

    def label(self, setup):
        return "weft (every default policy)"

    def takes_part(self, setup):
        return setup.startswith("policies") and super().takes_part(setup)

    def template(self, setup, side=""):
        return f"weft-{setup}{side}{self.extension}"


ALL = (Direct(), Floor("fwd-epoll", CLEAR_SETUPS), Floor("fwd-splice", ("tcp", "tcp-pair")), Nginx(), Nghttpx(), Haproxy(),
       Envoy(), Weft(), WeftWithPolicies())


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
