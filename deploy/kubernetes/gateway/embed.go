// Package gateway has the manifests of the gateway to workers.
package gateway

import _ "embed" // the manifests

// Manifests are its objects, in YAML, for the namespace faas.
//
//go:embed gateway.yaml
var Manifests []byte
