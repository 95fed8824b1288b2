// Package helm has Helm for the chart of deploy/helm, as `go -C tools/helm tool helm`, and the test
// that the chart makes the same objects as the manifests of deploy/kubernetes.
package helm
