"""A DNS server that has one answer for everything, and a client that asks one question.

    dns_peer.py serve HOST...               A is 192.0.2.53, AAAA 2001:db8::53, below cluster.local there is nothing; prints each
                                            name it was asked for
    dns_peer.py ask udp|tcp HOST NAME       prints the code and the A records: "0 192.0.2.53"
"""

import socket
import struct
import sys
import threading

from agent import family_of

A, AAAA = 1, 28


def name_in(message):
    labels, at = [], 12
    while length := message[at]:
        labels.append(message[at + 1:at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), at + 1


def answer(message):
    name, end = name_in(message)
    kind = struct.unpack("!H", message[end:end + 2])[0]
    print(name.lower(), flush=True)
    data = {A: socket.inet_aton("192.0.2.53"), AAAA: socket.inet_pton(socket.AF_INET6, "2001:db8::53")}.get(kind)
    nothing = name.lower().endswith("cluster.local")
    record = b"" if nothing or not data else struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
    flags = 0x8183 if nothing else 0x8180
    return message[:2] + struct.pack("!HHHHH", flags, 1, 1 if record else 0, 0, 0) + message[12:end + 4] + record


def serve_tcp(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            length = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0]
            reply = answer(connection.recv(length, socket.MSG_WAITALL))
            connection.sendall(struct.pack("!H", len(reply)) + reply)


def serve_udp(endpoint):
    while True:
        message, asker = endpoint.recvfrom(4096)
        endpoint.sendto(answer(message), asker)


def serve(hosts):
    for host in hosts:
        listener = socket.create_server((host, 53), family=family_of(host))
        threading.Thread(target=serve_tcp, args=(listener,), daemon=True).start()
        endpoint = socket.socket(family_of(host), socket.SOCK_DGRAM)
        endpoint.bind((host, 53))
        threading.Thread(target=serve_udp, args=(endpoint,), daemon=True).start()
    print("serves", flush=True)
    threading.Event().wait()


def ask(road, host, name):
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack("!HH", A, 1)
    message = struct.pack("!HHHHHH", 0x4242, 0x0100, 1, 0, 0, 0) + question
    kind = socket.SOCK_DGRAM if road == "udp" else socket.SOCK_STREAM
    with socket.socket(family_of(host), kind) as endpoint:
        endpoint.settimeout(6)
        endpoint.connect((host, 53))
        if road == "udp":
            endpoint.send(message)
            reply = endpoint.recv(4096)
        else:
            endpoint.sendall(struct.pack("!H", len(message)) + message)
            length = struct.unpack("!H", endpoint.recv(2, socket.MSG_WAITALL))[0]
            reply = endpoint.recv(length, socket.MSG_WAITALL)
    said, at = [str(reply[3] & 15)], 12 + len(question)
    for _ in range(struct.unpack("!H", reply[6:8])[0]):
        said.append(socket.inet_ntoa(reply[at + 12:at + 16]))
        at += 16
    print(" ".join(said))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2:])
    else:
        ask(*sys.argv[2:])
