"""The scenarios: what is sent through which set-up, and in which unit its cost is counted.

A set-up is a name: every contender that has config/CONTENDER-SETUP.* (or -SETUP-a and -SETUP-b, a pair) takes part.
"""

from dataclasses import dataclass, replace

GRPC_BACKEND = ("--http2", "--grpc", "--size", "100")
MTLS = ("--tls", "--cert", "@CERTS@/client.pem", "--key", "@CERTS@/client.key")


@dataclass(frozen=True)
class Goal:
    """weft's `figure` is at most (or at least) `limit` times the anchor's."""

    anchor: str
    figure: str
    limit: float
    at_least: bool = False


@dataclass(frozen=True)
class Scenario:
    name: str
    group: str  # S1, S1b, ...: what --scenario also takes.
    title: str
    setup: str
    # requests: peak and open loop. peak: closed loop alone. messages: the backend sets the pace. bulk: bytes.
    # hold: memory of idle connections. start, drain, idle: see measure.py.
    kind: str = "requests"
    load: tuple = ()
    backend: tuple = ()
    connections: int = 0  # 0: --connections.
    unit: str = "request"
    body: int = 0  # Bytes the probe must bring back; 0: it is not looked at.
    proxy_answers: bool = False  # The backend sees nothing.
    messages_per_s: float = 0
    is_resumed: bool = False
    goals: tuple = ()
    counted_by: str = "weft"  # Whose instructions the gate counts.

    @property
    def is_http1(self):
        """A plain HTTP/1.1 client can be the probe."""
        return self.setup in ("plain", "pair", "policies-plain", "policies-pair")


def _plain(name, group, title, size, load=(), backend=(), goals=()):
    return Scenario(name, group, title, "plain", load=load, backend=("--size", str(size), *backend), body=size, goals=goals)


def _grpc(connections, streams, setup="grpc", group="S3", goals=()):
    return Scenario(
        f"{setup}-{connections}x{streams}", group, f"{setup}: unary calls, 100 bytes each way, {connections} x {streams} streams",
        setup, load=("--protocol", "grpc", "--body", "100", "--streams", str(streams)), backend=GRPC_BACKEND,
        connections=connections, unit="call", goals=goals)


S1_GOALS = (Goal("haproxy", "cpu_us", 0.90), Goal("nginx", "cpu_us", 1.0), Goal("fwd-epoll", "peak_rps", 0.80, True))
S2_GOALS = (Goal("haproxy", "cpu_us", 0.80),)
S3_GOALS = (Goal("nghttpx", "cpu_us", 0.85),)
BULK_GOALS = (Goal("haproxy", "peak_rps", 1.0, True),)
SHAKE_GOALS = (Goal("haproxy", "cpu_us_at_peak", 0.9),)

_SIZED = {
    "plain": ("S1", "plain, {size}-byte answers", S1_GOALS),
    "pair": ("S2", "pair, {size}-byte answers", S2_GOALS),
    "policies-plain": ("S1p", "plain with every default policy beside none, {size}-byte answers", ()),
    "policies-pair": ("S2p", "pair with every default policy beside none, {size}-byte answers", ()),
}

ALL = (
    _plain("plain-10k", "S1b", "plain, 10 KB answers", 10240),
    _plain("plain-100k", "S1b", "plain, 100 KB answers", 102400),
    _plain("plain-chunked", "S1b", "plain, 10 KB chunked answers", 10240, backend=("--chunked",)),
    _plain("plain-upload", "S1b", "plain, 10 KB posted", 2, load=("--method", "POST", "--body", "10240")),
    _plain("plain-close", "S1c", "plain, a connection for each request", 1024, load=("--connections-per-request",)),
    _grpc(1, 1, goals=S3_GOALS),
    _grpc(1, 100, goals=S3_GOALS),
    _grpc(10, 10, goals=S3_GOALS),
    _grpc(10, 10, setup="grpc-pair"),
    Scenario("grpc-stream", "S3b", "server streaming, 1,000 streams, each a 100-byte message every 100 ms", "grpc",
             kind="messages", load=("--protocol", "grpc-stream", "--body", "100", "--streams", "100"),
             backend=(*GRPC_BACKEND, "--message-interval", "100000"), connections=10, unit="message", messages_per_s=10000),
    Scenario("tcp-bulk-1", "S4", "TCP, 1 flow", "tcp", kind="bulk", load=("--bulk", "down"), backend=("--tcp-source",),
             connections=1, unit="MB", goals=BULK_GOALS),
    Scenario("tcp-bulk-8", "S4", "TCP, 8 flows", "tcp", kind="bulk", load=("--bulk", "down"), backend=("--tcp-source",),
             connections=8, unit="MB", goals=BULK_GOALS),
    Scenario("tcp-ping", "S4", "TCP, 64 bytes there and back", "tcp", load=("--tcp-ping", "--ping-bytes", "64"),
             backend=("--tcp-echo",), unit="ping", proxy_answers=True),
    Scenario("tcp-pair-bulk-1", "S5", "TCP through the mTLS pair, 1 flow", "tcp-pair", kind="bulk", load=("--bulk", "down"),
             backend=("--tcp-source",), connections=1, unit="MB", goals=BULK_GOALS),
    Scenario("tcp-pair-bulk-8", "S5", "TCP through the mTLS pair, 8 flows", "tcp-pair", kind="bulk", load=("--bulk", "down"),
             backend=("--tcp-source",), connections=8, unit="MB", goals=BULK_GOALS),
    Scenario("hold-plain", "S6", "idle HTTP/1.1 connections", "plain", kind="hold"),
    Scenario("hold-tls", "S6", "idle TLS connections, HTTP/1.1", "tls", kind="hold", load=MTLS),
    Scenario("hold-h2", "S6", "idle TLS connections, HTTP/2", "tls", kind="hold", load=(*MTLS, "--protocol", "http2")),
    Scenario("hold-tcp", "S6", "idle proxied TCP connections", "tcp", kind="hold", load=("--tcp-ping", "--ping-bytes", "64"),
             backend=("--tcp-echo",)),
    Scenario("handshake", "S8", "full mutual handshakes, with one request each and close", "handshake", kind="peak",
             load=(*MTLS, "--connections-per-request"), connections=16, unit="handshake", proxy_answers=True, goals=SHAKE_GOALS),
    Scenario("resume", "S8", "resumed mutual handshakes, with one request each and close", "resume", kind="peak",
             load=(*MTLS, "--connections-per-request", "--resume"), connections=16, unit="handshake", proxy_answers=True,
             is_resumed=True),
    Scenario("idle", "S11", "ready, no request seen", "", kind="idle"),
    Scenario("start", "S11", "exec to the first proxied answer", "plain", kind="start"),
    Scenario("drain", "S12", "one of two servers' sides is told to stop under load", "drain", kind="drain", backend=("--size", "1024"),
             body=1024),
)


def names():
    """What --scenario takes: names, groups, and those that come in the sizes of --size."""
    return sorted({*_SIZED, *(scenario.name for scenario in ALL), *(scenario.group for scenario in ALL),
                   *(group for group, _, _ in _SIZED.values())})


def chosen(wanted, sizes):
    """The scenarios of these names or groups, in the order they run; all of them when none is named."""
    found = []
    for setup, (group, title, goals) in _SIZED.items():
        if not wanted or setup in wanted or group in wanted:
            found += [replace(_plain(f"{setup}-{size}", group, title.format(size=size), size, goals=goals), setup=setup)
                      for size in sizes]
    return found + [scenario for scenario in ALL if not wanted or scenario.name in wanted or scenario.group in wanted]


def counted():
    """What the gate counts instructions of: one connection, one request at a time, so that the figure repeats."""
    return {
        "S1": replace(_plain("plain-2", "S1", "plain", 2), connections=1),
        "S2": replace(_plain("pair-2", "S2", "pair", 2), setup="pair", connections=1),
        "S3": _grpc(1, 1),
        "S1p": replace(_plain("policies-plain-2", "S1p", "plain, every default policy", 2), setup="policies-plain", connections=1,
                       counted_by="weft-policies"),
        "S2p": replace(_plain("policies-pair-2", "S2p", "pair, every default policy", 2), setup="policies-pair", connections=1,
                       counted_by="weft-policies"),
    }
