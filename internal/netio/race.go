//go:build race

package netio

const detected = true
