"""What a mesh promises of pods whose sidecar is there in another way than usual; and of those that have left the mesh."""

import json
import re

import shop
from change import Load, restart
from harness.checks import Failed, wait_until
from harness.processes import run
from manifests import documents_in, name_of, weft
from promises import MESH, calls, whole


def ways(checks, cluster):
    """TPROXY, names answered by the sidecar, a sidecar beside the app and not before it: each comes up, is called and calls."""
    cluster.apply_with_kubectl(*shop.OTHERS)
    for name in shop.WAYS:
        wait_until(lambda name=name: len(cluster.ready_pods(shop.SPACE, f"app={name}")) == 2, f"2 of {name}", 120, 0.3)
    client = cluster.pods(shop.SPACE, "app=client")[0]["status"]["podIP"]
    for name in shop.WAYS:
        came = calls(cluster, f"http://{name}/called", 10)
        checks.equal(f"{name} is called", (came["answered"], came["lost"]), (10, 0))
        out = calls(cluster, "http://cart/calls", 10, pod=cluster.ready_pods(shop.SPACE, f"app={name}")[0])
        checks.equal("and calls", (out["answered"], out["lost"]), (10, 0))
        if name == "transparent":
            checks.equal("and sees who called it", (came["last"] or {}).get("from", "").rsplit(":", 1)[0], client)
        elif name == "classic":
            names = [one["name"] for one in cluster.pods(shop.SPACE, "app=classic")[0]["spec"]["containers"]]
            checks.equal("its sidecar is a container as others are", names, ["weft-sidecar", "app"])
    pod = cluster.ready_pods(shop.SPACE, "app=named")[0]
    lost = calls(cluster, "http://nobody.shop.svc.cluster.local./", pod=pod)
    checks.that("a name that nobody has is said not to be there", lost["lost"] == 1 and "no such host" in lost["failures"][0],
                lost["failures"])
    said = cluster.page(shop.SPACE, pod, 15020, "/metrics") or ""
    asked = sum(float(one) for one in re.findall(r"^weft_dns_queries_total(?:{.*})? (\S+)$", said, re.MULTILINE))
    checks.that(f"and the sidecar answered {asked:.0f} questions for names", asked > 0, said[:300])


def ways_restart(checks, cluster):
    """They are restarted under load as well."""
    with Load(cluster, [f"http://{name}/load" for name in shop.WAYS]) as load:
        lost = {name: restart(cluster, load, shop.SPACE, name) for name in shop.WAYS}
        load.judge(checks, f"while {', '.join(shop.WAYS)} were restarted", lost)


def checked(checks, cluster):
    """`weft check` finds nothing wrong with all of this."""
    done = run("weft", "check", "--kubeconfig", cluster.admin, "-o", "json")
    try:
        found = json.loads(done.stdout)["findings"]
    except ValueError:
        raise Failed(f"weft check: {done.stdout} {done.stderr}") from None
    wrong = [(one["subject"], one["text"]) for one in found if one["verdict"] == "fails"]
    checks.equal(f"weft check looks at {len(found)} things, and nothing fails", (done.returncode, wrong), (0, []))
    for one in found:
        if one["verdict"] == "warns":
            print(f"weft check warns: {one['subject']}: {one['text']}", flush=True)


def leave(checks, cluster):
    """A namespace without its label is as it was before weft; and weft is gone without a trace."""
    cluster.told("label", "namespace", shop.SPACE, "weft.dev/inject-")
    for one in shop.DEPLOYMENTS:
        name = one["metadata"]["name"]
        cluster.told("rollout", "restart", "-n", shop.SPACE, f"deployment/{name}")
        cluster.wait_rolled_out(shop.SPACE, f"deployment/{name}", patience=180)
    cluster.told("delete", "pod", "client", "-n", shop.SPACE, timeout=90)
    cluster.apply_with_kubectl(shop.CLIENT)
    wait_until(lambda: cluster.ready_pods(shop.SPACE, "app=client"), "client", 60, 0.3)
    wait_until(lambda: not any(pod["spec"].get("initContainers") for app in ("web", "cart", "ledger", "client")
                               for pod in cluster.pods(shop.SPACE, f"app={app}")), "end of the old pods", 120, 0.5)
    # Without a mesh a call may go where a pod was a moment ago.
    wait_until(lambda: calls(cluster, "http://cart/after", 20)["lost"] == 0, "20 calls without a mesh", 30, 1)
    checks.that("the shop works without a mesh", True)

    listed = weft("uninstall", "--crds")
    cluster.told("delete", "--ignore-not-found", "-f", "-", text=listed, timeout=180)
    left = [name_of(one) for one in documents_in(listed) if one["kind"] != "CustomResourceDefinition"
            and cluster.get(cluster.path_of(one))]
    checks.equal("nothing that weft uninstall names is left", left, [])
    wait_until(lambda: not whole(cluster), "end of the control plane", 60, 0.3)
    kinds = [one["metadata"]["name"] for one in cluster.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]]
    checks.equal("nor its kinds", [one for one in kinds if one.endswith(".weft.dev")], [])
    # Nobody asks for it: a label is only a label.
    cluster.told("label", "namespace", shop.SPACE, "weft.dev/inject=enabled")
    cluster.told("delete", "pod", "client", "-n", shop.SPACE, timeout=90)
    cluster.apply_with_kubectl(shop.CLIENT)
    wait_until(lambda: cluster.ready_pods(shop.SPACE, "app=client"), "client", 60, 0.3)
    checks.that("and pods of a labelled namespace are made without it", not cluster.get(f"/api/v1/namespaces/{MESH}/services/weft-control"))
    came = calls(cluster, "http://cart/after", 20)
    checks.equal("and work", (came["answered"], came["lost"]), (20, 0))


ALL = [ways, ways_restart, checked]
LAST = [leave]
