// Package strictjson reads the JSON that clients of our own interfaces send: a
// mistyped field, one that is there twice or something left over is refused, not
// passed over. Its cost grows with the text and no faster.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"counterpart/internal/company/cause"
)

// What a body may ask for before it is refused.
const (
	maxSize   = 16 << 20 // octets; who reads bodies stops earlier
	maxDepth  = 64       // objects and arrays within each other
	maxValues = 200_000
)

// Decode reads exactly one JSON value (RFC 8259) into v: in UTF-8, with known
// fields only, each written as it is declared and at most once. encoding/json
// would take `{"ADVANCE":…}` for `advance`, the last one of two equal fields, and
// U+FFFD for what is no text. Its refusals are cause.BadInput, in words that name
// the field.
func Decode(text []byte, v any) error {
	switch {
	case len(text) > maxSize:
		return cause.Because(cause.BadInput, "the JSON has %d octets, the limit is %d", len(text), maxSize)
	case bytes.HasPrefix(text, []byte("\ufeff")):
		return cause.Because(cause.BadInput, "a byte order mark stands before the JSON")
	case !utf8.Valid(text):
		return cause.Because(cause.BadInput, "the JSON is not in UTF-8")
	}
	if bytes.Equal(bytes.TrimSpace(text), []byte("null")) {
		return cause.Because(cause.BadInput, "a JSON object is expected, not null")
	}
	if json.Valid(text) {
		if err := check(text, reflect.TypeOf(v)); err != nil {
			return err
		}
	}
	return decode(text, v)
}

func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return cause.Because(cause.BadInput, "a JSON object is expected, not %s", article(wrong.Value))
	case errors.As(err, &wrong):
		return cause.Because(cause.BadInput, "%s cannot be %s", wrong.Field, article(wrong.Value))
	case errors.As(err, &syntax):
		return cause.Because(cause.BadInput, "no JSON at octet %d: %v", syntax.Offset, syntax)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return cause.Because(cause.BadInput, "the JSON ends early")
	case err != nil:
		return cause.Because(cause.BadInput, "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return cause.Because(cause.BadInput, "there is something behind the JSON object")
	}
	return nil
}

// article is a kind of value in a sentence: "an array", "a number 1.5".
func article(kind string) string {
	if strings.HasPrefix(kind, "a") || strings.HasPrefix(kind, "o") {
		return "an " + kind
	}
	return "a " + kind
}
