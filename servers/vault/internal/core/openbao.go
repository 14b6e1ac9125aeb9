package core

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

// The words in which OpenBao differs from Vault: it decodes parameters with a later
// library, and quotes otherwise.
var baoWords = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`'' expected a map, got '([^']*)'`), "'' expected type 'map[string]interface {}', got unconvertible type '$1'"},
	{regexp.MustCompile(`cannot parse '([^']*)' as (int|bool): (strconv\.Parse[A-Za-z]+): parsing ".*": `), "'$1' cannot parse value as '$2': $3: "},
	{regexp.MustCompile(`(?s)1 error\(s\) decoding:\n\n\* (.*)`), "decoding failed due to the following error(s):\n\n$1"},
	{regexp.MustCompile(`(?s)(got unconvertible type '[^']*'), value: '.*'`), "$1"},
	{regexp.MustCompile(`the "service_account_names" to check in`), "the 'service_account_names' to check in"},
	{regexp.MustCompile(`supported by "service" type tokens`), "supported by 'service' type tokens"},
	{regexp.MustCompile(`^"password" or "password_hash" must be supplied$`), "missing password"},
	{regexp.MustCompile(`^empty valid principals not allowed by role$`),
		"refusing to issue unsafe, globally-valid certificate with no principals specified; set valid_principals or default_user"},
	{regexp.MustCompile(`read failed: relative paths`), "relative paths"},
	{regexp.MustCompile(`MountType:""} err: %`), "InlineAuthTokenEntry:(*logical.TokenEntry)(nil)} err: %"},
}

// inBao is a refusal in the words of OpenBao.
func inBao(words []string) []string {
	out := make([]string, len(words))
	for i, text := range words {
		for _, w := range baoWords {
			text = w.re.ReplaceAllString(text, w.to)
		}
		out[i] = text
	}
	return out
}

// Product is what the server calls itself in texts.
func (s *Server) Product() string { return s.Pick("Vault", "OpenBao") }

// Release is the version without what was made of it.
func (s *Server) Release() string {
	number, _, _ := strings.Cut(s.Flavour.Version, "-")
	return number
}

// baoObject reads a JSON object as OpenBao does, which says nothing of what is wrong
// with another: not even something behind it is let through.
func baoObject(body []byte) (map[string]any, error) {
	var probe, out map[string]any
	if json.Unmarshal(body, &probe) != nil {
		return nil, BadRequest("error parsing JSON")
	}
	return out, Reader.Decode(body, &out)
}

// baoBatch is a batch token in OpenBao's format: sealed octets in base64, whose
// version and key number stand first.
func (s *Server) baoBatch() string {
	b := make([]byte, 101)
	io.ReadFull(s.Rand, b[5:])
	copy(b, []byte{0, 0, 0, 1, 2})
	return "b." + base64.RawURLEncoding.EncodeToString(b)
}

// EntityName is the name of an entity that nobody has named; OpenBao adds the
// namespace.
func (s *Server) EntityName(id string) string { return "entity_" + id[:8] + s.Pick("", ".root") }

// RefuseKey refuses a key that is not to be made.
func (r *Request) RefuseKey(words string) error {
	if r.Flavour.Bao {
		return BadRequest("%s", words)
	}
	return Faulty(words)
}
