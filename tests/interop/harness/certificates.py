"""A certificate authority on the openssl command line: P-256 roots and SPIFFE leaves, made afresh for each run."""

from harness.checks import Failed
from harness.processes import run


def _openssl(*arguments):
    done = run("openssl", *arguments)
    if done.returncode != 0:
        raise Failed(f"openssl {arguments[0]}: {done.stderr.strip()}")


class Authority:
    """NAME.pem is the root; leaf() makes LEAF.pem and LEAF.key under it."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = name
        self._serial = 1000
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", directory / f"{name}.key")
        _openssl("req", "-x509", "-new", "-key", directory / f"{name}.key", "-subj", f"/O={name}", "-days", "2", "-out",
                 directory / f"{name}.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def leaf(self, name, spiffe_id, dns=None):
        """`dns`: a name beside the identity, for clients that check names and not URIs."""
        path = self.directory / name
        self._serial += 1
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{path}.key")
        _openssl("req", "-new", "-key", f"{path}.key", "-subj", "/O=interop", "-out", f"{path}.csr")
        with open(f"{path}.ext", "w", encoding="ascii") as extensions:
            extensions.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                             "extendedKeyUsage=serverAuth,clientAuth\n"
                             f"subjectAltName=URI:{spiffe_id}{',DNS:' + dns if dns else ''}\n")
        _openssl("x509", "-req", "-in", f"{path}.csr", "-CA", self.directory / f"{self.name}.pem", "-CAkey",
                 self.directory / f"{self.name}.key", "-set_serial", self._serial, "-days", "2", "-extfile", f"{path}.ext",
                 "-out", f"{path}.pem")
