package agent

import "fmt"

// maxResultDepth is how deep the arrays and objects of a result may be nested. Go's decoder takes
// 10,000 levels, and agent, dispatcher and record put the result into a few more.
const maxResultDepth = 9990

// tooDeep is what callers read of a result that is nested too deeply.
func tooDeep() string {
	return fmt.Sprintf(
		"The result is nested too deeply: at most %d levels of JSON objects and arrays are allowed.", maxResultDepth,
	)
}
