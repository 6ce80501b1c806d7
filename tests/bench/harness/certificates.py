"""Certificates for the mTLS pair, made afresh for each invocation: one P-256 root and SPIFFE leaves under it."""

import os
import subprocess

TRUST_DOMAIN = "bench.local"
LEAVES = ("client", "server", "stranger")


def spiffe_id(leaf):
    return f"spiffe://{TRUST_DOMAIN}/ns/bench/sa/{leaf}"


def _openssl(*arguments):
    done = subprocess.run(("openssl",) + arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")


def _key(path):
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def make(directory):
    """ca.pem, and for each leaf NAME.key, NAME.pem and NAME.both.pem (certificate and key, as HAProxy wants)."""

    def path(name):
        return os.path.join(directory, name)

    _key(path("ca.key"))
    _openssl("req", "-x509", "-new", "-key", path("ca.key"), "-subj", "/O=bench root", "-days", "2", "-out",
             path("ca.pem"), "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for serial, leaf in enumerate(LEAVES, start=1):
        _key(path(f"{leaf}.key"))
        _openssl("req", "-new", "-key", path(f"{leaf}.key"), "-subj", f"/O=bench/CN={leaf}", "-out",
                 path(f"{leaf}.csr"))
        with open(path(f"{leaf}.ext"), "w", encoding="ascii") as extensions:
            extensions.write(
                "basicConstraints=critical,CA:FALSE\n"
                "keyUsage=critical,digitalSignature\n"
                "extendedKeyUsage=serverAuth,clientAuth\n"
                # The name beside the identity is for the anchors, which check names and not URIs.
                f"subjectAltName=URI:{spiffe_id(leaf)},DNS:{leaf}.{TRUST_DOMAIN}\n"
            )
        _openssl("x509", "-req", "-in", path(f"{leaf}.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                 "-set_serial", str(1000 + serial), "-days", "2", "-extfile", path(f"{leaf}.ext"), "-out",
                 path(f"{leaf}.pem"))
        with open(path(f"{leaf}.both.pem"), "w", encoding="ascii") as both:
            for part in (f"{leaf}.pem", f"{leaf}.key"):
                with open(path(part), encoding="ascii") as text:
                    both.write(text.read())
    return directory
