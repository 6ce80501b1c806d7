"""One user in one network namespace, told what to do by lines of JSON: listen, call, be a sidecar.

    agent.py NAMESPACE UID GID

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


def enter(namespace, uid, gid):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def show(address):
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


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


def call(to, source=None, source_port=0):
    """One connection, one line there, one line back."""
    with socket.socket(family_of(to[0]), socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        if source or source_port:
            connection.bind((source or "", source_port))
        connection.connect(to)
        connection.sendall(b"hello\n")
        return read_line(connection)


def query(to, source_port=0):
    with socket.socket(family_of(to[0]), socket.SOCK_DGRAM) as endpoint:
        endpoint.settimeout(PATIENCE)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        endpoint.bind(("", source_port))
        endpoint.connect(to)
        endpoint.send(b"hello\n")
        return endpoint.recv(4096).decode().strip()


def serve(listener, answer):
    def one(connection):
        with connection:
            connection.settimeout(60)
            try:
                while line := read_line(connection):
                    connection.sendall((answer(connection, line) + "\n").encode())
            except OSError as error:
                print(f"a connection broke: {error}", file=sys.stderr, flush=True)

    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()


def listen(host, port, answer):
    listener = socket.socket(family_of(host), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((host, port))
    listener.listen(64)
    serve(listener, answer)


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
    served, `delivery` at which address and from which source the app behind one is reached, if not on loopback."""

    def __init__(self, services, delivery):
        self.services, self.delivery = services, delivery
        for host in ("0.0.0.0", "::"):
            listen(host, 15006, self.inbound)
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
        wanted = original_destination(connection)
        host, port = parse(wanted)
        loopback = "::1" if ":" in host else "127.0.0.1"
        to, source = self.delivery.get(wanted, [loopback, None])
        peer = connection.getpeername()[0]
        try:
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

    def stand_in(self, services, delivery):
        self.sidecar = StandIn(services, delivery)

    def call(self, to, source=None, source_port=0):
        return call(parse(to), source, source_port)

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
    enter(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
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
