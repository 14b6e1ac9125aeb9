package journal

import (
	"regexp"
	"strings"
)

// Mask hides secrets in what the journal shows. It knows the names of fields
// that hold them; Secrets adds the values themselves, wherever they stand.
type Mask struct {
	Secrets *Secrets // nil knows no values
	// Cut is the length from which a text counts as shortened: its end may then
	// be half a secret. 0 means never.
	Cut int
}

// hidden stands where a secret stood.
const hidden = "***"

// names are the fields whose values are secrets, whatever the server.
const names = `password|passwd|user_password|old_password|new_password|passwords|secret|client_secret|shared_secret|token|access_token|refresh_token|` +
	`client_token|api_key|apikey|private_key|key|value|otp|next_otp|passcode|pin|uri|qr|codes|next_code|auth|authorization`

var (
	jsonField = regexp.MustCompile(`(?i)("(?:` + names + `)"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|$)|\[[^\]]*(?:\]|$)|[-0-9.eE+]+)`)
	formField = regexp.MustCompile(`(?i)((?:^|[?&\s])(?:` + names + `)=)[^&\s]*`)
)

// Text is s with its secrets hidden.
func (m *Mask) Text(s string) string {
	if s == "" {
		return s
	}
	cut := m != nil && m.Cut > 0 && len(s) >= m.Cut
	if m != nil { // values first: a field that ends in the middle of one would hide its beginning
		s = m.Secrets.Hide(s, cut)
	}
	if strings.Contains(s, `"`) {
		s = jsonField.ReplaceAllString(s, `${1}"`+hidden+`"`)
	}
	if strings.Contains(s, "=") {
		s = formField.ReplaceAllString(s, "${1}"+hidden)
	}
	return s
}

// entry is e as it may be shown.
func (m *Mask) entry(e Entry) Entry {
	e.Request, e.Response, e.Why, e.Op = m.Text(e.Request), m.Text(e.Response), m.Text(e.Why), m.values(e.Op)
	e.Actor, e.Object, e.Status = m.values(e.Actor), m.values(e.Object), m.values(e.Status)
	return e
}

// values is Text for fields that hold a name, not a document: an operation that
// nobody implements is named by its path, and a path can hold anything.
func (m *Mask) values(s string) string {
	if m == nil {
		return s
	}
	return m.Secrets.Hide(s, false)
}
