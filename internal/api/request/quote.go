package request

// MaxQuoted is how many letters of what a caller sent are repeated to them.
const MaxQuoted = 100

// Short cuts what is to be quoted in a message.
func Short(text string) string {
	letters := []rune(text)
	if len(letters) <= MaxQuoted {
		return text
	}
	return string(letters[:MaxQuoted]) + "…"
}
