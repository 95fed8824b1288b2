package config

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error says which option is wrong, and what would be right.
type Error struct {
	Section, Option string
	Value           string // what was given; empty for a secret
	Reason          string
}

// Error names section, option and reason.
func (e *Error) Error() string {
	where := "[" + e.Section + "]"
	if e.Option != "" {
		where += " " + e.Option
	}
	if e.Value != "" {
		where += fmt.Sprintf(" = %q", e.Value)
	}
	return where + ": " + e.Reason
}

var durationType = reflect.TypeFor[time.Duration]()

// set parses the text into the option's field.
func (o option) set(text string) error {
	if err := o.checkText(text); err != nil {
		return err
	}
	switch {
	case o.value.Kind() == reflect.Bool:
		return o.setBool(text)
	case o.value.Kind() == reflect.Int || o.value.Kind() == reflect.Int64:
		return o.setNumber(text)
	case o.value.Kind() == reflect.Slice:
		o.value.Set(reflect.ValueOf(splitList(text)))
	default:
		o.value.SetString(text)
	}
	return nil
}

func (o option) checkText(text string) error {
	if o.required && text == "" {
		return o.wrong(text, "must not be empty")
	}
	if o.choices != nil && !slices.Contains(o.choices, text) {
		return o.wrong(text, "must be one of: "+strings.Join(o.choices, ", "))
	}
	begins := func(prefix string) bool {
		return prefix == "" && text == "" || prefix != "" && strings.HasPrefix(text, prefix)
	}
	if o.prefixes != nil && !slices.ContainsFunc(o.prefixes, begins) {
		known := slices.DeleteFunc(slices.Clone(o.prefixes), func(p string) bool { return p == "" })
		return o.wrong(text, "must begin with "+strings.Join(known, " or "))
	}
	return nil
}

func (o option) setBool(text string) error {
	switch strings.ToLower(text) {
	case "true", "1", "on", "yes":
		o.value.SetBool(true)
	case "false", "0", "off", "no":
		o.value.SetBool(false)
	default:
		return o.wrong(text, "must be true or false")
	}
	return nil
}

func (o option) setNumber(text string) error {
	what := "a whole number"
	if o.value.Type() == durationType {
		what = "a whole number of seconds"
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return o.wrong(text, "must be "+what)
	}
	if low, high := o.bounds(); n < low || n > high {
		return o.wrong(text, fmt.Sprintf("must be %s from %d to %d", what, low, high))
	}
	if o.value.Type() == durationType {
		n *= int64(time.Second)
	}
	o.value.SetInt(n)
	return nil
}

// bounds reads the range tag, which the test of this package proves to be there on every number.
func (o option) bounds() (low, high int64) {
	first, last, _ := strings.Cut(o.span, ":")
	low, _ = strconv.ParseInt(first, 10, 64)
	high, _ = strconv.ParseInt(last, 10, 64)
	return low, high
}

// wrong makes the error for a value; that of a secret is not repeated.
func (o option) wrong(value, reason string) *Error {
	if o.secret != "" {
		value = ""
	}
	return &Error{Section: o.section, Option: o.name, Value: value, Reason: reason}
}

// text returns the option's value as a file would have it.
func (o option) text() string {
	switch v := o.value.Interface().(type) {
	case time.Duration:
		return strconv.FormatInt(int64(v/time.Second), 10)
	case []string:
		return strings.Join(v, ",")
	default:
		return fmt.Sprint(v)
	}
}

// shown returns the option's value for eyes and logs.
func (o option) shown() string {
	text := o.text()
	switch {
	case o.secret == "url":
		return withoutPassword(text)
	case o.secret != "" && text != "":
		return "***"
	}
	return text
}

// withoutPassword hides the password of a URL. What cannot be understood is hidden whole.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "***"
	}
	if _, has := u.User.Password(); !has {
		return text
	}
	user := url.User(u.User.Username()).String()
	u.User = nil
	scheme := u.Scheme + "://"
	return scheme + user + ":***@" + strings.TrimPrefix(u.String(), scheme)
}

func splitList(text string) []string {
	parts := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
