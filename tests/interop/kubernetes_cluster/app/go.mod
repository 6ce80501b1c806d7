module weft.dev/tests/interop/kubernetes_cluster/app

go 1.24.0
