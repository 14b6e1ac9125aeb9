package vault

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

// wrapKey is the record of a wrapping token, which itself is not stored.
func wrapKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// wrapped keeps an answer and returns the one that speaks of it.
func (r *request) wrapped(a *answer) (*answer, error) {
	plain := *a
	plain.twin = false
	body, err := r.encode(nil, &plain)
	if err != nil {
		return nil, err
	}
	w := wrapped{TTL: r.wrap, Path: r.full, Body: body}
	switch data, _ := a.data.(map[string]any); {
	case a.auth != nil:
		w.Inner = a.auth.Accessor
	case r.mount.engine() == "auth/approle" && data["secret_id_accessor"] != nil:
		w.Inner, _ = data["secret_id_accessor"].(string)
	}
	return r.keep(w)
}

// keep stores a wrapped answer under a new token.
func (r *request) keep(w wrapped) (*answer, error) {
	token := r.newToken(false)
	w.Accessor, w.Made = r.alphanumerics(24), r.Clock.Now()
	err := r.wraps.Edit(r.ctx, wrapKey(token), func(v *wrapped, _ bool) (time.Time, error) {
		*v = w
		return w.Made.Add(w.TTL), nil
	})
	if err != nil {
		return nil, err
	}
	none := ""
	return &answer{mountType: &none, wrap: &wrapInfo{Token: token, Accessor: w.Accessor, TTL: int64(w.TTL / time.Second),
		CreationTime: stamp(w.Made), CreationPath: w.Path, WrappedAccessor: w.Inner}}, nil
}

func wrapPaths() []*pathSpec {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	return []*pathSpec{
		{pattern: "wrapping/wrap", name: "wrapping.wrap", arbitrary: true, ops: write(wrapData)},
		{pattern: "wrapping/lookup", name: "wrapping.lookup", public: true, ops: map[operation]handler{opWrite: lookupWrap, opRead: lookupWrap}},
		{pattern: "wrapping/unwrap", name: "wrapping.unwrap", public: true, ops: map[operation]handler{opWrite: unwrap, opRead: unwrap}},
		{pattern: "wrapping/rewrap", name: "wrapping.rewrap", ops: write(rewrap)},
	}
}

// errWrap is the refusal of a token that wraps nothing.
func errWrap() error { return bad("wrapping token is not valid or does not exist") }

func wrapData(r *request) (*answer, error) {
	if r.wrap == 0 {
		return nil, bad("endpoint requires response wrapping to be used")
	}
	data := r.raw
	if data == nil {
		data = map[string]any{}
	}
	return &answer{data: data}, nil
}

// wrapToken is the wrapping token of a request: in the body, or the caller's own.
func (r *request) wrapToken() (token string, inBody bool, err error) {
	if given := r.fields["token"]; given != nil {
		token, isText := given.(string)
		switch {
		case !isText:
			return "", true, refuse(http.StatusForbidden, "error validating wrapping token: could not decode token in request body")
		case token == "":
			return "", true, refuse(http.StatusForbidden, "error validating wrapping token: empty token in request body")
		}
		return token, true, nil
	}
	if token = r.http.Header.Get("X-Vault-Token"); token == "" {
		return "", false, refuse(http.StatusForbidden, "error validating wrapping token: token is empty")
	}
	return token, false, nil
}

func lookupWrap(r *request) (*answer, error) {
	token, _, err := r.wrapToken()
	if err != nil {
		return nil, err
	}
	w, err := r.wraps.Get(r.ctx, wrapKey(token))
	if err != nil {
		return nil, err
	}
	if w == nil {
		return nil, errWrap()
	}
	none := ""
	return &answer{mountType: &none, data: map[string]any{"creation_path": w.Path, "creation_time": stamp(w.Made),
		"creation_ttl": int64(w.TTL / time.Second)}}, nil
}

// take uses a wrapping token up: of two that try one gets the answer.
func (r *request) take(token string) (*wrapped, error) {
	var w *wrapped
	was, err := r.wraps.DeleteIf(r.ctx, wrapKey(token), func(v *wrapped) error { w = v; return nil })
	if err == nil && !was {
		err = errWrap()
	}
	return w, err
}

// entitled lets a token in the body be used only by somebody who has a token too.
func (r *request) entitled(inBody bool) error {
	if !inBody {
		return nil
	}
	if err := r.authenticate(); err != nil {
		return err
	}
	acl, err := r.acl(r.token)
	if err != nil {
		return err
	}
	for _, can := range acl.Can(r.full) {
		if can == "update" || can == "root" {
			return nil
		}
	}
	return forbidden()
}

func unwrap(r *request) (*answer, error) {
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
	return &answer{text: w.Body, textType: "application/json", status: http.StatusOK}, nil
}

func rewrap(r *request) (*answer, error) {
	token, _, err := r.wrapToken()
	if err != nil {
		return nil, err
	}
	w, err := r.wraps.Get(r.ctx, wrapKey(token))
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
		if _, err := r.wraps.Delete(r.ctx, wrapKey(a.wrap.Token)); err != nil {
			return nil, err
		}
		return nil, err
	}
	return a, nil
}
