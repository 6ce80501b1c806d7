// Package suite is here for what it names: the Gateway API's own conformance tests, built with `go test -c` from its module.
package suite

import _ "sigs.k8s.io/gateway-api/conformance"
