//go:build upstream

// Never built: keeps the modules of upstream's end-to-end tests, of their test runner and of their test images in
// go.sum, so that they build from this module with the very sources that the control plane is made of.
package main

import (
	_ "github.com/onsi/ginkgo/v2/ginkgo"
	_ "k8s.io/kubernetes/test/e2e"
	_ "k8s.io/kubernetes/test/images/agnhost"
	_ "k8s.io/kubernetes/test/images/regression-issue-74839"
)
