"""Ordinary traffic: what clients send arrives, and what the origin answers comes back, whatever speaks HTTP/1.1 or HTTP/2."""

import hashlib
import json

from harness.clients import curl, h2load, nghttp
from harness.origin import pattern
from harness.pair import HOST
from harness.processes import run, temp_dir

H1 = ["--http1.1"]
H2 = ["--http2-prior-knowledge"]
NAMES = {"1.1": H1, "2": H2}
LONG = "v" * 6000
STATUSES = (200, 201, 204, 302, 304, 400, 401, 404, 418, 500, 503)


def at(port, target):
    return ["--connect-to", f"::127.0.0.1:{port}", f"http://{HOST}{target}"]


def requests(checks, name, port, origin, keeps_case):
    """Everything that a sidecar has to hand through unchanged, over both protocols."""
    for version, flags in NAMES.items():
        label = f"{name}, HTTP/{version}"
        with checks.about(label):
            answer = curl(*flags, *at(port, "/hello"))
            checks.equal(f"{label}: GET", (answer.exit, answer.status, answer.version, answer.body),
                         (0, 200, version, b"hello from cart\n"))
            fields_survive(checks, label, flags, port, keeps_case and version == "1.1")
            bodies_survive(checks, label, flags, port)
            statuses_survive(checks, label, flags, port, origin)
            answer = curl(*flags, *at(port, "/h2/small"))
            checks.equal(f"{label}: an HTTP/2 origin", (answer.status, answer.body), (200, b"ok\n"))
            answer = curl(*flags, *at(port, "/h2/large"))
            checks.equal(f"{label}: 1 MB from an HTTP/2 origin", (answer.status, digest(answer.body)),
                         (200, digest(pattern(1_000_000))))
            answer = curl(*flags, *at(port, "/dead"))
            checks.that(f"{label}: 503 for an app that is not there", answer.status == 503 and answer.body.count(b"\n") <= 1,
                        answer)
            answer = curl(*flags, "--connect-to", f"::127.0.0.1:{port}", "http://stranger.example/")
            checks.that(f"{label}: 404 for an unknown host", answer.status == 404, answer)
    with checks.about(f"{name}: nghttp"):
        nghttp_streams(checks, name, port)
    with checks.about(f"{name}: keep-alive"):
        connections_are_kept(checks, name, port)


def fields_survive(checks, label, flags, port, keeps_case):
    sent = [("X-Shop-Case", "Mixed Case value"), ("x-twice", "one"), ("x-twice", "two"), ("x-long", LONG), ("cookie", "a=1; b=2"),
            ("accept-language", "de, en;q=0.5")]
    arguments = [part for field, value in sent for part in ("-H", f"{field}: {value}")]
    arguments += ["-H", "x-empty;", "-H", "connection: x-hop", "-H", "x-hop: gone"] if flags == H1 else ["-H", "x-empty;"]
    arguments += ["-H", "x-forwarded-client-cert: By=spiffe://evil;URI=spiffe://evil", "-H", "x-weft-peer: evil;v6"]
    answer = curl(*flags, *arguments, *at(port, "/echo?q=a%20b&r=%2F"))
    seen = answer.json()["fields"]
    lower = [(field.lower(), value) for field, value in seen]

    def values(field):
        return ", ".join(value for name, value in lower if name == field)

    checks.that(f"{label}: fields arrive once and whole",
                all(values(field) == ", ".join(v for f, v in sent if f == field) for field in dict(sent) if field.islower())
                and values("x-shop-case") == "Mixed Case value" and ("x-empty", "") in lower, lower)
    if keeps_case:
        checks.that(f"{label}: names keep their case", "X-Shop-Case" in dict(seen), seen)
    checks.equal(f"{label}: the target arrives as it was", answer.json()["target"], "/echo?q=a%20b&r=%2F")
    checks.equal(f"{label}: the host arrives", values("host"), HOST)
    checks.that(f"{label}: every request has an id", len(values("x-request-id")) >= 32, values("x-request-id"))
    gone = [field for field, _ in lower if field in ("x-hop", "x-forwarded-client-cert", "x-weft-peer", "http2-settings")]
    checks.equal(f"{label}: fields of one hop and forged identities are gone", gone, [])
    checks.equal(f"{label}: fields of the answer survive", (answer.field("x-origin"), answer.fields("set-cookie"),
                                                            answer.field("x-hop")), ("cart", ["a=1", "b=2; Path=/"], ""))


def bodies_survive(checks, label, flags, port):
    for length in (0, 1, 65_537, 3_000_000):
        file = temp_dir() / f"sent-{length}"
        file.write_bytes(pattern(length))
        answer = curl(*flags, "-H", "content-type: application/octet-stream", "--data-binary", f"@{file}", *at(port, "/echo"))
        told = answer.json() if answer.status == 200 else {}
        checks.equal(f"{label}: POST of {length} bytes arrives", (told.get("length"), told.get("sha256")),
                     (length, digest(pattern(length))))
    # No length known: chunked in HTTP/1.1, and curl waits for 100 Continue before a body of this size.
    file = temp_dir() / "sent-3000000"
    with file.open("rb") as stream:
        answer = curl(*flags, "-T", "-", *at(port, "/body"), stdin=stream)
    checks.equal(f"{label}: PUT without a length comes back", (answer.status, digest(answer.body)), (200, digest(pattern(3_000_000))))
    answer = curl(*flags, "-H", "expect: 100-continue", "--data-binary", f"@{file}", *at(port, "/body"))
    checks.equal(f"{label}: POST after 100 Continue comes back", (answer.status, digest(answer.body)),
                 (200, digest(pattern(3_000_000))))
    answer = curl(*flags, "--data-binary", f"@{temp_dir() / 'sent-65537'}", *at(port, "/h2/echo"))
    checks.equal(f"{label}: POST to an HTTP/2 origin comes back", (answer.status, digest(answer.body)), (200, digest(pattern(65_537))))
    for target, length in (("/bytes?n=3000000", 3_000_000), ("/chunked?n=100000", 100_000)):
        answer = curl(*flags, *at(port, target))
        checks.equal(f"{label}: GET {target}", (answer.status, digest(answer.body)), (200, digest(pattern(length))))
    answer = curl(*flags, "-I", *at(port, "/bytes?n=5000"))
    checks.equal(f"{label}: HEAD", (answer.exit, answer.status, answer.field("content-length")), (0, 200, "5000"))


def statuses_survive(checks, label, flags, port, origin):
    before = origin.count()
    seen = [curl(*flags, *at(port, f"/status/{status}")).status for status in STATUSES]
    checks.equal(f"{label}: statuses come back as they were", seen, list(STATUSES))
    checks.equal(f"{label}: each request was made once", origin.count() - before, len(STATUSES))


def routes(checks, port, origin):
    """What the sidecar answers or changes by its route table."""
    with checks.about("plain: routes"):
        answer = curl(*at(port, "/teapot"))
        checks.equal("plain: a direct response", (answer.status, answer.body), (418, b"short and stout\n"))
        answer = curl(*at(port, "/old/thing?a=b"))
        checks.that("plain: a redirect", answer.status == 302 and "/new" in answer.field("location"),
                    (answer, answer.field("location")))
        answer = curl(*at(port, "/hasty?ms=2000"))
        checks.that("plain: 504 when the origin is too slow", answer.status == 504, answer)
        before = origin.count()
        answer = curl("-H", "x-edit: yes", "-H", "x-secret: s", *at(port, "/echo"))
        seen = {field.lower(): value for field, value in answer.json()["fields"]}
        checks.equal("plain: a route edits fields", (seen.get("x-added"), seen.get("x-secret"), answer.field("x-seen")),
                     ("by-route", None, "by-route"))
        checks.equal("plain: it reaches the origin once", origin.count() - before, 1)
        _, story = nghttp("-H", f":authority: {HOST}", f"http://127.0.0.1:{port}/h2/small")
        checks.that("plain: trailers of an HTTP/2 origin come through", "x-sum: 42" in story, story[-600:])
        answer = curl("--http2", *at(port, "/hello"))
        checks.that("plain: an offer of h2c by Upgrade is passed over", answer.status == 200 and answer.version == "1.1", answer)


def nghttp_streams(checks, name, port):
    statuses, story = nghttp("-m", "50", "-H", f":authority: {HOST}", f"http://127.0.0.1:{port}/hello")
    checks.that(f"{name}: nghttp, 50 streams on a connection", statuses == [200] * 50, (len(statuses), story[-600:]))
    statuses, story = nghttp("-H", f":authority: {HOST}", "-d", temp_dir() / "sent-65537", "--trailer", "x-end: yes",
                             f"http://127.0.0.1:{port}/echo")
    checks.that(f"{name}: nghttp posts with a trailer", statuses == [200], story[-600:])
    done = run("nghttp", "-H", f":authority: {HOST}", "-d", temp_dir() / "sent-65537", f"http://127.0.0.1:{port}/echo")
    checks.that(f"{name}: nghttp's body arrives", json.loads(done.stdout or "{}").get("sha256") == digest(pattern(65_537)),
                (done.stdout, done.stderr))


def connections_are_kept(checks, name, port):
    # Over HTTP/2 nghttp shows the same with its 50 streams; curl 7.88 cannot reuse a connection of prior knowledge.
    urls = [part for part in at(port, "/hello")[2:] * 5 for part in (part, "-o", temp_dir() / "kept")]
    done = run("curl", "-sS", "--max-time", "15", *H1, "-w", "%{num_connects} %{http_code}\n", *at(port, "/")[:2], *urls)
    checks.equal(f"{name}: five requests of curl, one connection", sorted(done.stdout.split("\n")), ["", *["0 200"] * 4, "1 200"])


def load(checks, name, port, origin):
    with checks.about(f"{name}: h2load"):
        where = [f"--connect-to=127.0.0.1:{port}"]
        for label, flags in (("HTTP/1.1", ["--h1", "-c", "20"]), ("HTTP/2", ["-c", "4", "-m", "10"])):
            done = h2load(*flags, "-n", "4000", *where, f"http://{HOST}/h2/small")
            checks.that(f"{name}: h2load, 4000 requests over {label} to an HTTP/2 origin", done.clean() and done.total == 4000, done)
            before = origin.count()
            done = h2load(*flags, "-n", "1000", *where, f"http://{HOST}/hello")
            checks.that(f"{name}: h2load, 1000 requests over {label} to an HTTP/1.1 origin", done.clean() and done.total == 1000, done)
            checks.equal(f"{name}: the origin saw each of them once", origin.count() - before, 1000)
        done = h2load("-c", "2", "-m", "5", "-n", "100", *where, f"http://{HOST}/h2/large")
        checks.that(f"{name}: h2load, 100 answers of 1 MB", done.clean() and done.total == 100, done)


def digest(body):
    return hashlib.sha256(body).hexdigest()
