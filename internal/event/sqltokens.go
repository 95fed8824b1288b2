package event

import (
	"fmt"
	"strings"
)

// token is a word of SQL.
type token struct {
	kind tokenKind
	text string // of operators and keywords in upper case
	at   int    // byte, from 1 on
}

type tokenKind int

const (
	endToken      tokenKind = iota
	textToken               // in quotes
	numberToken             // digits
	nameToken               // of an attribute or a function
	operatorToken           // or a keyword, a bracket, a comma
)

func (t token) String() string {
	if t.kind == endToken {
		return "its end"
	}
	return fmt.Sprintf("%q (character %d)", clip(t.text), t.at)
}

func (t token) is(operators ...string) bool {
	for _, operator := range operators {
		if t.kind == operatorToken && t.text == operator {
			return true
		}
	}
	return false
}

var (
	keywords = map[string]bool{
		"AND": true, "OR": true, "XOR": true, "NOT": true, "LIKE": true, "EXISTS": true, "IN": true, "TRUE": true,
		"FALSE": true,
	}
	// The longer ones first.
	operators = []string{"!=", ">=", "<=", "<>", "(", ")", ",", "*", "/", "%", "+", "-", "=", ">", "<"}
)

const (
	digits    = "0123456789"
	nameParts = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits + "_"
)

// tokens splits an expression, and ends the list with an endToken.
func tokens(text string) ([]token, error) {
	var all []token
	for i := 0; ; {
		i += len(text[i:]) - len(strings.TrimLeft(text[i:], " \t\r\n"))
		if i == len(text) {
			return append(all, token{at: i + 1}), nil
		}
		t, err := nextToken(text[i:], i+1)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
		i += len(t.text)
	}
}

func nextToken(rest string, at int) (token, error) {
	if quote := rest[0]; quote == '\'' || quote == '"' {
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case quote:
				if i+1 < len(rest) && rest[i+1] == quote {
					i++
					continue
				}
				return token{textToken, rest[:i+1], at}, nil
			}
		}
		return token{}, fmt.Errorf("the text that begins at character %d does not end: %s", at, clip(rest))
	}
	if word := rest[:len(rest)-len(strings.TrimLeft(rest, nameParts))]; word != "" {
		switch {
		case strings.Trim(word, digits) == "":
			return token{numberToken, word, at}, nil
		case keywords[strings.ToUpper(word)]:
			return token{operatorToken, strings.ToUpper(word), at}, nil
		}
		return token{nameToken, word, at}, nil
	}
	for _, operator := range operators {
		if strings.HasPrefix(rest, operator) {
			return token{operatorToken, operator, at}, nil
		}
	}
	hint := ""
	if rest[0] == '.' {
		hint = ": SQL sees attributes only, what is in data has the dialect \"data\""
	}
	return token{}, fmt.Errorf("it has nothing to begin with %q, at character %d%s", string([]rune(rest)[:1]), at, hint)
}
