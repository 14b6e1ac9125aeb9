package system

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/servers/vault/internal/core"
)

// NodeRoutes adds the paths that need no unsealed node.
func NodeRoutes(s *core.Server) {
	for path, do := range map[string]core.NodeHandler{"sys/health": health, "sys/seal-status": sealStatus, "sys/init": initialise, "sys/leader": leader, "sys/unseal": unseal} {
		s.NodePaths[path] = do
	}
}

// health is sys/health: the state of the node as a status code.
func health(c echo.Context, r *core.Request, st core.Standing) error {
	req := c.Request()
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return core.Refuse(http.StatusMethodNotAllowed, "")
	}
	q := req.URL.Query()
	code := func(name string, otherwise int) (int, error) {
		text, given := q[name]
		if !given {
			return otherwise, nil
		}
		n, err := strconv.Atoi(text[0])
		if err != nil {
			return 0, core.Refuse(http.StatusBadRequest, "")
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
			return false, core.Refuse(http.StatusBadRequest, "")
		}
		return on, nil
	}
	rows := []struct {
		name string
		code int
		when bool
	}{
		{"uninitcode", 501, !st.Initialized}, {"removedcode", 530, st.Removed}, {"sealedcode", 503, st.Sealed}, {"haunhealthycode", 474, st.Unhealthy},
		{"drsecondarycode", 472, st.DR}, {"performancestandbycode", 473, st.Perf}, {"standbycode", 429, st.Standby}, {"activecode", 200, true},
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
	return r.Write(c, status, &core.Answer{Plain: healthBody(r.Server, st)})
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

func healthBody(s *core.Server, st core.Standing) healthOf {
	b := healthOf{Initialized: st.Initialized, Sealed: st.Sealed, Standby: st.Standby || st.Sealed || !st.Initialized, PerfStandby: st.Perf,
		ReplicationPerf: "disabled", ReplicationDR: "disabled", ServerTime: s.Clock.Now().Unix(), Version: s.Flavour.Version}
	if st.Perf {
		b.Standby = true
	}
	if st.Sealed || !st.Initialized {
		b.Sealed, b.ReplicationPerf, b.ReplicationDR = true, "unknown", "unknown"
	} else {
		b.ClusterName, b.ClusterID = s.Settings.ClusterName, s.DerivedID("cluster")
	}
	if s.Flavour.MountType {
		b.enterprise, b.newerHealth = &enterprise{}, &newerHealth{Removed: st.Removed}
		if st.Unhealthy {
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

func sealBody(s *core.Server, n core.Node) sealOf {
	b := sealOf{Type: "shamir", Initialized: n.Initialized, Sealed: n.Sealed || !n.Initialized, T: 1, N: max(1, len(s.Settings.UnsealKeys)),
		Version: s.Flavour.Version, BuildDate: s.Flavour.Built.Format(time.RFC3339), Storage: "inmem"}
	if s.Flavour.Bao {
		b.BuildDate = "" // unless it was built by the project
	}
	if !b.Sealed {
		b.ClusterName, b.ClusterID = s.Settings.ClusterName, s.DerivedID("cluster")
	}
	return b
}

func sealStatus(c echo.Context, r *core.Request, st core.Standing) error {
	if c.Request().Method != http.MethodGet {
		return core.Refuse(http.StatusMethodNotAllowed, "")
	}
	return r.Write(c, http.StatusOK, &core.Answer{Plain: sealBody(r.Server, st.Node)})
}

// initialise is sys/init: what it says, and how a server that was seeded without
// is initialised.
func initialise(c echo.Context, r *core.Request, st core.Standing) error {
	switch c.Request().Method {
	case http.MethodGet:
		return r.Write(c, http.StatusOK, &core.Answer{Plain: struct {
			Initialized bool `json:"initialized"`
		}{st.Initialized}})
	case http.MethodPut, http.MethodPost:
	default:
		return core.Refuse(http.StatusMethodNotAllowed, "")
	}
	if st.Initialized {
		return core.BadRequest("Vault is already initialized")
	}
	err := r.Node.Change(r.Ctx, "self", func(n *core.Node, _ bool) error {
		if n.Initialized {
			return core.BadRequest("Vault is already initialized")
		}
		n.Initialized, n.Sealed = true, true
		return nil
	})
	if err != nil {
		return err
	}
	keys, b64 := []string{}, []string{}
	for _, k := range r.Settings.UnsealKeys {
		raw, _ := core.UnsealKey(k)
		keys, b64 = append(keys, hex.EncodeToString(raw)), append(b64, base64.StdEncoding.EncodeToString(raw))
	}
	return r.Write(c, http.StatusOK, &core.Answer{Plain: struct {
		Keys  []string `json:"keys"`
		B64   []string `json:"keys_base64"`
		Token string   `json:"root_token"`
	}{keys, b64, r.Settings.Token}})
}

func leader(c echo.Context, r *core.Request, st core.Standing) error {
	if c.Request().Method != http.MethodGet {
		return core.Refuse(http.StatusMethodNotAllowed, "")
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
	}{Since: core.FormatTime(time.Time{})}
	if !r.Flavour.Bao {
		body.enterprise = &enterprise{Perf: st.Perf}
	}
	return r.Write(c, http.StatusOK, &core.Answer{Plain: body})
}

// unseal is sys/unseal: one of the seeded keys opens the node.
func unseal(c echo.Context, r *core.Request, st core.Standing) error {
	if m := c.Request().Method; m != http.MethodPut && m != http.MethodPost {
		return core.Refuse(http.StatusMethodNotAllowed, "")
	}
	raw, err := r.Parameters(c.Request())
	if err != nil {
		return err
	}
	f := core.Fields(raw)
	reset, err := f.Bool("reset", false)
	if err != nil {
		return err
	}
	if !reset {
		key, valid := core.UnsealKey(f.Text("key"))
		switch {
		case f.Text("key") == "":
			return core.BadRequest("'key' must be specified in request body as JSON, or 'reset' set to true")
		case !valid:
			return core.BadRequest("'key' must be a valid hex or base64 string")
		case len(key) < 16:
			return core.BadRequest("invalid key: key is shorter than minimum 16 bytes")
		}
		fits := false
		for _, k := range r.Settings.UnsealKeys {
			raw, _ := core.UnsealKey(k)
			fits = fits || string(raw) == string(key)
		}
		if !fits && st.Sealed {
			return core.Refuse(http.StatusBadRequest, "Unseal failed, invalid key").Because("no seeded unseal key is like that")
		}
		if fits {
			if err := r.Node.Change(r.Ctx, "self", func(n *core.Node, _ bool) error { n.Sealed = false; return nil }); err != nil {
				return err
			}
			st.Node.Sealed = false
		}
	}
	return r.Write(c, http.StatusOK, &core.Answer{Plain: sealBody(r.Server, st.Node)})
}
