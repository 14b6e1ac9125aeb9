package journal

import (
	"regexp"
	"strings"
)

// Mask hides secrets in what the journal shows. It knows the names of fields
// that hold them; Known adds the values themselves.
type Mask struct {
	// Known replaces secret values wherever they stand; nil knows none.
	Known func(string) string
}

// hidden stands where a secret stood.
const hidden = "***"

// names are the fields whose values are secrets, whatever the server.
const names = `password|passwd|old_password|new_password|passwords|secret|client_secret|shared_secret|token|access_token|refresh_token|` +
	`client_token|api_key|apikey|private_key|key|value|otp|passcode|pin|uri|qr|codes|next_code|auth|authorization`

var (
	jsonField = regexp.MustCompile(`(?i)("(?:` + names + `)"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|$)|\[[^\]]*(?:\]|$)|[-0-9.eE+]+)`)
	formField = regexp.MustCompile(`(?i)((?:^|[?&\s])(?:` + names + `)=)[^&\s]*`)
)

// Text is s with its secrets hidden.
func (m *Mask) Text(s string) string {
	if s == "" {
		return s
	}
	if strings.Contains(s, `"`) {
		s = jsonField.ReplaceAllString(s, `${1}"`+hidden+`"`)
	}
	if strings.Contains(s, "=") {
		s = formField.ReplaceAllString(s, "${1}"+hidden)
	}
	if m != nil && m.Known != nil {
		s = m.Known(s)
	}
	return s
}
