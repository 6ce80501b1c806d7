"""Pair: two kinds of sidecar as a mesh has them: web's in the clear on one side, mTLS HTTP/2 to cart's, and behind it an origin."""

import pathlib

from harness.certificates import Authority
from harness.processes import free_port, temp_dir
from harness.sidecar import Sidecar

CONFIG = pathlib.Path(__file__).resolve().parent.parent / "config"
HOST = "shop.example"  # the only name that web's sidecar routes
SERVER_NAME = "cart.interop.test"  # in cart's certificate, for clients that check names
WEB = "spiffe://interop.test/ns/shop/sa/web"
CART = "spiffe://interop.test/ns/shop/sa/cart"


class Pair:
    """`a` leads to `b` and `b2`, which are alike. `collector`: the port of an OTLP collector, or None."""

    def __init__(self, origin_port, h2_origin_port, collector=None, flags=()):
        self.certificates = temp_dir() / "certificates"
        self.certificates.mkdir(exist_ok=True)
        root = Authority(self.certificates, "root")
        root.leaf("web", WEB)
        root.leaf("cart", CART, SERVER_NAME)
        self.authority = root
        self.other = Authority(self.certificates, "other-root")
        self.port = free_port()
        self.link, self.link2 = free_port(), free_port()
        self.places = {"CERTS": self.certificates, "ORIGIN": origin_port, "H2_ORIGIN": h2_origin_port, "DEAD": free_port(),
                       "COLLECTOR": collector}
        self.flags = flags
        self.without = () if collector else ("tracing",)
        self.b = self._server("b", self.link)
        self.b2 = self._server("b2", self.link2)
        self.a = Sidecar("a", CONFIG / "pair-a.yaml", self.places | {"LISTEN": self.port, "LINK1": self.link, "LINK2": self.link2},
                         self.without, self.flags)
        for sidecar in (self.a, self.b, self.b2):
            sidecar.wait_ready()

    def restart_b(self):
        """Another process where `b` was."""
        self.b = self._server("b-again", self.link).wait_ready()
        return self.b

    def _server(self, name, link):
        return Sidecar(name, CONFIG / "pair-b.yaml", self.places | {"LINK": link}, self.without, self.flags)
