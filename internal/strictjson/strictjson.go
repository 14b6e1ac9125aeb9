// Package strictjson reads the JSON that clients of our own interfaces send: a
// mistyped field or something left over is refused, not passed over.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"counterpart/internal/cause"
)

// Decode reads exactly one JSON value (RFC 8259) with known fields only into v.
// Its refusals are cause.BadInput, in words that name the field.
func Decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return cause.Because(cause.BadInput, "a JSON object is expected, not a %s", wrong.Value)
	case errors.As(err, &wrong):
		return cause.Because(cause.BadInput, "%s cannot be a %s", wrong.Field, wrong.Value)
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
