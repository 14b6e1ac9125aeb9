package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// replica is one process of the fleet, as its clients see it.
type replica struct {
	number  int
	ports   atomic.Pointer[map[string]string] // addresses, by name; nil: it is not there
	client  *http.Client
	token   string // of the control port; empty: it wants none
	settled func() time.Time
}

// What clients of the fleet know: the API key of native and the shared secret of RADIUS.
const (
	apiKey       = "sps-secret"
	sharedSecret = "testing123"
)

func newReplica(number int, ports map[string]string) *replica {
	r := &replica{number: number, client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256}}}
	r.ports.Store(&ports)
	return r
}

// addr is where a port is; empty: nowhere now.
func (r *replica) addr(name string) string {
	if ports := r.ports.Load(); ports != nil {
		return (*ports)[name]
	}
	return ""
}

// answer is what native and the control port say, as far as it matters.
type answer struct {
	ended  outcome
	status int
	text   string
	ID     any    `json:"id"` // a text, or a note's number
	State  string `json:"state"`
	Reason string `json:"reason"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Valid  bool   `json:"valid"`
	Items  []struct {
		Text  string `json:"text"`
		Title string `json:"title"`
	} `json:"items"`
	Next string   `json:"next_cursor"`
	Data struct { // of vault
		CheckIns []string `json:"check_ins"`
	} `json:"data"`
}

// why is an answer in short.
func (a answer) why() string {
	if a.status == 0 {
		return a.text
	}
	if a.Code != "" {
		return fmt.Sprint(a.status, " ", a.Code)
	}
	return fmt.Sprint(a.status, " ", a.Reason)
}

// on notes the answer on an event.
func (a answer) on(e *event) answer {
	e.ended, e.why = a.ended, a.why()
	if a.status == 0 {
		e.said = silent
	}
	return a
}

// The ports that are asked.
const (
	native  = "native/http"
	vault   = "vault/http"
	control = "control/http"
)

// request is one of HTTP.
type request struct {
	method, path, body string
	port               string // native by default
	key                string // Idempotency-Key
}

func (r *replica) ask(q request) (a answer) {
	port, token := cmp.Or(q.port, native), apiKey
	if port == control {
		token = r.token
	}
	a.ended = unknown
	if r.addr(port) == "" {
		a.text = "it is not there"
		return a
	}
	req, err := http.NewRequest(q.method, "http://"+r.addr(port)+q.path, strings.NewReader(q.body))
	if err != nil {
		a.text = err.Error()
		return a
	}
	req.Header.Set("Content-Type", "application/json")
	if port == vault {
		req.Header.Set("X-Vault-Token", "root")
	} else if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		a.text = err.Error()
		return a
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && len(text) > 0 && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		a.text = err.Error()
		return a
	}
	a.status, a.text = resp.StatusCode, string(text)
	switch {
	case a.status < 300:
		a.ended = ok
	case a.status < 500:
		a.ended = refused
	}
	return a
}

// ready is whether the replica says so of itself.
func (r *replica) ready() bool {
	return r.ask(request{method: "GET", path: "/readyz", port: control}).status == http.StatusOK
}

// patience is how long a datagram may stay without an answer.
const patience = 4 * time.Second

// radius logs somebody in with a code. What is not answered is unknown.
func (r *replica) radius(user, code string) (outcome, string) {
	if r.addr("codes/auth") == "" {
		return unknown, "it is not there"
	}
	p := radius.New(radius.CodeAccessRequest, []byte(sharedSecret))
	if err := errors.Join(rfc2865.UserName_SetString(p, user), rfc2865.UserPassword_SetString(p, code)); err != nil {
		return unknown, err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := (&radius.Client{}).Exchange(ctx, p, r.addr("codes/auth"))
	switch {
	case err != nil:
		return unknown, err.Error()
	case resp.Code == radius.CodeAccessAccept:
		return ok, resp.Code.String()
	}
	return refused, resp.Code.String()
}
