package vault

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// node is what has changed about the node since the seed.
type node struct {
	Sealed      bool `json:"sealed"`
	Initialized bool `json:"initialized"`
}

// standing is how the node stands now: the seed, seal and unseal, and faults.
type standing struct {
	node
	removed, unhealthy, dr, perf, standby bool
}

// standing reads it.
func (r *request) standing() (standing, error) {
	var st standing
	kept := r.selfKept.Load() // every request asks for it
	if !kept.Unchanged(time.Time{}) {
		var err error
		if kept, err = r.node.Hold(r.ctx, "self", time.Time{}); err != nil {
			return st, err
		}
		r.selfKept.Store(kept)
	}
	st.node = *kept.Value()
	switch r.settings.Standby {
	case "standby":
		st.standby = true
	case "perf":
		st.perf = true
	case "dr":
		st.dr = true
	}
	if !r.call.NoFaults() {
		st = r.faulted(st)
	}
	return st, nil
}

// faulted adds what faults play.
func (r *request) faulted(st standing) standing {
	for _, f := range [...]struct {
		kind string
		on   *bool
	}{{"sealed", &st.Sealed}, {"standby", &st.standby}, {"performance-standby", &st.perf}, {"dr-secondary", &st.dr},
		{"removed", &st.removed}, {"ha-unhealthy", &st.unhealthy}} {
		if _, fires := r.call.Fault(f.kind); fires {
			*f.on = true
		}
	}
	if _, fires := r.call.Fault("uninitialized"); fires {
		st.Initialized = false
	}
	return st
}

// status answers what works in every state of the node, and refuses the rest when
// the node is sealed or a standby.
func (s *Server) status(c echo.Context, r *request) (handled bool, err error) {
	do := s.nodePaths[r.full]
	st, err := r.standing()
	if err != nil {
		return true, err
	}
	if do != nil {
		r.call.Op, r.call.Unnamed = "system."+strings.ReplaceAll(strings.TrimPrefix(r.full, "sys/"), "/", "."), false
		if err := r.call.Admit(r.ctx); err != nil {
			return true, err
		}
		return true, do(c, r, st)
	}
	switch {
	case r.full == "sys/seal" && r.http.Method != http.MethodPut && r.http.Method != http.MethodPost:
		return true, refuse(http.StatusMethodNotAllowed, "")
	case st.Sealed || !st.Initialized:
		return true, refuse(http.StatusServiceUnavailable, "Vault is sealed")
	case st.standby || st.dr:
		return true, refuse(http.StatusServiceUnavailable, "")
	}
	if r.call.NoFaults() {
		return false, nil
	}
	if _, fires := r.call.Fault("index-state"); fires {
		return true, refuse(http.StatusPreconditionFailed, "required index state not present")
	}
	return false, nil
}

type nodeHandler func(echo.Context, *request, standing) error

// newNodeRoutes are the paths that need no unsealed node.
func newNodeRoutes(s *Server) map[string]nodeHandler {
	return map[string]nodeHandler{"sys/health": s.health, "sys/seal-status": s.sealStatus, "sys/init": s.initialise,
		"sys/leader": s.leader, "sys/unseal": s.unseal}
}

// health is sys/health: the state of the node as a status code.
func (s *Server) health(c echo.Context, r *request, st standing) error {
	req := c.Request()
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return refuse(http.StatusMethodNotAllowed, "")
	}
	q := req.URL.Query()
	code := func(name string, otherwise int) (int, error) {
		text, given := q[name]
		if !given {
			return otherwise, nil
		}
		n, err := strconv.Atoi(text[0])
		if err != nil {
			return 0, refuse(http.StatusBadRequest, "")
		}
		return n, nil
	}
	truth := func(name string) (bool, error) {
		text, given := q[name]
		if !given || text[0] == "" {
			return given, nil
		}
		on, err := strconv.ParseBool(text[0])
		if err != nil {
			return false, refuse(http.StatusBadRequest, "")
		}
		return on, nil
	}
	rows := []struct {
		name string
		code int
		when bool
	}{
		{"uninitcode", 501, !st.Initialized}, {"removedcode", 530, st.removed}, {"sealedcode", 503, st.Sealed}, {"haunhealthycode", 474, st.unhealthy},
		{"drsecondarycode", 472, st.dr}, {"performancestandbycode", 473, st.perf}, {"standbycode", 429, st.standby}, {"activecode", 200, true},
	}
	codes := map[string]int{}
	for _, row := range rows { // each is held against the rules, asked for or not
		n, err := code(row.name, row.code)
		if err != nil {
			return err
		}
		codes[row.name] = n
	}
	standbyOK, err := truth("standbyok")
	if err != nil {
		return err
	}
	perfOK, err := truth("perfstandbyok")
	if err != nil {
		return err
	}
	status := 0
	for _, row := range rows {
		if !row.when {
			continue
		}
		status = codes[row.name]
		if row.name == "standbycode" && standbyOK || row.name == "performancestandbycode" && perfOK {
			status = codes["activecode"]
		}
		break
	}
	return s.write(c, status, &answer{plain: s.healthBody(st)})
}

// healthOf is the body of sys/health, in the server's order.
type healthOf struct {
	Initialized     bool   `json:"initialized"`
	Sealed          bool   `json:"sealed"`
	Standby         bool   `json:"standby"`
	PerfStandby     bool   `json:"performance_standby"`
	ReplicationPerf string `json:"replication_performance_mode"`
	ReplicationDR   string `json:"replication_dr_mode"`
	ServerTime      int64  `json:"server_time_utc"`
	Version         string `json:"version"`
	*enterprise
	ClusterName string `json:"cluster_name,omitempty"`
	ClusterID   string `json:"cluster_id,omitempty"`
	*newerHealth
}

type enterprise struct {
	Enterprise bool `json:"enterprise"`
}

type newerHealth struct {
	Echo    int  `json:"echo_duration_ms"`
	Skew    int  `json:"clock_skew_ms"`
	Canary  int  `json:"replication_primary_canary_age_ms"`
	Removed bool `json:"removed_from_cluster,omitempty"`
	HA      any  `json:"ha_connection_healthy,omitempty"`
}

func (s *Server) healthBody(st standing) healthOf {
	b := healthOf{Initialized: st.Initialized, Sealed: st.Sealed, Standby: st.standby || st.Sealed || !st.Initialized, PerfStandby: st.perf,
		ReplicationPerf: "disabled", ReplicationDR: "disabled", ServerTime: s.Clock.Now().Unix(), Version: s.flavour.version}
	if st.perf {
		b.Standby = true
	}
	if st.Sealed || !st.Initialized {
		b.Sealed, b.ReplicationPerf, b.ReplicationDR = true, "unknown", "unknown"
	} else {
		b.ClusterName, b.ClusterID = s.settings.ClusterName, s.derivedID("cluster")
	}
	if s.flavour.mountType {
		b.enterprise, b.newerHealth = &enterprise{}, &newerHealth{Removed: st.removed}
		if st.unhealthy {
			b.newerHealth.HA = false
		}
	}
	return b
}

// sealOf is the body of sys/seal-status.
type sealOf struct {
	Type        string `json:"type"`
	Initialized bool   `json:"initialized"`
	Sealed      bool   `json:"sealed"`
	T           int    `json:"t"`
	N           int    `json:"n"`
	Progress    int    `json:"progress"`
	Nonce       string `json:"nonce"`
	Version     string `json:"version"`
	BuildDate   string `json:"build_date"`
	Migration   bool   `json:"migration"`
	ClusterName string `json:"cluster_name,omitempty"`
	ClusterID   string `json:"cluster_id,omitempty"`
	Recovery    bool   `json:"recovery_seal"`
	Storage     string `json:"storage_type,omitempty"`
}

func (s *Server) sealBody(n node) sealOf {
	b := sealOf{Type: "shamir", Initialized: n.Initialized, Sealed: n.Sealed || !n.Initialized, T: 1, N: max(1, len(s.settings.UnsealKeys)),
		Version: s.flavour.version, BuildDate: s.flavour.built.Format(time.RFC3339), Storage: "inmem"}
	if s.flavour.bao {
		b.BuildDate = "" // unless it was built by the project
	}
	if !b.Sealed {
		b.ClusterName, b.ClusterID = s.settings.ClusterName, s.derivedID("cluster")
	}
	return b
}

func (s *Server) sealStatus(c echo.Context, r *request, st standing) error {
	if c.Request().Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "")
	}
	return s.write(c, http.StatusOK, &answer{plain: s.sealBody(st.node)})
}

// initialise is sys/init: what it says, and how a server that was seeded without
// is initialised.
func (s *Server) initialise(c echo.Context, r *request, st standing) error {
	switch c.Request().Method {
	case http.MethodGet:
		return s.write(c, http.StatusOK, &answer{plain: struct {
			Initialized bool `json:"initialized"`
		}{st.Initialized}})
	case http.MethodPut, http.MethodPost:
	default:
		return refuse(http.StatusMethodNotAllowed, "")
	}
	if st.Initialized {
		return bad("Vault is already initialized")
	}
	err := s.node.Change(r.ctx, "self", func(n *node, _ bool) error {
		if n.Initialized {
			return bad("Vault is already initialized")
		}
		n.Initialized, n.Sealed = true, true
		return nil
	})
	if err != nil {
		return err
	}
	keys, b64 := []string{}, []string{}
	for _, k := range s.settings.UnsealKeys {
		raw, _ := unsealKey(k)
		keys, b64 = append(keys, hex.EncodeToString(raw)), append(b64, base64.StdEncoding.EncodeToString(raw))
	}
	return s.write(c, http.StatusOK, &answer{plain: struct {
		Keys  []string `json:"keys"`
		B64   []string `json:"keys_base64"`
		Token string   `json:"root_token"`
	}{keys, b64, s.settings.Token}})
}

func (s *Server) leader(c echo.Context, r *request, st standing) error {
	if c.Request().Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "")
	}
	type enterprise struct {
		Perf bool `json:"performance_standby"`
		WAL  int  `json:"performance_standby_last_remote_wal"`
	}
	body := struct {
		HA      bool   `json:"ha_enabled"`
		Self    bool   `json:"is_self"`
		Since   string `json:"active_time"`
		Leader  string `json:"leader_address"`
		Cluster string `json:"leader_cluster_address"`
		*enterprise
	}{Since: stamp(time.Time{})}
	if !s.flavour.bao {
		body.enterprise = &enterprise{Perf: st.perf}
	}
	return s.write(c, http.StatusOK, &answer{plain: body})
}

// unsealKey reads a key in base64 or hex.
func unsealKey(text string) ([]byte, bool) {
	if raw, err := hex.DecodeString(text); err == nil {
		return raw, true
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil
}

// unseal is sys/unseal: one of the seeded keys opens the node.
func (s *Server) unseal(c echo.Context, r *request, st standing) error {
	if m := c.Request().Method; m != http.MethodPut && m != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "")
	}
	raw, err := s.parameters(c.Request())
	if err != nil {
		return err
	}
	f := fields(raw)
	reset, err := f.flag("reset", false)
	if err != nil {
		return err
	}
	if !reset {
		key, valid := unsealKey(f.text("key"))
		switch {
		case f.text("key") == "":
			return bad("'key' must be specified in request body as JSON, or 'reset' set to true")
		case !valid:
			return bad("'key' must be a valid hex or base64 string")
		case len(key) < 16:
			return bad("invalid key: key is shorter than minimum 16 bytes")
		}
		fits := false
		for _, k := range s.settings.UnsealKeys {
			raw, _ := unsealKey(k)
			fits = fits || string(raw) == string(key)
		}
		if !fits && st.Sealed {
			return refuse(http.StatusBadRequest, "Unseal failed, invalid key").because("no seeded unseal key is like that")
		}
		if fits {
			if err := s.node.Change(r.ctx, "self", func(n *node, _ bool) error { n.Sealed = false; return nil }); err != nil {
				return err
			}
			st.node.Sealed = false
		}
	}
	return s.write(c, http.StatusOK, &answer{plain: s.sealBody(st.node)})
}
