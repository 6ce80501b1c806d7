"""Metrics as others read them: promtool, and a real Prometheus that scrapes."""

import json
import urllib.parse

from harness.checks import Failed, wait_until
from harness.origin import ask
from harness.pair import CART, WEB
from harness.processes import Process, find_program, free_port, temp_dir

import subprocess


def page_is_clean(checks, sidecar):
    with checks.about(f"{sidecar.name}: /metrics"):
        page = sidecar.page("/metrics")
        done = subprocess.run([find_program("promtool"), "check", "metrics"], input=page, capture_output=True, text=True,
                              timeout=30, check=False)
        checks.equal(f"{sidecar.name}: promtool check metrics, {len(page.splitlines())} lines",
                     (done.returncode, done.stdout + done.stderr), (0, ""))
        for name in ("/config_dump", "/certs", "/clusters", "/traces"):
            checks.that(f"{sidecar.name}: {name} shows no key", "PRIVATE KEY" not in sidecar.page(name))


def identities_are_counted(checks, pair):
    with checks.about("pair: identities"):
        served = sum(sidecar.total("weft_requests_total", source_principal=WEB, connection_security_policy="mutual_tls",
                                   response_code="200") for sidecar in (pair.b, pair.b2))
        sent = pair.a.total("weft_requests_total", response_code="200")
        checks.that("pair: what web's sidecar counts as sent, cart's count as served for web's identity",
                    served == sent > 10_000, f"{sent:g} sent, {served:g} served")
        shares = [sidecar.total("weft_requests_total", response_code="200") for sidecar in (pair.b, pair.b2)]
        checks.that("pair: both of cart's instances served", min(shares) > sent / 4, shares)
        links = sum(sidecar.total("weft_handshakes_total", side="server", result="ok") for sidecar in (pair.b, pair.b2))
        checks.that("pair: the requests shared a few connections", 2 <= links <= 40, f"{links:g} handshakes for {served:g} requests")
        checks.that("pair: web's sidecar verified cart's identity",
                    pair.a.total("weft_handshakes_total", side="client", result="ok") == links
                    and pair.a.total("weft_handshakes_total", side="client", result="failed") == 0, CART)


def prometheus_scrapes(checks, pair):
    with checks.about("Prometheus"):
        port = free_port()
        config = temp_dir() / "prometheus.yml"
        targets = [f"127.0.0.1:{sidecar.admin}" for sidecar in (pair.a, pair.b, pair.b2)]
        config.write_text(json.dumps({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                                      "scrape_configs": [{"job_name": "weft", "static_configs": [{"targets": targets}]}]}))
        server = Process("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={temp_dir() / 'tsdb'}",
                                        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])

        def query(expression):
            if not server.running():
                raise Failed(f"prometheus ended:\n{server.tail()}")
            status, body = ask(port, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
            return json.loads(body)["data"]["result"] if status == 200 else []

        def number(expression):
            result = query(expression)
            return float(result[0]["value"][1]) if result else None

        wait_until(lambda: number('sum(up{job="weft"})') == 3, "scrape of all three sidecars", 20)
        checks.that("Prometheus scrapes all three sidecars", True)
        checks.equal("Prometheus knows what web's sidecar sent",
                     number(f'sum(weft_requests_total{{instance="{targets[0]}",response_code="200"}})'),
                     pair.a.total("weft_requests_total", response_code="200"))
        p99 = number(f'histogram_quantile(0.99, sum by (le) (weft_request_duration_seconds_bucket{{instance="{targets[0]}"}}))')
        checks.that("Prometheus works out a p99 from the buckets", p99 is not None and 0 < p99 < 60, p99)
        kinds = json.loads(ask(port, "/api/v1/metadata")[1])["data"]
        checks.equal("Prometheus knows types and helps", [kinds.get(name, [{}])[0].get("type") for name in (
            "weft_requests_total", "weft_request_duration_seconds", "weft_endpoints")], ["counter", "histogram", "gauge"])
        checks.equal("Prometheus sees the refused handshakes by their reason",
                     number(f'weft_handshakes_total{{instance="{targets[1]}",side="server",reason="no_certificate"}}'), 1.0)
        # What it drops of a page (duplicate samples, wrong times) it says in its log.
        checks.equal("Prometheus has nothing to complain about", server.output(), "")
        server.stop()
