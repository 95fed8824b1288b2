package config

import (
	"reflect"
	"strings"
)

// option is one field of a section with what its tags say.
type option struct {
	section  string
	name     string
	initial  string   // the default, before $state_path is filled in
	help     string   // one or two sentences
	span     string   // "min:max", both included; "" for no bounds
	choices  []string // the values that may be; none for any
	prefixes []string // one of which a value begins with; an empty one lets the value be empty
	required bool     // may not be empty
	secret   string   // "", "true" (never shown) or "url" (shown without its password)
	live     bool     // a running process takes up another value
	value    reflect.Value
}

// path names the option as Sources.Overrides does.
func (o option) path() string { return o.section + "." + o.name }

// env names the environment variable that overrides the option.
func (o option) env() string {
	return "FAAS_" + strings.ToUpper(o.section) + "_" + strings.ToUpper(o.name)
}

// options lists the options of a binary's struct, in the order of its fields; what it embeds comes
// first. c is a pointer to the struct.
func options(c any) []option { return optionsOf(reflect.ValueOf(c).Elem()) }

func optionsOf(v reflect.Value) []option {
	var all []option
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		if field.Anonymous {
			all = append(all, optionsOf(value)...)
			continue
		}
		if section := field.Tag.Get("section"); section != "" {
			all = append(all, optionsIn(section, value)...)
		}
	}
	return all
}

// optionsIn lists the options of one section.
func optionsIn(section string, v reflect.Value) []option {
	var all []option
	for i := range v.NumField() {
		if o := newOption(section, v.Type().Field(i), v.Field(i)); o.name != "" {
			all = append(all, o)
		}
	}
	return all
}

func newOption(section string, f reflect.StructField, v reflect.Value) option {
	return option{
		section: section, name: f.Tag.Get("opt"), initial: f.Tag.Get("default"), help: f.Tag.Get("help"),
		span: f.Tag.Get("range"), choices: list(f.Tag.Get("choices")), prefixes: list(f.Tag.Get("prefixes")),
		required: f.Tag.Get("required") == "true", secret: f.Tag.Get("secret"),
		live: f.Tag.Get("live") == "true", value: v,
	}
}

func list(tag string) []string {
	if tag == "" {
		return nil
	}
	return strings.Split(tag, ",")
}

// schema returns the options of every binary once each, in the order of the sample file.
func schema() []option {
	var all []option
	seen := map[string]bool{}
	for _, c := range every() {
		for _, o := range options(c) {
			if !seen[o.path()] {
				seen[o.path()] = true
				all = append(all, o)
			}
		}
	}
	return all
}
