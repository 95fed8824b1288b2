package followup

import (
	"encoding/json"

	"github.com/openstack-faas/faas/internal/faas"
)

// whyOf returns in words why an execution failed, as far as its record says.
func whyOf(x faas.Execution) string {
	var result struct {
		Output json.RawMessage `json:"output"`
		Error  *faas.Failure   `json:"error"`
	}
	if json.Unmarshal([]byte(x.Result), &result) != nil {
		return "The execution has no result."
	}
	if result.Error != nil && result.Error.Message != "" {
		return result.Error.Type + ": " + result.Error.Message
	}
	if result.Error != nil {
		return result.Error.Type
	}
	var text string
	if json.Unmarshal(result.Output, &text) == nil && text != "" {
		return text
	}
	return string(result.Output)
}
