package faas

import (
	"bytes"
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

// plainJSON returns JSON text in which every character stands for itself that may: "<" and "ü"
// rather than their escapes. Which escapes an output has says only which languages and encoders it
// passed through.
func plainJSON(text []byte) []byte {
	at := bytes.Index(text, []byte(`\u`))
	if at < 0 {
		return text
	}
	plain := make([]byte, 0, len(text))
	for rest := text; ; {
		at := bytes.IndexByte(rest, '\\')
		if at < 0 || at+1 >= len(rest) {
			return append(plain, rest...)
		}
		plain, rest = append(plain, rest[:at]...), rest[at:]
		r, size := escaped(rest)
		if standsForItself(r) {
			plain = utf8.AppendRune(plain, r)
		} else {
			plain = append(plain, rest[:size]...)
		}
		rest = rest[size:]
	}
}

// escaped returns the character and the size of the escape that the text begins with. The character
// is one that stays escaped where the escape is short, or half of a pair whose other half is missing.
func escaped(text []byte) (r rune, size int) {
	r, ok := unit(text)
	if !ok {
		return '\\', 2
	}
	if !utf16.IsSurrogate(r) {
		return r, unitSize
	}
	if low, ok := unit(text[unitSize:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 2 * unitSize
		}
	}
	return r, unitSize
}

const unitSize = len(`\u0000`)

func unit(text []byte) (rune, bool) {
	var b [2]byte
	if len(text) < unitSize || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	if _, err := hex.Decode(b[:], text[2:unitSize]); err != nil {
		return 0, false
	}
	return rune(b[0])<<8 | rune(b[1]), true
}

// standsForItself leaves out what JSON wants escaped, halves of pairs, which UTF-8 cannot write, and
// the controls and line ends that break what shows them.
func standsForItself(r rune) bool {
	switch {
	case r < ' ', r == '"', r == '\\', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
		return false
	}
	return utf8.ValidRune(r)
}
