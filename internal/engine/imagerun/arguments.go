package imagerun

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// maxArgument is the longest argument that Linux gives to a program (MAX_ARG_STRLEN, with its
	// final zero), in bytes.
	maxArgument = 128<<10 - 1
	// maxArguments bounds all arguments together, in bytes: Kubernetes keeps them in the pod.
	maxArguments = 256 << 10
)

// argumentsOf returns an input as the arguments of a program: the words of a text, or one argument
// with the JSON of anything else. No input is no arguments. fault says, for the caller, why there
// can be none.
func argumentsOf(input json.RawMessage) (arguments []string, fault string) {
	value, plain := faas.PlainValue(input)
	var words string
	switch {
	case len(input) == 0:
	case !plain:
		arguments = []string{string(input)}
	case json.Unmarshal(value, &words) == nil:
		arguments = strings.Fields(words)
	default:
		arguments = []string{string(value)}
	}
	all := 0
	for _, argument := range arguments {
		all += len(argument) + 1
		if len(argument) > maxArgument {
			const fault = "An argument of a container may have %d bytes at most; the input makes one of %d."
			return nil, fmt.Sprintf(fault, maxArgument, len(argument))
		}
		if strings.ContainsRune(argument, 0) {
			return nil, "An argument of a container cannot hold a NUL character."
		}
	}
	if all > maxArguments {
		const fault = "The arguments of a container may have %d bytes together at most; the input makes %d."
		return nil, fmt.Sprintf(fault, maxArguments, all)
	}
	return arguments, ""
}
