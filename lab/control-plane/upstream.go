//go:build upstream

// Never built: keeps the modules of upstream's conformance tests and of their test server in go.sum,
// so that both build from this module with the very sources that the control plane is made of.
package main

import (
	_ "k8s.io/kubernetes/test/e2e"
	_ "k8s.io/kubernetes/test/images/agnhost"
)
