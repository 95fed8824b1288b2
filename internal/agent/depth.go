package agent

import "fmt"

// maxResultDepth is how deep the arrays and objects of a result may be nested. Go's decoder takes
// 10,000 levels, and agent, dispatcher and record put the result into a few more.
const maxResultDepth = 9990

// deeper reports whether the brackets of a line of JSON, those within strings apart, are nested
// deeper than most. It is for lines that the decoder would refuse without saying why.
func deeper(line []byte, most int) bool {
	if len(line) <= 2*most { // each level has two brackets
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// tooDeep is what callers read of a result that is nested too deeply.
func tooDeep() string {
	return fmt.Sprintf(
		"The result is nested too deeply: at most %d levels of JSON objects and arrays are allowed.", maxResultDepth,
	)
}
