package faas

// NestedDeeper reports whether the brackets of a JSON text, those within strings apart, are nested
// deeper than most levels. The text need not be valid: it is for texts too that a decoder would
// refuse for their depth without saying so.
func NestedDeeper(text []byte, most int) bool {
	if len(text) <= most {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
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
