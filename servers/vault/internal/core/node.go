package core

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/servers/vault/internal/settings"
)

// Node is what has changed about the node since the seed.
type Node struct {
	Sealed      bool `json:"sealed"`
	Initialized bool `json:"initialized"`
}

// Standing is how the node stands now: the seed, seal and unseal, and faults.
type Standing struct {
	Node
	Removed, Unhealthy, DR, Perf, Standby bool
}

// standing reads it.
func (r *Request) standing() (Standing, error) {
	var st Standing
	kept := r.selfKept.Load() // every request asks for it
	if !kept.Unchanged(time.Time{}) {
		var err error
		if kept, err = r.Node.Hold(r.Ctx, "self", time.Time{}); err != nil {
			return st, err
		}
		r.selfKept.Store(kept)
	}
	st.Node = *kept.Value()
	switch r.Settings.Standby {
	case "standby":
		st.Standby = true
	case "perf":
		st.Perf = true
	case "dr":
		st.DR = true
	}
	if !r.Call.NoFaults() {
		st = r.faulted(st)
	}
	return st, nil
}

// faulted adds what faults play.
func (r *Request) faulted(st Standing) Standing {
	for _, f := range [...]struct {
		kind string
		on   *bool
	}{{"sealed", &st.Sealed}, {"standby", &st.Standby}, {"performance-standby", &st.Perf}, {"dr-secondary", &st.DR},
		{"removed", &st.Removed}, {"ha-unhealthy", &st.Unhealthy}} {
		if _, fires := r.Call.Fault(f.kind); fires {
			*f.on = true
		}
	}
	if _, fires := r.Call.Fault("uninitialized"); fires {
		st.Initialized = false
	}
	return st
}

// NodeOperation is the name of an operation that works in every state of the node, by its
// path: "sys/health" is system.health.
func NodeOperation(path string) string {
	return "system." + strings.ReplaceAll(strings.TrimPrefix(path, "sys/"), "/", ".")
}

// status answers what works in every state of the node, and refuses the rest when
// the node is sealed or a standby.
func (s *Server) status(c echo.Context, r *Request) (handled bool, err error) {
	do := s.NodePaths[r.full]
	st, err := r.standing()
	if err != nil {
		return true, err
	}
	if do != nil {
		r.Call.Op, r.Call.Unnamed = NodeOperation(r.full), false
		if err := r.Call.Admit(r.Ctx); err != nil {
			return true, err
		}
		return true, do(c, r, st)
	}
	switch {
	case r.full == "sys/seal" && r.HTTP.Method != http.MethodPut && r.HTTP.Method != http.MethodPost:
		return true, Refuse(http.StatusMethodNotAllowed, "")
	case st.Sealed || !st.Initialized:
		return true, Refuse(http.StatusServiceUnavailable, "Vault is sealed")
	case st.Standby || st.DR:
		return true, Refuse(http.StatusServiceUnavailable, "")
	}
	if r.Call.NoFaults() {
		return false, nil
	}
	if _, fires := r.Call.Fault("index-state"); fires {
		return true, Refuse(http.StatusPreconditionFailed, "required index state not present")
	}
	return false, nil
}

// NodeHandler answers a path that works in every state of the node.
type NodeHandler func(echo.Context, *Request, Standing) error

// UnsealKey reads a key in base64 or hex.
func UnsealKey(text string) ([]byte, bool) {
	if raw, err := hex.DecodeString(text); err == nil {
		return raw, true
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil
}

// LoadNode seeds what the node itself knows: whether it is sealed, and the tokens.
func (s *Server) LoadNode() error {
	s.Node.Seed("self", &Node{Sealed: s.Settings.Sealed || !s.Settings.Initialized, Initialized: s.Settings.Initialized})
	for i, key := range s.Settings.UnsealKeys {
		if raw, valid := UnsealKey(key); !valid || len(raw) < 16 {
			return fmt.Errorf("unseal_keys[%d]: give at least 16 octets in hex or base64", i)
		}
	}
	if s.Settings.Token == "" {
		return fmt.Errorf("token: a server needs a root token")
	}
	s.seeded[s.Settings.Token] = settings.SeededToken{ID: s.Settings.Token, Policies: []string{"root"}}
	for _, t := range s.Settings.Tokens {
		s.seeded[t.ID] = t
	}
	return nil
}
