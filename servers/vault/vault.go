// Package vault is the HTTP API of HashiCorp Vault and of OpenBao: mounts,
// policies, tokens, leases, wrapping, and the engines that plugins ask. Everything
// lies behind one wide route, because paths are data; an operation's name is
// made of the engine and the path's name: kv.read, userpass.login.write.
//
// Contract: contracts/hashicorp-vault.md. What a real server has besides what is
// played follows from a table of its paths and parameters (internal/api); Scope names
// it. Left out on purpose: namespaces and everything else of the enterprise edition,
// external plugins, raft, the OIDC provider, and MFA of logins. Audit devices are
// records: the journal writes everything down.
package vault

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/vault/internal/api"
	"counterpart/servers/vault/internal/keyring"
)

// Server is one Vault server.
type Server struct {
	dialect.Env
	settings  Settings
	flavour   flavour
	engines   map[string]*engine
	base      *mounts // as seeded
	started   time.Time
	nodePaths map[string]nodeHandler
	seeded    map[string]SeededToken // by the token

	mountTable *state.Collection[mounts]     // one record, mountsKey
	groupTable *state.Collection[groupTable] // one record, groupsKey
	groupsKept atomic.Pointer[state.Held[groupTable]]
	mountsKept atomic.Pointer[state.Held[mounts]]
	tokens     *signin.Sessions[tokenData]
	selfKept   atomic.Pointer[state.Held[node]]
	known      state.Hot[knownToken] // by the token
	described  api.Table
	ids        ids.Requests
	acls       aclCache
	aclsMu     sync.RWMutex

	policies    *state.Collection[string] // by name
	kv1         *state.Collection[kvData]
	kv2         *state.Collection[kvSecret]
	kv2conf     *state.Collection[kvConfig]
	leases      *state.Collection[lease]
	wraps       *state.Collection[wrapped]
	entities    *state.Collection[entity]
	aliases     *state.Collection[string] // accessor/name → entity
	named       *state.Claims             // entity name → entity
	users       *state.Collection[authUser]
	groups      *state.Collection[authGroup]
	configs     *state.Collection[map[string]any] // of mounts, by UUID
	approles    *state.Collection[appRole]
	roleIDs     *state.Claims               // role ID → role name
	secretNames *state.Collection[string]   // accessor of a secret ID → its record
	secrets     *state.Collection[secretID] // secret IDs
	roles       *state.Collection[tokenRole]
	locks       *state.Collection[lock]
	node        *state.Collection[node]
	issuedSeeds *state.Collection[bool] // seeded tokens that were issued, by their hash
	moves       *state.Collection[move] // of mounts, by migration ID

	libraries   *state.Collection[library]    // of ldap and ad
	slots       *state.Collection[slot]       // their accounts
	managed     *state.Claims                 // account → the set it is in
	statics     *state.Collection[staticRole] // of ldap, ad and database
	dynamics    *state.Collection[dynamicRole]
	sshRoles    *state.Collection[sshRole]
	sshOTPs     *state.Collection[sshOTP]
	sshCAs      *state.Collection[sshCA]
	totps       *state.Collection[totpKey]
	totpUsed    *state.Collection[int64]
	transits    *state.Collection[keyring.Key]
	transitConf *state.Collection[transitConfig]
	audits      *state.Collection[auditDevice] // by their path
	barriers    *state.Collection[barrier]
	passwords   *state.Collection[string]       // password policies
	roots       *state.Collection[rootRotation] // of mounts of ldap and ad

	ofMounts []dropper // of records that belong to a mount, whose keys start with its UUID
}

// dropper is a collection of any type.
type dropper interface {
	Drop(ctx context.Context, prefix string) error
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	s := &Server{Env: env, started: env.Started, seeded: map[string]SeededToken{}, settings: Settings{Listen: ":8200",
		Flavour: "vault-1.21", ClusterName: "counterpart", Initialized: true, Standby: "none", Token: "root", StaleLease: true,
		Lockout: Lockout{Threshold: 5, Duration: 15 * time.Minute, Window: 15 * time.Minute}}}
	if err := env.Decode(&s.settings); err != nil {
		return nil, err
	}
	s.flavour = flavours[s.settings.Flavour]
	s.ids.Start(env.World.Derive("vault", env.Name, "requests"))
	s.collections()
	s.engines, s.nodePaths = engines(s), newNodeRoutes(s)
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("vault %s: %w", env.Name, err)
	}
	return s, nil
}

// collections declares the kinds of records.
func (s *Server) collections() {
	s.policies = state.Of[string](s.Store, "policy")
	s.kv1 = state.Of[kvData](s.Store, "kv")
	s.kv2 = state.Of[kvSecret](s.Store, "kv2")
	s.kv2conf = state.Of[kvConfig](s.Store, "kv2config")
	s.leases = state.Of[lease](s.Store, "lease")
	s.wraps = state.Of[wrapped](s.Store, "wrap")
	s.entities = state.Of[entity](s.Store, "entity")
	s.aliases = state.Of[string](s.Store, "alias")
	s.named = state.NewClaims(s.Store, "entityname", s.Clock, s.hasEntityName)
	s.users = state.Of[authUser](s.Store, "user")
	s.groups = state.Of[authGroup](s.Store, "group")
	s.configs = state.Of[map[string]any](s.Store, "config")
	s.approles = state.Of[appRole](s.Store, "approle")
	s.roleIDs = state.NewClaims(s.Store, "roleid", s.Clock, s.hasRoleID)
	s.secretNames = state.Of[string](s.Store, "secretname")
	s.secrets = state.Of[secretID](s.Store, "secretid")
	s.roles = state.Of[tokenRole](s.Store, "tokenrole")
	s.locks = state.Of[lock](s.Store, "lock")
	s.node = state.Of[node](s.Store, "node")
	s.issuedSeeds = state.Of[bool](s.Store, "issued")
	s.moves = state.Of[move](s.Store, "move")
	s.libraries = state.Of[library](s.Store, "library")
	s.slots = state.Of[slot](s.Store, "slot")
	s.managed = state.NewClaims(s.Store, "managed", s.Clock, s.hasAccount)
	s.statics = state.Of[staticRole](s.Store, "static")
	s.dynamics = state.Of[dynamicRole](s.Store, "dynamic")
	s.sshRoles = state.Of[sshRole](s.Store, "sshrole")
	s.sshOTPs = state.Of[sshOTP](s.Store, "sshotp")
	s.sshCAs = state.Of[sshCA](s.Store, "sshca")
	s.totps = state.Of[totpKey](s.Store, "totp")
	s.totpUsed = state.Of[int64](s.Store, "totpused")
	s.transits = state.Of[keyring.Key](s.Store, "transit")
	s.transitConf = state.Of[transitConfig](s.Store, "transitconfig")
	s.audits = state.Of[auditDevice](s.Store, "audit")
	s.barriers = state.Of[barrier](s.Store, "barrier")
	s.passwords = state.Of[string](s.Store, "passwordpolicy")
	s.roots = state.Of[rootRotation](s.Store, "root")
	s.mountTable = state.Of[mounts](s.Store, "mounts")
	s.groupTable = state.Of[groupTable](s.Store, "identitygroups")
	s.tokens = signin.NewSessions(s.Logins, signin.Kind[tokenData]{Realm: "vault:" + s.Name, By: parentOf})
	s.ofMounts = []dropper{s.kv1, s.kv2, s.kv2conf, s.users, s.groups, s.configs, s.approles, s.roleIDs, s.secretNames, s.secrets, s.libraries, s.slots,
		s.managed, s.statics, s.dynamics, s.sshRoles, s.sshOTPs, s.sshCAs, s.totps, s.totpUsed, s.transits, s.transitConf, s.roots}
}

// engines is the table of everything that can be mounted.
func engines(s *Server) map[string]*engine {
	all := map[string]*engine{
		"system": systemEngine(), "identity": identityEngine(), "cubbyhole": cubbyholeEngine(),
		"kv": kv1Engine(), "kv2": kv2Engine(s.flavour.bao),
		"auth/token": tokenEngine(s.flavour.bao || s.flavour.old), "auth/userpass": userpassEngine(), "auth/ldap": ldapAuthEngine(),
		"auth/approle": approleEngine(), "auth/cert": certEngine(),
		"ldap": directoryEngine("ldap", s.flavour.bao), "ad": directoryEngine("ad", false), "database": databaseEngine(),
		"ssh": sshEngine(), "totp": totpEngine(), "transit": transitEngine(),
	}
	if s.flavour.bao {
		delete(all, "ad") // taken out before its first release
	}
	described := map[string]string{"system": "sys", "kv": "kv1", "kv2": "secret"}
	for name, e := range all {
		e.at = cmp.Or(described[name], name)
	}
	return all
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
		routes = append(routes, dialect.Route{Method: method, Path: "/v1/*", Do: s.serve})
	}
	cert := dialect.NoCert
	if s.settings.ClientCert {
		cert = dialect.WantCert
	}
	scheme := "http"
	if s.settings.TLS {
		scheme = "https"
	}
	return []dialect.Port{{
		Name: "http", Listen: s.settings.Listen, TLS: s.settings.TLS, Cert: cert,
		Limits: dialect.Limits{Body: maxBody},
		Try:    s.try(scheme),
		HTTP:   &dialect.HTTP{Routes: routes, NotFound: s.serve, Error: s.sent},
	}}
}

// try reads a seeded secret with the root token.
func (s *Server) try(scheme string) string {
	command := "curl"
	if s.settings.TLS {
		command += " -k"
	}
	path := "sys/health"
	for _, m := range s.settings.Mounts {
		if m.Type == "kv" && len(m.Secrets) > 0 {
			path = strings.Trim(m.Path, "/") + "/"
			if m.Version == 2 {
				path += "data/"
			}
			path += m.Secrets[0].Path
			break
		}
	}
	return command + " -H 'X-Vault-Token: " + strings.ReplaceAll(s.settings.Token, "'", `'\''`) + "' " + scheme + "://{addr}/v1/" + path
}
