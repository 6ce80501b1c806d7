"""Cluster: etcd and a kube-apiserver of our own on loopback, with throw-away certificates, and its REST interface."""

import collections
import json
import pathlib
import re
import ssl
import urllib.error
import urllib.request

from harness.checks import Failed, wait_until
from harness.golang import build_kept
from harness.processes import Process, free_port, run, temp_dir

HERE = pathlib.Path(__file__).resolve().parent
ADMIN = "throw-away-admin"
Answer = collections.namedtuple("Answer", "status body warnings")


def program(timeout=7000):
    """Every part of Kubernetes, which says of itself which version it is, as a release does. The first build compiles 2,000
    packages: minutes on a machine with nothing else to do, an hour or two on one that is busy."""
    major, minor, patch = re.search(r"^\tk8s\.io/kubernetes v(\d+)\.(\d+)\.(\d+)$", (HERE / "go.mod").read_text(), re.MULTILINE).groups()
    version = "k8s.io/component-base/version"
    return build_kept(HERE, timeout=timeout, name="cluster", stamps={
        f"{version}.gitVersion": f"v{major}.{minor}.{patch}", f"{version}.gitMajor": major, f"{version}.gitMinor": minor})


def _openssl(*arguments):
    done = run("openssl", *arguments)
    if done.returncode != 0:
        raise Failed(f"openssl {arguments[0]}: {done.stderr.strip()}")


class Cluster:
    """Ends with the harness's other processes. `address`: where it can be reached from, beside loopback; `flags`: more of the
    API server's."""

    def __init__(self, program, address=None, flags=None):
        self.program, self.address, self._flags = program, address, flags or {}
        self.dir = temp_dir() / "cluster-state"
        self.dir.mkdir()
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._resources = {}
        self._make_keys()
        self._start(program)
        self._trust = ssl.create_default_context(cafile=str(self.ca))
        wait_until(self.ready, "ready API server", 120, 0.3)

    @property
    def ca(self):
        return self.dir / "ca.pem"

    def _make_keys(self):
        """A root, the server's certificate under it, and the key that signs service accounts' tokens."""
        key = lambda name: ("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.dir / name)
        _openssl(*key("ca.key"))
        _openssl("req", "-x509", "-new", "-key", self.dir / "ca.key", "-subj", "/O=throw-away", "-days", "2", "-out", self.ca,
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        _openssl(*key("server.key"))
        _openssl("req", "-new", "-key", self.dir / "server.key", "-subj", "/CN=kube-apiserver", "-out", self.dir / "server.csr")
        names = ["IP:127.0.0.1", "DNS:localhost"]
        if self.address:  # as pods see it: the first address of the Services' range
            names += [f"IP:{self.address}", "IP:10.96.0.1", "DNS:kubernetes.default.svc"]
        (self.dir / "server.ext").write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                             f"extendedKeyUsage=serverAuth\nsubjectAltName={','.join(names)}\n")
        _openssl("x509", "-req", "-in", self.dir / "server.csr", "-CA", self.ca, "-CAkey", self.dir / "ca.key", "-set_serial",
                 "7", "-days", "2", "-extfile", self.dir / "server.ext", "-out", self.dir / "server.pem")
        _openssl("genrsa", "-out", self.dir / "accounts.key", "2048")
        _openssl("rsa", "-in", self.dir / "accounts.key", "-pubout", "-out", self.dir / "accounts.pub")
        (self.dir / "tokens.csv").write_text(f'{ADMIN},admin,admin,"system:masters"\n')

    def _start(self, program):
        client, peer = free_port(), free_port()
        self.etcd = Process("etcd", [program, "etcd", "-dir", self.dir / "etcd", "-client", f"127.0.0.1:{client}", "-peer",
                                     f"127.0.0.1:{peer}"])
        wait_until(lambda: "etcd ready" in self.etcd.output(), "ready etcd", 60, 0.1)
        flags = {
            "etcd-servers": f"http://127.0.0.1:{client}", "secure-port": self.port, "cert-dir": self.dir,
            "bind-address": "0.0.0.0" if self.address else "127.0.0.1", "advertise-address": self.address or "127.0.0.1",
            "endpoint-reconciler-type": "lease" if self.address else "none",
            "tls-cert-file": self.dir / "server.pem", "tls-private-key-file": self.dir / "server.key",
            "token-auth-file": self.dir / "tokens.csv", "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc", "api-audiences": "https://kubernetes.default.svc,weft.dev",
            "service-account-key-file": self.dir / "accounts.pub",
            "service-account-signing-key-file": self.dir / "accounts.key", "service-cluster-ip-range": "10.96.0.0/16",
            **self._flags,
        }
        self._api_server = [program, "apiserver", *(f"--{name}={value}" for name, value in flags.items())]
        self.start_api_server()

    def start_api_server(self):
        """At the beginning, and again when it has ended; it finds what it had."""
        self.process = Process("apiserver", self._api_server)

    def ready(self):
        """Whether the API server answers."""
        if not self.process.running():
            raise Failed(f"the API server ended:\n{self.process.tail()}")
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def ask(self, method, path, body=None, token=ADMIN, content_type="application/json"):
        """The answer, whatever its status; a JSON body as what it holds."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={
            "authorization": f"Bearer {token}", "content-type": content_type, "accept": "application/json"})
        try:
            with urllib.request.urlopen(request, context=self._trust, timeout=60) as answer:
                status, text, warnings = answer.status, answer.read(), answer.headers.get_all("warning") or []
        except urllib.error.HTTPError as error:
            status, text, warnings = error.code, error.read(), error.headers.get_all("warning") or []
        try:
            return Answer(status, json.loads(text), warnings)
        except ValueError:
            return Answer(status, text.decode(errors="replace"), warnings)

    def get(self, path):
        answer = self.ask("GET", path)
        return answer.body if answer.status == 200 else None

    def path_of(self, document):
        """Where an object lives: what `kind` is called in paths, the API server says."""
        version, kind, metadata = document["apiVersion"], document["kind"], document["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        resource = self._resources.get((version, kind))
        if resource is None:
            listed = self.get(root) or {"resources": []}
            resource = next((one for one in listed["resources"] if one["kind"] == kind and "/" not in one["name"]), None)
            if resource is None:
                raise Failed(f"the API server knows no {kind} of {version}")
            self._resources[(version, kind)] = resource
        space = f"/namespaces/{metadata.get('namespace', 'default')}" if resource["namespaced"] else ""
        return f"{root}{space}/{resource['name']}/{metadata['name']}"

    def apply(self, document, dry_run=False):
        """As `kubectl apply --server-side` does."""
        query = "?fieldManager=weft-tests&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.ask("PATCH", self.path_of(document) + query, document, content_type="application/apply-patch+yaml")

    def delete(self, document):
        return self.ask("DELETE", self.path_of(document))

    def kubeconfig(self, name="admin", token=ADMIN):
        """A file that says where it is and who one is."""
        path = self.dir / f"{name}.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.url, "certificate-authority": str(self.ca)}}],
            "users": [{"name": "it", "user": {"token": token}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}))
        return path

    def token_of(self, name_space, account, audiences=None, seconds=3600):
        """A projected token, as the kubelet gets it for a pod."""
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                 "spec": {"expirationSeconds": seconds, **({"audiences": audiences} if audiences else {})}}
        answer = self.ask("POST", f"/api/v1/namespaces/{name_space}/serviceaccounts/{account}/token", asked)
        if answer.status != 201:
            raise Failed(f"no token of {name_space}/{account}: {answer.status} {answer.body}")
        return answer.body["status"]["token"]

    def may(self, token, verb, resource, group="", name_space="", name="", subresource=""):
        """What the API server says to SelfSubjectAccessReview."""
        attributes = {"verb": verb, "group": group, "resource": resource, "namespace": name_space, "name": name,
                      "subresource": subresource}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                  "spec": {"resourceAttributes": attributes}}
        answer = self.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, token=token)
        if answer.status != 201:
            raise Failed(f"no access review: {answer.status} {answer.body}")
        return answer.body["status"]["allowed"]
