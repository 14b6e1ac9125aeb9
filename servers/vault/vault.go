// Package vault is the HTTP API of HashiCorp Vault and of OpenBao: mounts,
// policies, tokens, leases, wrapping, and the engines that plugins ask. Everything
// lies behind one wide route, because paths are data; an operation's name is
// made of the engine and the path's name: kv.read, userpass.login.write.
//
// This package puts a server together from its rooms: internal/core is what all engines
// share and knows none of them, each engine is a package that imports the core, and here
// are the table of engines, what the seed brings, and what is played of a real server.
//
// Contract: contracts/hashicorp-vault.md. What a real server has besides what is
// played follows from a table of its paths and parameters (internal/api); Scope names
// it. Left out on purpose: namespaces and everything else of the enterprise edition,
// external plugins, raft, the OIDC provider, and MFA of logins. Audit devices are
// records: the journal writes everything down.
package vault

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/vault/internal/auth"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/database"
	"counterpart/servers/vault/internal/directory"
	"counterpart/servers/vault/internal/identity"
	"counterpart/servers/vault/internal/kv"
	"counterpart/servers/vault/internal/rotation"
	"counterpart/servers/vault/internal/settings"
	"counterpart/servers/vault/internal/ssh"
	"counterpart/servers/vault/internal/system"
	"counterpart/servers/vault/internal/totp"
	"counterpart/servers/vault/internal/transit"
)

// Settings is a vault's block of the seed.
type Settings = settings.Settings

// Server is one Vault server: the core, and what its engines keep.
type Server struct {
	*core.Server
	kv        *kv.Backend
	ssh       *ssh.Backend
	totp      *totp.Backend
	transit   *transit.Backend
	auth      *auth.Backend
	rotation  *rotation.Backend
	directory *directory.Backend
	database  *database.Backend
	system    *system.Backend
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	in := Settings{Listen: ":8200", Flavour: "vault-1.21", ClusterName: "counterpart", Initialized: true, Standby: "none", Token: "root", StaleLease: true,
		Lockout: settings.Lockout{Threshold: 5, Duration: 15 * time.Minute, Window: 15 * time.Minute}}
	if err := env.Decode(&in); err != nil {
		return nil, err
	}
	s := &Server{Server: core.NewServer(env, in)}
	s.kv, s.ssh, s.totp, s.transit = kv.New(s.Server), ssh.New(s.Server), totp.New(s.Server), transit.New(s.Server)
	s.auth, s.system, s.rotation = auth.New(s.Server), system.New(s.Server), rotation.New(s.Server)
	s.directory, s.database = directory.New(s.Server, s.rotation), database.New(s.Server, s.rotation)
	s.Engines, s.EngineKey, s.Unplayed = engines(s), engineKey, unplayedParameters
	system.NodeRoutes(s.Server)
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("vault %s: %w", env.Name, err)
	}
	return s, nil
}

// engines is the table of everything that can be mounted.
func engines(s *Server) map[string]*core.Engine {
	all := map[string]*core.Engine{
		"system": s.system.Engine(), "identity": identity.Engine(), "cubbyhole": s.kv.Cubbyhole(),
		"kv": s.kv.V1(), "kv2": s.kv.V2(s.Flavour.Bao),
		"auth/token": core.TokenEngine(s.Flavour.Bao || s.Flavour.Old), "auth/userpass": s.auth.Userpass(), "auth/ldap": s.auth.LDAP(),
		"auth/approle": s.auth.AppRole(), "auth/cert": s.auth.Cert(),
		"ldap": s.directory.Engine("ldap", s.Flavour.Bao), "ad": s.directory.Engine("ad", false), "database": s.database.Engine(),
		"ssh": s.ssh.Engine(), "totp": s.totp.Engine(), "transit": s.transit.Engine(),
	}
	if s.Flavour.Bao {
		delete(all, "ad") // taken out before its first release
	}
	described := map[string]string{"system": "sys", "kv": "kv1", "kv2": "secret"}
	for name, e := range all {
		e.DescribedAt = cmp.Or(described[name], name)
	}
	return all
}

// engineKey is the key of a mount's engine in the table.
func engineKey(m *core.Mount) string {
	if m.IsAuth() {
		return "auth/" + m.Type
	}
	switch {
	case m.Type == "kv" && m.Options["version"] == "2":
		return "kv2"
	case m.Type == "openldap":
		return "ldap"
	}
	return m.Type
}

// Faults implements dialect.Server.
func (s *Server) Faults() []string {
	return []string{"sealed", "standby", "performance-standby", "dr-secondary", "uninitialized", "removed", "ha-unhealthy", "directory-down", "index-state", "rotation-fails"}
}

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	var routes []dialect.Route
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, "LIST", "HELP"} {
		routes = append(routes, dialect.Route{Method: method, Path: "/v1/*", Do: s.Serve})
	}
	cert := dialect.NoCert
	if s.Settings.ClientCert {
		cert = dialect.WantCert
	}
	scheme := "http"
	if s.Settings.TLS {
		scheme = "https"
	}
	return []dialect.Port{{
		Name: "http", Listen: s.Settings.Listen, TLS: s.Settings.TLS, Cert: cert,
		Limits: dialect.Limits{Body: core.MaxBody},
		Try:    s.try(scheme),
		HTTP:   &dialect.HTTP{Routes: routes, NotFound: s.Serve, Error: s.WriteError},
	}}
}

// try reads a seeded secret with the root token.
func (s *Server) try(scheme string) string {
	command := "curl"
	if s.Settings.TLS {
		command += " -k"
	}
	path := "sys/health"
	for _, m := range s.Settings.Mounts {
		if m.Type == "kv" && len(m.Secrets) > 0 {
			path = strings.Trim(m.Path, "/") + "/"
			if m.Version == 2 {
				path += "data/"
			}
			path += m.Secrets[0].Path
			break
		}
	}
	return command + " -H 'X-Vault-Token: " + strings.ReplaceAll(s.Settings.Token, "'", `'\''`) + "' " + scheme + "://{addr}/v1/" + path
}
