"""What weft ships for Kubernetes, read by people's own YAML reader: manifests, definitions, examples."""

import json
import pathlib
import re

import yaml

from harness.checks import Failed
from harness.processes import run, temp_dir

TREE = pathlib.Path(__file__).resolve().parent.parent.parent.parent
OURS = "weft.dev/v1alpha1"


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: `Off` and dates are text, as they are to weft."""


CoreLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def documents_in(text, loader=yaml.SafeLoader):
    return [one for one in yaml.load_all(text, Loader=loader) if one]


def weft(*arguments):
    done = run("weft", *arguments)
    if done.returncode != 0:
        raise Failed(f"weft {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def name_of(document):
    metadata = document["metadata"]
    return f"{document['kind']} {metadata.get('namespace', '-')}/{metadata['name']}"


def lint_refuses(document):
    """Whether weft's own readers refuse it, and what they say."""
    path = temp_dir() / "case.json"
    path.write_text(json.dumps(document))
    done = run("weft", "lint", path)
    return done.returncode == 1, done.stdout


def examples():
    """File name and document of every object of ours in k8s/examples."""
    return [(path.name, document) for path in sorted((TREE / "k8s" / "examples").rglob("*.yaml"))
            for document in documents_in(path.read_text(encoding="utf-8"), CoreLoader) if document.get("apiVersion") == OURS]


def kustomized(checks):
    """What kustomize makes of k8s/install is what `weft install` prints; left out by name without kubectl."""
    kubectl = run("sh", "-c", "command -v kubectl").returncode == 0
    for name, flags in (("base", ()), ("ha", ("--ha",))):
        if not kubectl:
            print(f"left out: kustomize of k8s/install/{name}, there is no kubectl", flush=True)
            continue
        made = run("kubectl", "kustomize", TREE / "k8s" / "install" / name)
        checks.equal(f"kubectl kustomize k8s/install/{name} has nothing to complain of", (made.returncode, made.stderr), (0, ""))
        by_name = lambda documents: {name_of(one): one for one in documents}
        checks.equal(f"and is what weft install {' '.join(flags)} prints".replace("  ", " "),
                     by_name(documents_in(made.stdout)), by_name(documents_in(weft("install", *flags))))
