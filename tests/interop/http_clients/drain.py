"""SIGTERM: what is in flight finishes, what comes goes elsewhere, and the process ends by itself."""

import concurrent.futures
import signal
import time

from harness.checks import wait_until
from harness.clients import curl, h2load, nghttp
from harness.pair import HOST


def requests_in_flight_finish(checks, sidecar, port):
    """One sidecar alone: nobody can take over, but nobody who was served loses his answer."""
    with checks.about("drain alone"), concurrent.futures.ThreadPoolExecutor() as pool:
        slow = f"http://{HOST}:{port}/slow?ms=1500"
        one = pool.submit(curl, "--connect-to", f"::127.0.0.1:{port}", slow)
        many = pool.submit(nghttp, "-m", "10", "-H", f":authority: {HOST}", f"http://127.0.0.1:{port}/slow?ms=1500")
        def in_flight():
            return sum(value for labels, value in sidecar.series("weft_limit_in_use", limit="requests"))
        wait_until(lambda: in_flight() >= 11, "11 requests in flight", 5)
        sidecar.process.signal(signal.SIGTERM)
        wait_until(lambda: not sidecar.ready(), "end of /ready 200", 1)
        answer = one.result()
        checks.equal("drain: the HTTP/1.1 request in flight is answered, and told that the connection ends",
                     (answer.exit, answer.status, answer.body, answer.field("connection").lower()), (0, 200, b"at last\n", "close"))
        statuses, story = many.result()
        checks.that("drain: ten HTTP/2 streams in flight are answered after GOAWAY", statuses == [200] * 10 and "GOAWAY" in story,
                    story[-600:])
        checks.equal("drain: the sidecar ends by itself", sidecar.process.wait(10), 0)


def another_server_takes_over(checks, pair):
    """One of cart's two sidecars is asked to go while h2load runs: not one request may fail."""
    takes_over(checks, pair, "HTTP/1.1", ["--h1", "-c", "20"], pair.b, pair.b2)
    with checks.about("drain under load, HTTP/2"):
        takes_over(checks, pair, "HTTP/2", ["-c", "4", "-m", "5"], pair.b2, pair.restart_b())


def takes_over(checks, pair, version, flags, leaving, staying):
    label = f"drain under load, {version}"
    with checks.about(label), concurrent.futures.ThreadPoolExecutor() as pool:
        before = leaving.total("weft_requests_total")
        load = pool.submit(h2load, *flags, "-D", "4", f"--connect-to=127.0.0.1:{pair.port}", f"http://{HOST}/h2/small")
        wait_until(lambda: leaving.total("weft_requests_total") > before + 200, "200 requests at the server that leaves", 5)
        asked = time.monotonic()
        leaving.process.signal(signal.SIGTERM)
        status = leaving.process.wait(10)
        seconds = time.monotonic() - asked
        at_end = staying.total("weft_requests_total")
        checks.that(f"{label}: the server ends by itself while the load goes on", status == 0 and not load.done(),
                    f"exit status {status} after {seconds:.1f} s, load {'over' if load.done() else 'going on'}")
        done = load.result()
        after = staying.total("weft_requests_total") - at_end
        checks.that(f"{label}: 0 of {done.total} requests failed", done.clean(), done)
        checks.that(f"{label}: the other server took over", after > 100, f"{after:g} requests there afterwards")
