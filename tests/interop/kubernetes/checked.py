"""`weft check` against a real API server: before anything is installed, and when everything is but runs."""

import json

from cluster import ADMIN
from harness.processes import run


def findings(cluster, *flags):
    """Exit status, and what it found: (verdict, subject, text)."""
    config = cluster.dir / "admin.kubeconfig"
    config.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": cluster.url, "certificate-authority": str(cluster.ca)}}],
        "users": [{"name": "it", "user": {"token": ADMIN}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}))
    done = run("weft", "check", "--kubeconfig", config, "-o", "json", *flags)
    if done.returncode == 2:
        return done.returncode, done.stderr
    return done.returncode, [(one["verdict"], one["subject"], one["text"]) for one in json.loads(done.stdout)["findings"]]


def before_install(checks, cluster):
    status, found = findings(cluster, "--pre")
    failed = [one for one in found if one[0] == "fails"]
    checks.equal("weft check --pre finds nothing in the way", (status, failed), (0, []))
    checks.that("and that who installs may do so", any(verdict == "holds" and subject == "access" for verdict, subject, _ in found),
                found)


def installed(checks, cluster):
    status, found = findings(cluster)
    wrong = [one for one in found if one[1] in ("kubernetes", "access", "root") and one[0] != "holds"]
    checks.equal("weft check finds access and root whole", wrong, [])
    ours = [one for one in found if one[1] == "definitions" and ".weft.dev: " in one[2]]
    checks.equal("and the definitions as this weft has them", {one[0] for one in ours}, {"holds"})
    checks.that("and says that nothing of the Deployment runs, since nothing does here",
                status == 1 and ("fails", "control-plane") in [one[:2] for one in found], found)
