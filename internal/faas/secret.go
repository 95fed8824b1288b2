package faas

// Secret is a text that must not be seen: however it is printed, logged or encoded, three stars
// come of it. Reveal returns the text itself, to those who send it where it belongs.
type Secret string

const hidden = "***"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (s Secret) String() string { return hidden }

// GoString hides the text.
func (s Secret) GoString() string { return hidden }

// MarshalText hides the text, in JSON and in logs too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
