package journal

import (
	"regexp"
	"strings"

	"counterpart/internal/serving/redact"
)

// Mask hides secrets in what the journal shows: by their place in the messages of
// each server, by the names of fields that hold secrets everywhere, and by their
// values, wherever they stand.
type Mask struct {
	Secrets *Secrets // nil knows no values
	// Places are the rules of each server by its name in the seed.
	Places map[string]*redact.Rules
	// Cut is the length from which a text counts as shortened: its end may then
	// be half a secret. 0 means never.
	Cut int
}

// hidden stands where a secret stood.
const hidden = redact.Hidden

// Everywhere are the fields whose values are secrets in whatever they hold, whoever
// sends them.
func Everywhere() []redact.Place {
	return redact.Fields("password", "passwd", "user_password", "old_password", "new_password", "passwords", "secret", "client_secret", "shared_secret",
		"access_token", "refresh_token", "client_token", "api_key", "apikey", "private_key", "otp", "next_otp", "passcode", "pin", "codes", "next_code", "authorization")
}

// names are the fields whose values are secrets, whatever the server.
const names = `password|passwd|user_password|old_password|new_password|passwords|secret|client_secret|shared_secret|token|access_token|refresh_token|` +
	`client_token|api_key|apikey|private_key|key|value|otp|next_otp|passcode|pin|uri|qr|codes|next_code|auth|authorization`

var (
	jsonField = regexp.MustCompile(`(?i)("(?:` + names + `)"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|$)|\[[^\]]*(?:\]|$)|[-0-9.eE+]+)`)
	formField = regexp.MustCompile(`(?i)((?:^|[?&\s])(?:` + names + `)=)[^&\s]*`)
)

// Text is s with its secrets hidden.
func (m *Mask) Text(s string) string {
	return m.text(s, m != nil && m.Cut > 0 && len(s) >= m.Cut)
}

// text is Text for one that may have been cut.
func (m *Mask) text(s string, cut bool) string {
	if s == "" {
		return s
	}
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
	op := e.Op
	e.Request, e.Response = m.message(e.Server, redact.Message{Op: op, Side: redact.Request, Text: e.Request}),
		m.message(e.Server, redact.Message{Op: op, Side: redact.Answer, Text: e.Response})
	e.RequestHead, e.ResponseHead = m.head(e.RequestHead), m.head(e.ResponseHead)
	e.Why, e.Op, e.Cause = m.Text(e.Why), m.values(op), m.values(e.Cause)
	e.Actor, e.Object, e.Status = m.values(e.Actor), m.values(e.Object), m.values(e.Status)
	return e
}

// message is a request or an answer as it may be shown. Places come first, while
// the text is as it was sent, unless it ends within a value.
func (m *Mask) message(server string, msg redact.Message) string {
	if m == nil || msg.Text == "" {
		return m.Text(msg.Text)
	}
	cut := m.Cut > 0 && len(msg.Text) >= m.Cut
	msg.Text = m.Places[server].Text(msg, nil)
	return m.text(msg.Text, cut)
}

// secretFields are parts of the names of header fields whose values are secrets, and
// plainFields the names that are none of them.
var (
	secretFields = regexp.MustCompile(`(?i)auth|token|secret|cookie|password|passcode|session|signature|key$|api-?key|private|credential|assertion`)
	plainFields  = regexp.MustCompile(`(?i)^(?:(?:www|proxy)-authenticate|idempotency-key|sec-websocket-key)$`)
)

// head is the head of a message as it may be shown. Of an authorization its scheme stays.
func (m *Mask) head(s string) string {
	if s == "" {
		return s
	}
	var out strings.Builder
	for line := range strings.Lines(s) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case plainFields.MatchString(name) || !secretFields.MatchString(name):
			value = m.Text(value)
		case strings.HasSuffix(strings.ToLower(name), "authorization"):
			scheme, _, several := strings.Cut(value, " ")
			if value = hidden; several {
				value = scheme + " " + hidden
			}
		default:
			value = hidden
		}
		out.WriteString(name + ": " + value + "\n")
	}
	return out.String()
}

// learn takes the values that stand at the places of secrets into Secrets, so that
// they are hidden, and missed, wherever else they turn up.
func (m *Mask) learn(e *Entry) {
	if m == nil || m.Secrets == nil {
		return
	}
	rules := m.Places[e.Server]
	if rules == nil {
		return
	}
	bring := func(value string) { m.Secrets.Bring(e.Server, value) }
	rules.Text(redact.Message{Op: e.Op, Side: redact.Request, Text: e.Request}, bring)
	rules.Text(redact.Message{Op: e.Op, Side: redact.Answer, Text: e.Response}, bring)
}

// values is Text for fields that hold a name, not a document: an operation that
// nobody implements is named by its path, and a path can hold anything.
func (m *Mask) values(s string) string {
	if m == nil {
		return s
	}
	return m.Secrets.Hide(s, false)
}
