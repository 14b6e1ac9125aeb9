package core

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// Answer is a success: most of them are put into the one envelope.
type Answer struct {
	status   int       // 0: 200
	Data     any       // null when nil
	Lease    LeaseInfo // none: what is handed out does not end
	auth     *authBlock
	wrap     *wrapInfo
	Warnings []string // in the order in which they are sent
	Late     []string // warnings about what the engine's answer came to, which stand last
	Twin     bool     // each key of Data stands at the top level, too
	Plain    any      // instead of the envelope
	Text     []byte   // instead of JSON, with TextType
	TextType string   // Content-Type of Text
	location string   // of a redirect
	// MountType is what the envelope says; the mount's own type unless it is set.
	MountType *string
	// Current stands for Data, which it is in JSON.
	Current json.RawMessage
	// AppendData, if set, appends the data in JSON when the answer is sent. It makes
	// it of Record and Part, which are pointers to what the engine keeps, and of
	// Current: what is asked most needs no value of its own.
	AppendData   func(b []byte, a *Answer) []byte
	Record, Part any // for AppendData
}

// LeaseInfo is what an envelope says of a lease. An ID ends with 24 letters and digits.
type LeaseInfo struct {
	id        string
	renewable bool
	TTL       time.Duration // how long it lasts from now
}

// authBlock is the "auth" of an envelope, in the server's order.
type authBlock struct {
	ClientToken      string            `json:"client_token"`
	Accessor         string            `json:"accessor"`
	Policies         []string          `json:"policies"`
	TokenPolicies    []string          `json:"token_policies,omitempty"`
	IdentityPolicies []string          `json:"identity_policies,omitempty"`
	Metadata         map[string]string `json:"metadata"`
	LeaseDuration    int64             `json:"lease_duration"`
	Renewable        bool              `json:"renewable"`
	EntityID         string            `json:"entity_id"`
	TokenType        string            `json:"token_type"`
	Orphan           bool              `json:"orphan"`
	*newerAuth                         // nil in Vault 1.1
}

// newerAuth is what later servers say besides.
type newerAuth struct {
	MFA     any `json:"mfa_requirement"`
	NumUses int `json:"num_uses"`
}

// wrapInfo is the "wrap_info" of an envelope.
type wrapInfo struct {
	Token           string `json:"token"`
	Accessor        string `json:"accessor"`
	TTL             int64  `json:"ttl"`
	CreationTime    string `json:"creation_time"`
	CreationPath    string `json:"creation_path"`
	WrappedAccessor string `json:"wrapped_accessor,omitempty"`
}

// OK is an answer with data.
func OK(data map[string]any) (*Answer, error) { return &Answer{Data: data}, nil }

// TimeFormat is RFC 3339 with as many digits as the moment has.
const TimeFormat = time.RFC3339Nano

// FormatTime writes a moment as the server does.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeFormat) }

// headers sets what every answer carries, 204 included.
func headers(h http.Header) {
	h["Cache-Control"] = noStore
	h["Content-Type"] = isJSON
	h["Strict-Transport-Security"] = hsts
}

// Header values that all answers share; never modified.
var (
	noStore = []string{"no-store"}
	isJSON  = []string{"application/json"}
	hsts    = []string{"max-age=31536000; includeSubDomains"}
)

// Write sends a.
func (s *Server) Write(c echo.Context, status int, a *Answer) error {
	w := c.Response()
	switch {
	case a == nil:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case a.location != "":
		w.Header().Set(echo.HeaderLocation, a.location)
		w.WriteHeader(status)
		return nil
	case a.TextType != "":
		w.Header().Set(echo.HeaderContentType, a.TextType)
		w.WriteHeader(status)
		_, err := w.Write(a.Text)
		return err
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	body, err := s.encode((*buffer)[:0], a)
	if err != nil {
		return err
	}
	if cap(body) <= maxPooled {
		*buffer = body
	}
	w.WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	_, err = w.Write(body)
	return err
}

// buffers are used for one body after the other.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the largest buffer that is used again.
const maxPooled = 64 << 10

// encode appends the body of a to b.
func (s *Server) encode(b []byte, a *Answer) ([]byte, error) {
	if a.Plain != nil {
		body, err := json.Marshal(a.Plain)
		return append(append(b, body...), '\n'), err
	}
	b = append(b, '{')
	if twins, ok := a.Data.(map[string]any); ok && a.Twin && len(twins) > 0 {
		raw, err := json.Marshal(twins)
		if err != nil {
			return nil, err
		}
		b = append(append(b, raw[1:len(raw)-1]...), ',')
	}
	b = append(b, `"request_id":"`...)
	if a.wrap == nil {
		b = s.ids.AppendUUID(b)
	}
	b = append(b, `","lease_id":`...)
	if a.Lease.id == "" {
		b = append(b, `""`...)
	} else { // a mount's path may have anything in it
		raw, err := json.Marshal(a.Lease.id)
		if err != nil {
			return nil, err
		}
		b = append(b, raw...)
	}
	b = append(b, `,"renewable":`...)
	b = strconv.AppendBool(b, a.Lease.renewable)
	b = append(b, `,"lease_duration":`...)
	b = strconv.AppendInt(b, int64(a.Lease.TTL/time.Second), 10)
	b = append(b, `,"data":`...)
	switch {
	case a.AppendData != nil:
		b = a.AppendData(b, a)
	case a.Current != nil:
		b = append(b, a.Current...)
	case a.Data == nil:
		b = append(b, "null"...)
	default:
		raw, err := json.Marshal(a.Data)
		if err != nil {
			return nil, err
		}
		b = append(b, raw...)
	}
	b, err := s.tail(b, a)
	return append(b, '\n'), err
}

// tail is what stands behind the data of an envelope.
func (s *Server) tail(b []byte, a *Answer) ([]byte, error) {
	b = append(b, `,"wrap_info":`...)
	parts := []any{nil, nil, nil}
	if a.wrap != nil {
		parts[0] = a.wrap
	}
	if len(a.Warnings) > 0 {
		parts[1] = a.Warnings
	}
	if a.auth != nil {
		parts[2] = a.auth
	}
	for i, key := range []string{"", `,"warnings":`, `,"auth":`} {
		b = append(b, key...)
		if parts[i] == nil {
			b = append(b, "null"...)
			continue
		}
		raw, err := json.Marshal(parts[i])
		if err != nil {
			return nil, err
		}
		b = append(b, raw...)
	}
	if s.Flavour.MountType {
		b = append(b, `,"mount_type":"`...)
		if a.MountType != nil {
			b = append(b, *a.MountType...)
		}
		b = append(b, '"')
	}
	return append(b, '}'), nil
}

// NotFoundWith is a 404 with a whole envelope.
func NotFoundWith(a *Answer) error {
	none := ""
	a.MountType = &none
	r := Refuse(http.StatusNotFound, "")
	r.Envelope = a
	return r
}
