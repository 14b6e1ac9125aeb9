package core

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"
)

// wrapped is an answer kept for the holder of a single-use token.
type wrapped struct {
	Accessor string          `json:"accessor"`
	Made     time.Time       `json:"made"`
	TTL      time.Duration   `json:"ttl"`
	Path     string          `json:"path"`            // of the request, without v1/
	Inner    string          `json:"inner,omitempty"` // accessor of the wrapped token or secret ID
	Request  string          `json:"request"`
	Body     json.RawMessage `json:"body"`
}

// TokenHash is the record of a wrapping token, which itself is not stored.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// wrapped keeps an answer and returns the one that speaks of it.
func (r *Request) wrapped(a *Answer) (*Answer, error) {
	plain := *a
	plain.Twin = false
	body, err := r.encode(nil, &plain)
	if err != nil {
		return nil, err
	}
	w := wrapped{TTL: r.wrap, Path: r.full, Body: body}
	if a.auth != nil {
		w.Inner = a.auth.Accessor
	} else if data, _ := a.Data.(map[string]any); data != nil {
		w.Inner, _ = data[r.engineOf(r.Mount).Accessor].(string)
	}
	return r.keep(w)
}

// keep stores a wrapped answer under a new token.
func (r *Request) keep(w wrapped) (*Answer, error) {
	token := r.newToken(false)
	w.Accessor, w.Made = r.Alphanumerics(24), r.Clock.Now()
	err := r.wraps.Edit(r.Ctx, TokenHash(token), func(v *wrapped, _ bool) (time.Time, error) {
		*v = w
		return w.Made.Add(w.TTL), nil
	})
	if err != nil {
		return nil, err
	}
	none := ""
	return &Answer{MountType: &none, wrap: &wrapInfo{Token: token, Accessor: w.Accessor, TTL: int64(w.TTL / time.Second),
		CreationTime: FormatTime(w.Made), CreationPath: w.Path, WrappedAccessor: w.Inner}}, nil
}

// WrapPaths are the paths about wrapping below sys/.
func WrapPaths() []*Path {
	write := func(h Handler) map[Operation]Handler { return map[Operation]Handler{OpWrite: h} }
	return []*Path{
		{Pattern: "wrapping/wrap", Name: "wrapping.wrap", Arbitrary: true, Ops: write(wrapData)},
		{Pattern: "wrapping/lookup", Name: "wrapping.lookup", Public: true, Ops: map[Operation]Handler{OpWrite: lookupWrap, OpRead: lookupWrap}},
		{Pattern: "wrapping/unwrap", Name: "wrapping.unwrap", Public: true, Ops: map[Operation]Handler{OpWrite: unwrap, OpRead: unwrap}},
		{Pattern: "wrapping/rewrap", Name: "wrapping.rewrap", Ops: write(rewrap)},
	}
}

// errWrap is the refusal of a token that wraps nothing.
func errWrap() error { return BadRequest("wrapping token is not valid or does not exist") }

func wrapData(r *Request) (*Answer, error) {
	if r.wrap == 0 {
		return nil, BadRequest("endpoint requires response wrapping to be used")
	}
	data := r.Raw
	if data == nil {
		data = map[string]any{}
	}
	return &Answer{Data: data}, nil
}

// wrapToken is the wrapping token of a request: in the body, or the caller's own.
func (r *Request) wrapToken() (token string, inBody bool, err error) {
	if given := r.Fields["token"]; given != nil {
		token, isText := given.(string)
		switch {
		case !isText:
			return "", true, Refuse(http.StatusForbidden, "error validating wrapping token: could not decode token in request body")
		case token == "":
			return "", true, Refuse(http.StatusForbidden, "error validating wrapping token: empty token in request body")
		}
		return token, true, nil
	}
	if token = r.HTTP.Header.Get("X-Vault-Token"); token == "" {
		return "", false, Refuse(http.StatusForbidden, "error validating wrapping token: token is empty")
	}
	return token, false, nil
}

func lookupWrap(r *Request) (*Answer, error) {
	token, _, err := r.wrapToken()
	if err != nil {
		return nil, err
	}
	w, err := r.wraps.Get(r.Ctx, TokenHash(token))
	if err != nil {
		return nil, err
	}
	if w == nil {
		return nil, errWrap()
	}
	none := ""
	return &Answer{MountType: &none, Data: map[string]any{"creation_path": w.Path, "creation_time": FormatTime(w.Made),
		"creation_ttl": int64(w.TTL / time.Second)}}, nil
}

// take uses a wrapping token up: of two that try one gets the answer.
func (r *Request) take(token string) (*wrapped, error) {
	var w *wrapped
	was, err := r.wraps.DeleteIf(r.Ctx, TokenHash(token), func(v *wrapped) error { w = v; return nil })
	if err == nil && !was {
		err = errWrap()
	}
	return w, err
}

// entitled lets a token in the body be used only by somebody who has a token too.
func (r *Request) entitled(inBody bool) error {
	if !inBody {
		return nil
	}
	if err := r.authenticate(); err != nil {
		return err
	}
	acl, err := r.ACL(r.Token)
	if err != nil {
		return err
	}
	for _, can := range acl.Can(r.full) {
		if can == "update" || can == "root" {
			return nil
		}
	}
	return Forbidden()
}

func unwrap(r *Request) (*Answer, error) {
	token, inBody, err := r.wrapToken()
	if err != nil {
		return nil, err
	}
	if err := r.entitled(inBody); err != nil {
		return nil, err
	}
	w, err := r.take(token)
	if err != nil {
		return nil, err
	}
	return &Answer{Text: w.Body, TextType: "application/json", status: http.StatusOK}, nil
}

func rewrap(r *Request) (*Answer, error) {
	token, _, err := r.wrapToken()
	if err != nil {
		return nil, err
	}
	w, err := r.wraps.Get(r.Ctx, TokenHash(token))
	if err != nil {
		return nil, err
	}
	if w == nil {
		return nil, errWrap()
	}
	a, err := r.keep(*w) // first: nobody knows the new token until the old one is gone
	if err != nil {
		return nil, err
	}
	if _, err := r.take(token); err != nil { // somebody else was quicker
		if _, err := r.wraps.Delete(r.Ctx, TokenHash(a.wrap.Token)); err != nil {
			return nil, err
		}
		return nil, err
	}
	return a, nil
}
