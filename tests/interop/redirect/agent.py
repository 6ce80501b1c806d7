"""One user in one network namespace, told what to do by lines of JSON: listen, call, be a sidecar.

    agent.py NAMESPACE UID GID [net_admin]

Each command is answered by one line. A call sends a line and returns the line that came back, in which everybody it
passed wrote its name; so a transcript says which way a connection went, and how often.
"""

import ctypes
import json
import os
import socket
import struct
import sys
import threading

CLONE_NEWNET = 0x40000000
SO_ORIGINAL_DST = 80
PATIENCE = 3.0


CAP_NET_ADMIN = 12
PR_SET_KEEPCAPS = 8
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
SO_MARK = 36
MARK = 15006  # pod_contract.h


def enter(namespace, uid, gid, net_admin):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    if net_admin:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if net_admin:  # as sidecar/own_user.cc
        head = struct.pack("=Ii", 0x20080522, 0)
        sets = struct.pack("=6I", 1 << CAP_NET_ADMIN, 1 << CAP_NET_ADMIN, 0, 0, 0, 0)
        if libc.syscall(SYS_CAPSET[os.uname().machine], head, sets) != 0:
            raise OSError(ctypes.get_errno(), "capset")


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def show(address):
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def be_transparent(endpoint):
    endpoint.setsockopt(socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1)
    if endpoint.family == socket.AF_INET6:
        endpoint.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT


def destination_of(connection):
    """Where it was bound for, redirected or taken as it is."""
    try:
        return original_destination(connection)
    except OSError:
        return show(connection.getsockname())


def original_destination(connection):
    if connection.family == socket.AF_INET6:
        raw = connection.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
        return f"[{socket.inet_ntop(socket.AF_INET6, raw[8:24])}]:{struct.unpack('!H', raw[2:4])[0]}"
    raw = connection.getsockopt(socket.IPPROTO_IP, SO_ORIGINAL_DST, 16)
    return f"{socket.inet_ntop(socket.AF_INET, raw[4:8])}:{struct.unpack('!H', raw[2:4])[0]}"


def read_line(connection):
    text = b""
    while not text.endswith(b"\n"):
        block = connection.recv(4096)
        if not block:
            break
        text += block
    return text.decode().strip()


def call(to, source=None, source_port=0, transparent=False):
    """One connection, one line there, one line back."""
    with socket.socket(family_of(to[0]), socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        if transparent:
            be_transparent(connection)
            connection.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK)
        if source or source_port:
            connection.bind((source or "", source_port))
        connection.connect(to)
        connection.sendall(b"hello\n")
        return read_line(connection)


def read_head(connection):
    text = b""
    while b"\r\n\r\n" not in text:
        block = connection.recv(4096)
        if not block:
            break
        text += block
    return text


def http_get(to, path, host):
    """One request; its status, x-route and body, or how it ended without an answer."""
    with socket.socket(family_of(to[0]), socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(to)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        text = read_head(connection)
        while block := connection.recv(4096):
            text += block
    if not text:
        return "closed"
    head, _, body = text.decode().partition("\r\n\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
    return f"{head.split()[1]} {fields.get('x-route', '-')} {body.strip()}"


def greeting(to):
    """What a server says that speaks first, and what it answers then."""
    with socket.socket(family_of(to[0]), socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(to)
        first = read_line(connection)
        if not first:
            return "closed"
        connection.sendall(b"hello\n")
        return f"{first} / {read_line(connection)}"


def query(to, source_port=0):
    with socket.socket(family_of(to[0]), socket.SOCK_DGRAM) as endpoint:
        endpoint.settimeout(PATIENCE)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        endpoint.bind(("", source_port))
        endpoint.connect(to)
        endpoint.send(b"hello\n")
        return endpoint.recv(4096).decode().strip()


def accept_each(host, port, serve_one, transparent=False):
    listener = socket.socket(family_of(host), socket.SOCK_STREAM)
    if transparent:
        be_transparent(listener)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((host, port))
    listener.listen(64)

    def one(connection):
        with connection:
            connection.settimeout(60)
            try:
                serve_one(connection)
            except OSError as error:
                print(f"a connection broke: {error}", file=sys.stderr, flush=True)

    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()


def listen(host, port, answer, transparent=False):
    def lines(connection):
        while line := read_line(connection):
            connection.sendall((answer(connection, line) + "\n").encode())
    accept_each(host, port, lines, transparent)


def listen_http(host, port, name):
    """Every request is answered with who we are and from where we were called."""
    def requests(connection):
        while head := read_head(connection):
            body = f"{name} from {connection.getpeername()[0]}\n"
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            if b"connection: close" in head.lower():
                return
    accept_each(host, port, requests)


def listen_greeting(host, port, name):
    """A server that speaks first."""
    def greet(connection):
        connection.sendall(f"220 {name} from {connection.getpeername()[0]}\n".encode())
        if line := read_line(connection):
            connection.sendall(f"250 {line}\n".encode())
    accept_each(host, port, greet)


def listen_udp(host, port, name):
    endpoint = socket.socket(family_of(host), socket.SOCK_DGRAM)
    if endpoint.family == socket.AF_INET6:
        endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    endpoint.bind((host, port))

    def loop():
        while True:
            _, peer = endpoint.recvfrom(4096)
            endpoint.sendto(f"{name} from {peer[0]}\n".encode(), peer)
    threading.Thread(target=loop, daemon=True).start()


class StandIn:
    """What a sidecar does with a captured connection, in the fewest lines: `services` says where a destination is
    served, `delivery` at which address and from which source the app behind one is reached, if not on loopback; `transparent`:
    the app is called from its caller's address, where it listens on the pod's."""

    def __init__(self, services, delivery, transparent):
        self.services, self.delivery, self.transparent = services, delivery, transparent
        for host in ("0.0.0.0", "::"):
            listen(host, 15006, self.inbound, transparent)
        for host in ("127.0.0.1", "::1"):  # what the pod itself sends is brought to loopback
            listen(host, 15001, self.outbound)
            listen(host, 15053, lambda connection, _: f"resolver({original_destination(connection)})")
            listen_udp(host, 15053, "resolver")

    def outbound(self, connection, _):
        wanted = original_destination(connection)
        try:
            return f"out({wanted}) {call(parse(self.services.get(wanted, wanted)))}"
        except OSError as error:
            return f"out({wanted}) {error.strerror or error}"

    def inbound(self, connection, _):
        wanted = destination_of(connection)
        host, port = parse(wanted)
        loopback = "::1" if ":" in host else "127.0.0.1"
        to, source = self.delivery.get(wanted, [loopback, None])
        peer = connection.getpeername()[0]
        try:
            if self.transparent and peer != host:
                try:
                    return f"in({wanted} from {peer}) {call((host, port), peer, transparent=True)}"
                except ConnectionRefusedError:
                    pass  # it listens on loopback only
            return f"in({wanted} from {peer}) {call((to, port), source)}"
        except OSError as error:
            return f"in({wanted} from {peer}) {error.strerror or error}"


class Agent:
    """The commands. A connection that is kept open has a name."""

    def __init__(self):
        self.kept = {}

    def listen(self, host, port, name):
        listen(host, port, lambda connection, _: f"{name} from {connection.getpeername()[0]}")

    def listen_udp(self, host, port, name):
        listen_udp(host, port, name)

    def listen_http(self, host, port, name):
        listen_http(host, port, name)

    def listen_greeting(self, host, port, name):
        listen_greeting(host, port, name)

    def stand_in(self, services, delivery, transparent=False):
        self.sidecar = StandIn(services, delivery, transparent)

    def call(self, to, source=None, source_port=0):
        return call(parse(to), source, source_port)

    def get(self, to, path="/", host="anybody"):
        return http_get(parse(to), path, host)

    def greeting(self, to):
        return greeting(parse(to))

    def query(self, to, source_port=0):
        return query(parse(to), source_port)

    def keep(self, name, to):
        host, port = parse(to)
        self.kept[name] = connection = socket.socket(family_of(host), socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        connection.connect((host, port))

    def ask_kept(self, name):
        self.kept[name].sendall(b"hello\n")
        return read_line(self.kept[name])

    def nonsense(self, source, to):
        """A TCP segment with flags that no connection has; returns what comes back: "reset" or "silence"."""
        host, port = parse(to)
        addresses = socket.inet_aton(source) + socket.inet_aton(host)
        header = struct.pack("!HHIIBBHHH", 41000, port, 1, 0, 5 << 4, 0x09, 1024, 0, 0)  # FIN and PSH alone
        words = struct.unpack("!16H", addresses + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header)) + header)
        total = sum(words)
        total = (total & 0xFFFF) + (total >> 16)
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        header = header[:16] + struct.pack("!H", checksum) + header[18:]
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
            raw.settimeout(0.5)
            raw.sendto(header, (host, 0))
            try:
                while True:
                    segment = raw.recv(4096)[20:]
                    if struct.unpack("!HH", segment[:4]) == (port, 41000) and segment[13] & 0x04:
                        return "reset"
            except TimeoutError:
                return "silence"


def main():
    enter(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "net_admin" in sys.argv[4:])
    agent = Agent()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(agent, command.pop("do"))(**command)
        except TimeoutError:
            answer = "timeout"
        except OSError as error:
            answer = error.strerror or str(error)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
