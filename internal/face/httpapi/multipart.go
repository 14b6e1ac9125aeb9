package httpapi

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"mime"
	"mime/multipart"

	"counterpart/internal/company/cause"
)

// Part is one part of a multipart form.
type Part struct {
	Name, File  string // of the field, and of the file; no file: a plain field
	ContentType string
	Value       []byte
}

// maxParts is how many parts a form may have.
const maxParts = 10_000

// IsMultipart reports a Content-Type of multipart with a boundary: clients that only
// claim to send one are told apart.
func IsMultipart(contentType string) bool {
	_, args, err := mime.ParseMediaType(contentType)
	return err == nil && args["boundary"] != ""
}

// Parts are the parts of a body that Read has bounded, one after the other: who has
// found what was wanted may stop. What is malformed ends them with cause.BadInput.
func Parts(body []byte, contentType string) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		kind, args, err := mime.ParseMediaType(contentType)
		if err != nil || kind != "multipart/form-data" && kind != "multipart/mixed" || args["boundary"] == "" {
			yield(Part{}, cause.Because(cause.BadInput, "%.80q is no multipart form", contentType))
			return
		}
		form := multipart.NewReader(bytes.NewReader(body), args["boundary"])
		for n := 0; ; n++ {
			p, err := form.NextPart()
			if err == io.EOF { // not one that is wrapped: the form is cut
				return
			}
			var value []byte
			if err == nil {
				value, err = io.ReadAll(p)
			}
			if err == nil && n >= maxParts {
				err = errors.New("too many parts")
			}
			if err != nil {
				yield(Part{}, cause.Because(cause.BadInput, "the form: %v", err))
				return
			}
			if !yield(Part{Name: p.FormName(), File: p.FileName(), ContentType: p.Header.Get("Content-Type"), Value: value}, nil) {
				return
			}
		}
	}
}
