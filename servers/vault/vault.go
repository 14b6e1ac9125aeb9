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
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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

	mountCache state.Cache[mounts]
	groupCache state.Cache[groupTable]
	groupsKept atomic.Pointer[state.Held[groupTable]]
	mountsKept atomic.Pointer[state.Held[mounts]]
	self       pin[node]
	known      state.Hot[knownToken] // by the token
	described  api.Table
	ids        ids.Requests
	acls       aclCache
	aclsMu     sync.RWMutex

	policies    *shelf[string] // by name
	kv1         *shelf[kvData]
	kv2         *shelf[kvSecret]
	kv2conf     *shelf[kvConfig]
	leases      *shelf[lease]
	wraps       *shelf[wrapped]
	entities    *shelf[entity]
	aliases     *shelf[string] // accessor/name → entity
	named       claims         // entity name → entity
	users       *shelf[authUser]
	groups      *shelf[authGroup]
	configs     *shelf[map[string]any] // of mounts, by UUID
	approles    *shelf[appRole]
	roleIDs     claims           // role ID → role name
	secretNames *shelf[string]   // accessor of a secret ID → its record
	secrets     *shelf[secretID] // secret IDs
	roles       *shelf[tokenRole]
	locks       *shelf[lock]
	node        *shelf[node]
	issuedSeeds *shelf[bool] // seeded tokens that were issued, by their hash
	moves       *shelf[move] // of mounts, by migration ID

	libraries   *shelf[library]    // of ldap and ad
	slots       *shelf[slot]       // their accounts
	managed     claims             // account → the set it is in
	statics     *shelf[staticRole] // of ldap, ad and database
	dynamics    *shelf[dynamicRole]
	sshRoles    *shelf[sshRole]
	sshOTPs     *shelf[sshOTP]
	sshCAs      *shelf[sshCA]
	totps       *shelf[totpKey]
	totpUsed    *shelf[int64]
	transits    *shelf[keyring.Key]
	transitConf *shelf[transitConfig]
	audits      *shelf[auditDevice] // by their path
	barriers    *shelf[barrier]
	passwords   *shelf[string]       // password policies
	roots       *shelf[rootRotation] // of mounts of ldap and ad

	ofMounts []string // where the keys of records that belong to a mount start, before its UUID
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	s := &Server{Env: env, started: env.Clock.Now(), seeded: map[string]SeededToken{}, settings: Settings{Listen: ":8200",
		Flavour: "vault-1.21", ClusterName: "counterpart", Initialized: true, Standby: "none", Token: "root", StaleLease: true,
		Lockout: Lockout{Threshold: 5, Duration: 15 * time.Minute, Window: 15 * time.Minute}}}
	if err := env.Decode(&s.settings); err != nil {
		return nil, err
	}
	s.flavour = flavours[s.settings.Flavour]
	s.ids.Start(env.World.Derive("vault", env.Name, "requests"))
	s.shelves()
	s.engines, s.nodePaths = engines(s), newNodeRoutes(s)
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("vault %s: %w", env.Name, err)
	}
	return s, nil
}

// shelves makes the kinds of records.
func (s *Server) shelves() {
	s.policies = newShelf[string](s.Store, "policy")
	s.kv1 = newShelf[kvData](s.Store, "kv")
	s.kv2 = newShelf[kvSecret](s.Store, "kv2")
	s.kv2conf = newShelf[kvConfig](s.Store, "kv2config")
	s.leases = newShelf[lease](s.Store, "lease")
	s.wraps = newShelf[wrapped](s.Store, "wrap")
	s.entities = newShelf[entity](s.Store, "entity")
	s.aliases = newShelf[string](s.Store, "alias")
	s.named = claims{newShelf[claim](s.Store, "entityname"), hasEntityName}
	s.users = newShelf[authUser](s.Store, "user")
	s.groups = newShelf[authGroup](s.Store, "group")
	s.configs = newShelf[map[string]any](s.Store, "config")
	s.approles = newShelf[appRole](s.Store, "approle")
	s.roleIDs = claims{newShelf[claim](s.Store, "roleid"), hasRoleID}
	s.secretNames = newShelf[string](s.Store, "secretname")
	s.secrets = newShelf[secretID](s.Store, "secretid")
	s.roles = newShelf[tokenRole](s.Store, "tokenrole")
	s.locks = newShelf[lock](s.Store, "lock")
	s.node = newShelf[node](s.Store, "node")
	s.issuedSeeds = newShelf[bool](s.Store, "issued")
	s.moves = newShelf[move](s.Store, "move")
	s.libraries = newShelf[library](s.Store, "library")
	s.slots = newShelf[slot](s.Store, "slot")
	s.managed = claims{newShelf[claim](s.Store, "managed"), hasAccount}
	s.statics = newShelf[staticRole](s.Store, "static")
	s.dynamics = newShelf[dynamicRole](s.Store, "dynamic")
	s.sshRoles = newShelf[sshRole](s.Store, "sshrole")
	s.sshOTPs = newShelf[sshOTP](s.Store, "sshotp")
	s.sshCAs = newShelf[sshCA](s.Store, "sshca")
	s.totps = newShelf[totpKey](s.Store, "totp")
	s.totpUsed = newShelf[int64](s.Store, "totpused")
	s.transits = newShelf[keyring.Key](s.Store, "transit")
	s.transitConf = newShelf[transitConfig](s.Store, "transitconfig")
	s.audits = newShelf[auditDevice](s.Store, "audit")
	s.barriers = newShelf[barrier](s.Store, "barrier")
	s.passwords = newShelf[string](s.Store, "passwordpolicy")
	s.roots = newShelf[rootRotation](s.Store, "root")
	s.ofMounts = []string{s.kv1.prefix, s.kv2.prefix, s.kv2conf.prefix, s.users.prefix, s.groups.prefix, s.configs.prefix, s.approles.prefix,
		s.roleIDs.prefix, s.secretNames.prefix, s.secrets.prefix, s.libraries.prefix, s.slots.prefix, s.managed.prefix, s.statics.prefix,
		s.dynamics.prefix, s.sshRoles.prefix, s.sshOTPs.prefix, s.sshCAs.prefix, s.totps.prefix, s.totpUsed.prefix, s.transits.prefix, s.transitConf.prefix, s.roots.prefix}
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
