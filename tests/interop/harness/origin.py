"""Origin: a small HTTP/1.1 server in this process, on Python's own http.server, that remembers what it was sent.

    /hello          a line of text that names the origin
    /echo           JSON of what arrived: method, target, fields in order and as written, length and SHA-256 of the body
    /body           the body that arrived
    /bytes?n=N      N bytes;   /chunked?n=N  the same in chunks, without a length
    /status/N       an empty answer with that status
    /slow?ms=N      an answer after so long
    /policy/…       the same, for whoever routes what is under it in another way
    /call?port=P&target=T   asks there, as an app does that passes the trace headers of its caller on
"""

import hashlib
import http.client
import http.server
import json
import threading
import time
import urllib.parse

TRACE_FIELDS = ("traceparent", "tracestate", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-request-id")
PATTERN = bytes(range(256)) * 4096


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # clients go away in the middle; that is what some checks are for


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together; two writes would meet the delayed acknowledgement of the other side.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_expect_100(self):
        held = super().handle_expect_100()
        self.wfile.flush()
        return held

    def _read_body(self):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _answer(self, status, body=b"", fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _serve(self):
        origin = self.server.origin
        body = self._read_body()
        target = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(target.query))
        fields = list(self.headers.items())
        origin.remember({"method": self.command, "target": self.path, "fields": fields, "length": len(body)})
        if origin.fails_under and self.path.startswith(origin.fails_under):
            self._answer(500)
            return
        name, *parts = target.path.removeprefix("/policy").split("/")[1:]
        if name == "echo":
            told = {"origin": origin.name, "method": self.command, "target": self.path, "fields": fields,
                    "length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            self._answer(200, json.dumps(told).encode(), [("Content-Type", "application/json"), ("X-Origin", origin.name),
                                                          ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/"),
                                                          ("Connection", "x-hop"), ("X-Hop", "dropped on the way")])
        elif name == "body":
            self._answer(200, body, [("Content-Type", "application/octet-stream")])
        elif name == "bytes":
            self._answer(200, pattern(int(query["n"])))
        elif name == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            whole = pattern(int(query["n"]))
            for at in range(0, len(whole), 10_000):
                piece = whole[at:at + 10_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif name == "status":
            self._answer(int(parts[0]))
        elif name == "slow":
            time.sleep(int(query["ms"]) / 1000)
            self._answer(200, b"at last\n")
        elif name == "call":
            passed = {field: self.headers[field] for field in TRACE_FIELDS if field in self.headers}
            status, told = ask(int(query["port"]), query["target"], query.get("host", "localhost"), passed)
            self._answer(status, told)
        else:
            self._answer(200, f"hello from {origin.name}\n".encode(), [("Content-Type", "text/plain")])

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _serve


class Origin:
    def __init__(self, name="origin"):
        self.name = name
        self.fails_under = ""  # targets that begin so are answered with 500
        self._lock = threading.Lock()
        self._seen = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.origin = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def remember(self, request):
        with self._lock:
            self._seen.append(request)

    def seen(self):
        with self._lock:
            return list(self._seen)

    def count(self, under=""):
        with self._lock:
            return sum(request["target"].startswith(under) for request in self._seen)

    def forget(self):
        with self._lock:
            self._seen.clear()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def pattern(length):
    return (PATTERN * (length // len(PATTERN) + 1))[:length]


def ask(port, target, host="localhost", fields=None, timeout=10.0):
    """Status and body of one GET on a connection of its own; (0, why) when there was no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", target, headers={"Host": host, "Connection": "close"} | (fields or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error).encode()
    finally:
        connection.close()
