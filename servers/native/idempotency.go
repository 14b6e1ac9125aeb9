package native

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/face/httpapi"
)

// remembered is how long an Idempotency-Key is.
const remembered = 24 * time.Hour

// running is how long a request with a key is taken for running that has not been answered.
// After that whoever ran it is gone, and the request can come again: what it does bears its
// mark (state.WithMark), and is done once.
const running = state.Grace

// answer is what a write answered, kept under its Idempotency-Key.
type answer struct {
	Hash   string            `json:"hash"` // of method, path and body
	Begun  time.Time         `json:"begun,omitzero"`
	Done   bool              `json:"done"`
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
}

// replayed headers.
var kept = []string{"Content-Type", "Location", "ETag", "Cache-Control"}

// once makes a write obey Idempotency-Key: the same key with the same request
// gets the stored answer, with another request 409.
func (s *Server) once(do handler) handler {
	return func(c *caller) error {
		key := c.Request().Header.Get("Idempotency-Key")
		if key == "" {
			return do(c)
		}
		if len(key) > 255 {
			return cause.Because(cause.BadInput, "an Idempotency-Key has at most 255 characters")
		}
		body, err := httpapi.Peek(c.Request())
		if err != nil {
			return err
		}
		record := "idempotency/" + digest(c.Name(), c.Client, key)
		hash := digest(c.Request().Method, c.Request().URL.Path, string(body))
		before, err := s.reserve(c, record, hash)
		if err != nil || before != nil {
			return first(err, func() error { return replay(c, before) })
		}
		return s.keep(c, record, hash, do)
	}
}

func first(err error, otherwise func() error) error {
	if err != nil {
		return err
	}
	return otherwise()
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reserve takes the key for this request, or finds what it answered before.
func (s *Server) reserve(c *caller, record, hash string) (before *answer, err error) {
	err = s.answers.Edit(c.Request().Context(), record, func(a *answer, found bool) (time.Time, error) {
		before = nil
		now := s.Clock.Now()
		switch {
		case !found:
			*a = answer{Hash: hash, Begun: now}
			return now.Add(remembered), nil
		case a.Hash != hash:
			return time.Time{}, cause.Because(idempotencyConflict, "that Idempotency-Key was used for another request")
		case !a.Done && !now.Before(a.Begun.Add(running)):
			a.Begun = now
			return now.Add(remembered), nil
		case !a.Done:
			return time.Time{}, cause.Because(inProgress, "the first request with that Idempotency-Key is still running")
		}
		copied := *a
		before = &copied
		return time.Time{}, state.ErrKeep
	})
	return before, err
}

func replay(c *caller, a *answer) error {
	for k, v := range a.Header {
		c.Response().Header().Set(k, v)
	}
	return c.Blob(a.Status, a.Header["Content-Type"], a.Body)
}

// keep runs the write and stores its answer. A refusal is an answer too; our
// own failure frees the key, so that the client can try again.
func (s *Server) keep(c *caller, record, hash string, do handler) error {
	ctx := context.WithoutCancel(c.Request().Context()) // a client that left is the one that asks again
	w := &capture{ResponseWriter: c.Response().Writer}
	c.Response().Writer = w
	finished := false
	defer func() {
		if !finished { // a panic
			s.answers.Delete(ctx, record)
		}
	}()
	c.SetRequest(c.Request().WithContext(state.WithMark(c.Request().Context(), record+" "+hash)))
	err := do(c)
	if err != nil {
		wording.Answer(c.call().Refuse(err), c.Context)
	}
	finished = true
	status := c.Response().Status
	if status >= http.StatusInternalServerError {
		_, err := s.answers.Delete(ctx, record)
		return err
	}
	a := answer{Hash: hash, Done: true, Status: status, Header: map[string]string{}, Body: w.body.Bytes()}
	for _, k := range kept {
		if v := c.Response().Header().Get(k); v != "" {
			a.Header[k] = v
		}
	}
	return s.answers.Put(ctx, record, a, s.Clock.Now().Add(remembered))
}

// capture keeps what is written.
type capture struct {
	http.ResponseWriter
	body bytes.Buffer
}

// Write implements http.ResponseWriter.
func (w *capture) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *capture) Unwrap() http.ResponseWriter { return w.ResponseWriter }
