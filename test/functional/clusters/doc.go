// Package clusters drives services of its own whose workers are in two clusters of Kubernetes: the
// mini cloud's, and one beside it that the test starts and takes the power from. `make functional`
// brings the cloud up and tells these tests where it is.
package clusters
