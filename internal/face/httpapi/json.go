package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
)

// Lenient reads JSON as most vendors do: names in any case, unknown ones passed over,
// null as if it were not there. Numbers of an untyped target stay as they are written
// (json.Number), so that an identifier of 18 digits survives; Int and Text take
// numbers in texts.
type Lenient struct {
	Trailing bool // what stands behind the first value is passed over
	Depth    int  // objects and arrays within each other; 0: 64
	Values   int  // values altogether; 0: 20,000
}

// JSONError is a text that is not the JSON that was wanted. It is cause.BadInput, and
// shows what encoding/json says to those who word it (errors.As).
type JSONError struct{ Err error }

// Error is the decoder's sentence.
func (e *JSONError) Error() string { return e.Err.Error() }

// Unwrap leads to the cause and to the decoder's error.
func (e *JSONError) Unwrap() []error { return []error{cause.BadInput, e.Err} }

// Decode reads one JSON value into v. Its errors are *JSONError.
func (l Lenient) Decode(text []byte, v any) error {
	if err := l.bounds(text); err != nil {
		return &JSONError{err}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return &JSONError{err}
	}
	if l.Trailing {
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return &JSONError{fmt.Errorf("something follows the JSON value")}
	}
	return nil
}

// What a body may ask for unless an operation says otherwise.
const (
	usualDepth  = 64
	usualValues = 20_000
)

// bounds counts what is nested and parted outside of texts, before anything is made of
// it. A text shorter than both bounds can exceed neither.
func (l Lenient) bounds(text []byte) error {
	depth, values := l.Depth, l.Values
	if depth == 0 {
		depth = usualDepth
	}
	if values == 0 {
		values = usualValues
	}
	if len(text) <= min(depth, values) {
		return nil
	}
	open, parted, inside := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inside:
			if c == '\\' {
				i++
			} else if c == '"' {
				inside = false
			}
		case c == '"':
			inside = true
		case c == '{' || c == '[':
			if open++; open > depth {
				return fmt.Errorf("more than %d objects and arrays within each other", depth)
			}
			parted++
		case c == '}' || c == ']':
			open--
		case c == ',':
			parted++
		}
		if parted > values {
			return fmt.Errorf("more than %d values", values)
		}
	}
	return nil
}

// Int is a whole number that clients also send in a text: 15, "15".
type Int int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Int) UnmarshalJSON(text []byte) error {
	plain, err := scalar(text)
	if err != nil || plain == nil {
		return err
	}
	x, err := strconv.ParseInt(*plain, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40q is no whole number", *plain)
	}
	*n = Int(x)
	return nil
}

// Text is a text that clients also send as a number or a truth value; it becomes what
// they have written.
type Text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(text []byte) error {
	plain, err := scalar(text)
	if err == nil && plain != nil {
		*t = Text(*plain)
	}
	return err
}

// scalar is the text of a JSON value that is neither object nor array; nil for null.
func scalar(text []byte) (*string, error) {
	text = bytes.TrimSpace(text)
	var plain string
	switch {
	case len(text) == 0 || text[0] == '{' || text[0] == '[':
		return nil, fmt.Errorf("a text or a number is expected")
	case string(text) == "null":
		return nil, nil
	case text[0] != '"':
		plain = string(text)
	default:
		if err := json.Unmarshal(text, &plain); err != nil {
			return nil, err
		}
	}
	return &plain, nil
}

// JSONWriter answers in JSON the way one vendor writes it. The members of a struct keep
// its order. The zero value is compact, without HTML escapes and without a final
// newline.
type JSONWriter struct {
	ContentType string // verbatim; "": application/json
	EscapeHTML  bool   // <, > and & as \u003c, \u003e and \u0026, as encoding/json does
	Newline     bool   // a newline at the end
}

// Marshal is the body.
func (j JSONWriter) Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(j.EscapeHTML)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	if out := b.Bytes(); !j.Newline {
		return out[:len(out)-1], nil
	}
	return b.Bytes(), nil
}

// Write answers. What cannot be put into JSON is an error, and nothing is sent.
func (j JSONWriter) Write(c echo.Context, status int, v any) error {
	body, err := j.Marshal(v)
	if err != nil {
		return err
	}
	kind := j.ContentType
	if kind == "" {
		kind = "application/json"
	}
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, kind) // whatever stands there for the usual answers
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}
