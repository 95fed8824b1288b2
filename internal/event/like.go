package event

import (
	"unicode/utf8"

	cesql "github.com/cloudevents/sdk-go/sql/v2"
	"github.com/cloudevents/sdk-go/sql/v2/utils"
)

// likeExpression is LIKE. The library's takes a % at the place of a % in the text for that one
// character, and _ for a byte.
type likeExpression struct {
	operand cesql.Expression
	pattern []rune
}

// What the characters with a meaning are in a parsed pattern.
const (
	anyOne  rune = -1 // _
	anyMany rune = -2 // %
)

// parsePattern reads a pattern of LIKE, where \% and \_ stand for those characters themselves.
func parsePattern(text string) []rune {
	var pattern []rune
	characters := []rune(text)
	for i := 0; i < len(characters); i++ {
		switch c := characters[i]; {
		case c == '\\' && i+1 < len(characters) && (characters[i+1] == '%' || characters[i+1] == '_'):
			i++
			pattern = append(pattern, characters[i])
		case c == '%':
			pattern = append(pattern, anyMany)
		case c == '_':
			pattern = append(pattern, anyOne)
		default:
			pattern = append(pattern, c)
		}
	}
	return pattern
}

// Evaluate reports whether the operand, as text, is as the pattern says.
func (l likeExpression) Evaluate(e Event) (any, error) {
	value, err := l.operand.Evaluate(e)
	if err == nil {
		value, err = utils.Cast(value, cesql.StringType)
	}
	if err != nil {
		return false, err
	}
	return like(value.(string), l.pattern), nil
}

// like goes back to the last % only, for what an earlier one could stand for instead makes no
// difference: it takes at most the text's length times the pattern's.
func like(text string, pattern []rune) bool {
	at, back, backText := 0, -1, 0 // back is where to go on in the pattern after the last %
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case at < len(pattern) && pattern[at] == anyMany:
			at++
			back, backText = at, i
		case at < len(pattern) && (pattern[at] == anyOne || pattern[at] == c):
			at++
			i += size
		case back >= 0:
			_, skipped := utf8.DecodeRuneInString(text[backText:])
			backText += skipped
			at, i = back, backText
		default:
			return false
		}
	}
	for at < len(pattern) && pattern[at] == anyMany {
		at++
	}
	return at == len(pattern)
}
