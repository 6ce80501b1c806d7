"""Who is refused over TLS, by whom, and under which name it is counted."""

from harness.checks import wait_until
from harness.clients import curl
from harness.pair import HOST, SERVER_NAME

REFUSED = "weft_handshakes_total"


def one_more(checks, what, sidecar, side, reason, act, refused):
    """`act` must be `refused`, and be counted as one failed handshake of that side and reason."""
    def count():
        return sidecar.total(REFUSED, side=side, result="failed", reason=reason)
    with checks.about(what):
        before = count()
        answer = act()
        checks.that(what, refused(answer), answer)
        wait_until(lambda: count() > before, f'more of {REFUSED}{{side="{side}",result="failed",reason="{reason}"}}', 5)
        checks.equal(f"{what}: counted as {side}, {reason}", count() - before, 1)


def by_the_server(checks, pair):
    certificates = pair.certificates
    pair.authority.leaf("stranger", "spiffe://interop.test/ns/shop/sa/stranger")
    pair.authority.leaf("foreign", "spiffe://elsewhere.test/ns/shop/sa/web")
    pair.other.leaf("impostor", "spiffe://interop.test/ns/shop/sa/web")

    def call(leaf=None, scheme="https"):
        proof = ["--cert", certificates / f"{leaf}.pem", "--key", certificates / f"{leaf}.key"] if leaf else []
        return curl("--cacert", certificates / "root.pem", *proof, "--connect-to", f"::127.0.0.1:{pair.link}",
                    f"{scheme}://{SERVER_NAME}:{pair.link}/hello")

    with checks.about("a certificate of the mesh"):
        for flags, version in ((["--http1.1"], "1.1"), (["--http2"], "2")):
            answer = curl(*flags, "--cacert", certificates / "root.pem", "--cert", certificates / "web.pem", "--key",
                          certificates / "web.key", "--connect-to", f"::127.0.0.1:{pair.link}",
                          f"https://{SERVER_NAME}:{pair.link}/hello")
            checks.equal(f"curl with web's certificate, ALPN to HTTP/{version}", (answer.exit, answer.status, answer.version),
                         (0, 200, version))

    def gone(answer):
        return answer.exit != 0 and answer.status == 0

    before = pair.b.total("weft_requests_total")
    one_more(checks, "no client certificate: refused", pair.b, "server", "no_certificate", call, gone)
    one_more(checks, "a certificate of another root: refused", pair.b, "server", "unknown_authority", lambda: call("impostor"), gone)
    one_more(checks, "the wrong identity: refused", pair.b, "server", "identity", lambda: call("stranger"), gone)
    one_more(checks, "the same identity of another trust domain: refused", pair.b, "server", "identity", lambda: call("foreign"), gone)
    one_more(checks, "plain text on the port: refused", pair.b, "server", "plaintext", lambda: call(scheme="http"), lambda answer: answer.status != 200)
    checks.equal("no refused connection became a request", pair.b.total("weft_requests_total") - before, 0)


def by_the_client(checks, pair):
    def call(target):
        return curl("--connect-to", f"::127.0.0.1:{pair.port}", f"http://{HOST}{target}")

    def unavailable(answer):
        return answer.status == 503

    one_more(checks, "a server of the wrong identity: 503", pair.a, "client", "identity", lambda: call("/wrong-identity"), unavailable)
    one_more(checks, "a server of another root: 503", pair.a, "client", "unknown_authority", lambda: call("/wrong-root"), unavailable)
    with checks.about("causes"):
        causes = {labels["cause"] for labels, _ in pair.a.series("weft_requests_total", response_code="503")}
        checks.that("the cause of the 503 names the identity", "identity_mismatch" in causes, causes)
