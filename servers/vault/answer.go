package vault

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// answer is a success: most of them are put into the one envelope.
type answer struct {
	status   int // 0: 200
	data     any // null when nil
	lease    leaseInfo
	auth     *authBlock
	wrap     *wrapInfo
	warnings []string
	late     []string // warnings about what the engine's answer came to
	twin     bool     // each key of data stands at the top level, too
	plain    any      // instead of the envelope
	text     []byte   // instead of JSON
	textType string
	location string // of a redirect
	// mountType is what the envelope says; the mount's own type unless it is set.
	mountType *string
	// What a read of kv shows, put together when it is sent: this is what a vault
	// is asked most. In version 1 there is only current, which stands for data.
	version *kvVersion
	secret  *kvSecret
	current json.RawMessage
}

type leaseInfo struct {
	id        string
	renewable bool
	lasts     time.Duration
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

// ok is an answer with data.
func ok(data map[string]any) (*answer, error) { return &answer{data: data}, nil }

// timeFormat is RFC 3339 with as many digits as the moment has.
const timeFormat = time.RFC3339Nano

// stamp writes a moment as the server does.
func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

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

// write sends a.
func (s *Server) write(c echo.Context, status int, a *answer) error {
	w := c.Response()
	switch {
	case a == nil:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case a.location != "":
		w.Header().Set(echo.HeaderLocation, a.location)
		w.WriteHeader(status)
		return nil
	case a.textType != "":
		w.Header().Set(echo.HeaderContentType, a.textType)
		w.WriteHeader(status)
		_, err := w.Write(a.text)
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
func (s *Server) encode(b []byte, a *answer) ([]byte, error) {
	if a.plain != nil {
		body, err := json.Marshal(a.plain)
		return append(append(b, body...), '\n'), err
	}
	b = append(b, '{')
	if twins, ok := a.data.(map[string]any); ok && a.twin && len(twins) > 0 {
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
	if a.lease.id == "" {
		b = append(b, `""`...)
	} else { // a mount's path may have anything in it
		raw, err := json.Marshal(a.lease.id)
		if err != nil {
			return nil, err
		}
		b = append(b, raw...)
	}
	b = append(b, `,"renewable":`...)
	b = strconv.AppendBool(b, a.lease.renewable)
	b = append(b, `,"lease_duration":`...)
	b = strconv.AppendInt(b, int64(a.lease.lasts/time.Second), 10)
	b = append(b, `,"data":`...)
	switch {
	case a.version != nil:
		b = a.version.encoded(b, a.secret, a.current)
	case a.current != nil:
		b = append(b, a.current...)
	case a.data == nil:
		b = append(b, "null"...)
	default:
		raw, err := json.Marshal(a.data)
		if err != nil {
			return nil, err
		}
		b = append(b, raw...)
	}
	b, err := s.tail(b, a)
	return append(b, '\n'), err
}

// tail is what stands behind the data of an envelope.
func (s *Server) tail(b []byte, a *answer) ([]byte, error) {
	b = append(b, `,"wrap_info":`...)
	parts := []any{nil, nil, nil}
	if a.wrap != nil {
		parts[0] = a.wrap
	}
	if len(a.warnings) > 0 {
		parts[1] = a.warnings
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
	if s.flavour.mountType {
		b = append(b, `,"mount_type":"`...)
		if a.mountType != nil {
			b = append(b, *a.mountType...)
		}
		b = append(b, '"')
	}
	return append(b, '}'), nil
}
