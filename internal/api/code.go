package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/archive"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// askedCode is the field code: where the function's code comes from.
type askedCode struct {
	Source string     `json:"source"`
	MD5    string     `json:"md5sum"`
	Swift  *swiftView `json:"swift"`
	Image  string     `json:"image"`

	Protocol string `json:"protocol"` // ours: of image functions; "" is run, as in Qinling
}

// code returns the field code, which clients send as an object or as the JSON text of one; nil when
// it is not set.
func (o *object) code() *askedCode {
	raw, ok := o.get("code")
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	code := &askedCode{}
	if fault := parseCode(raw, code); fault != "" {
		o.refuse("%s", fault)
		return nil
	}
	if fault := code.fault(); fault != "" {
		o.refuse("%s", fault)
		return nil
	}
	return code
}

// The fields of code, and of code.swift. As encoding/json, the service takes them in any case of
// letters.
var (
	codeFields  = []string{"source", "md5sum", "swift", "image", "protocol"}
	swiftFields = []string{"container", "object"}
)

// parseCode fills code from JSON. It returns a message that names the first part that is wrong; ""
// when nothing is.
func parseCode(raw json.RawMessage, code *askedCode) string {
	const shape = `code must be a JSON object such as {"source": "package", "md5sum": "…"}; it is `
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return shape + short(string(raw)) + "."
	}
	if name, found := unknownField(fields, codeFields); found {
		return fmt.Sprintf("There is no field %q in code; the fields are %s.", short(name), strings.Join(codeFields, ", "))
	}
	err := json.Unmarshal(raw, code)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return fmt.Sprintf("code.%s must be %s; it is a JSON %s.", wrong.Field, jsonKind(wrong.Type), wrong.Value)
	}
	if err != nil {
		return shape + short(string(raw)) + "."
	}
	return unknownInSwift(fields)
}

// unknownInSwift returns a message that names a field of code.swift that does not exist; "" when
// all do.
func unknownInSwift(code map[string]json.RawMessage) string {
	for name, raw := range code {
		var fields map[string]json.RawMessage
		if !strings.EqualFold(name, "swift") || json.Unmarshal(raw, &fields) != nil {
			continue
		}
		if name, found := unknownField(fields, swiftFields); found {
			return fmt.Sprintf(
				"There is no field %q in code.swift; the fields are %s.", short(name), strings.Join(swiftFields, ", "),
			)
		}
	}
	return ""
}

// unknownField returns the first name, in alphabetical order, that is not among the known.
func unknownField(fields map[string]json.RawMessage, known []string) (name string, found bool) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			return name, true
		}
	}
	return "", false
}

// jsonKind returns the name of the JSON value that a Go type takes.
func jsonKind(t reflect.Type) string {
	if t.Kind() == reflect.String {
		return "a string"
	}
	return "an object"
}

// fault says what is wrong with the code's shape; "" for nothing.
func (c *askedCode) fault() string {
	switch faas.CodeSource(c.Source) {
	case faas.SourcePackage:
		return ""
	case faas.SourceSwift:
		if c.Swift == nil || c.Swift.Container == "" || c.Swift.Object == "" {
			return `code with the source swift needs {"swift": {"container": …, "object": …}}.`
		}
		if err := swiftcode.Names(c.Swift.Container, c.Swift.Object); err != nil {
			return messageOf(err)
		}
		return ""
	case faas.SourceImage:
		if !imageForm.MatchString(c.Image) {
			return fmt.Sprintf("code.image must be the reference of a container image; it is %q.", short(c.Image))
		}
		if p := faas.Protocol(c.Protocol); p != "" && p != faas.ProtocolRun && p != faas.ProtocolHTTP {
			return "code.protocol must be run or http; it is " + short(c.Protocol) + "."
		}
		return ""
	case "":
		return "code must name its source: package, swift or image."
	}
	return "code.source must be package, swift or image; it is " + short(c.Source) + "."
}

// keepPackage checks the package and keeps it in the code store. It gives what the function's
// record says of it. md5sum is what the client says it is; "" for nothing. A package for which
// there is no room is not kept.
func (s *Server) keepPackage(ctx context.Context, pack *spool, md5sum string, room swiftcode.Room) (faas.Code, error) {
	md5, sha256 := pack.sums()
	if md5sum != "" && !strings.EqualFold(md5sum, md5) {
		return faas.Code{}, faas.Errorf(
			faas.Invalid, "The MD5 sum of the package is %s, but code.md5sum is %s.", md5, short(md5sum),
		)
	}
	if err := room(ctx, pack.size); err != nil {
		return faas.Code{}, err
	}
	if err := s.checkPackage(ctx, pack); err != nil {
		return faas.Code{}, err
	}
	if err := s.cfg.Code.Put(ctx, sha256, io.NewSectionReader(pack.content(), 0, pack.size)); err != nil {
		return faas.Code{}, err
	}
	return faas.Code{Source: faas.SourcePackage, MD5: md5, SHA256: sha256, Size: pack.size}, nil
}

// checkPackage waits for one of the places where packages are checked.
func (s *Server) checkPackage(ctx context.Context, pack *spool) error {
	select {
	case s.checking <- struct{}{}:
		defer func() { <-s.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return archive.Check(pack.content(), pack.size)
}

// imageCode checks what a function of an image must and must not have.
func (s *Server) imageCode(f *form, code *askedCode, runtimeID string) (faas.Code, error) {
	switch {
	case !s.cfg.Images:
		return faas.Code{}, faas.Errorf(
			faas.Invalid, "Code from a container image is not supported by this deployment; upload a package instead.",
		)
	case runtimeID != "":
		return faas.Code{}, faas.Errorf(
			faas.Invalid, "A function of a container image takes no runtime; leave runtime_id out.",
		)
	case f.pack != nil:
		return faas.Code{}, faas.Errorf(faas.Invalid, "A function of a container image takes no package; leave package out.")
	}
	return code.ofImage(), s.allowedImage(code.Image)
}

// ofImage returns the code of an image as it is recorded.
func (c *askedCode) ofImage() faas.Code {
	made := faas.Code{Source: faas.SourceImage, Image: c.Image, Protocol: faas.Protocol(c.Protocol)}
	orElse(&made.Protocol, faas.ProtocolRun)
	return made
}
