// Package core is what all engines of a vault share: a request and its answer, how a
// request finds the path that answers it and whether its token may, mounts, tokens, policies,
// leases, wrapping, the entities and groups that policies come from, and the words of errors.
// It knows no engine: an Engine is a table of paths, and functions that the core calls when
// a lease or a token of the engine changes.
package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/vault/internal/api"
	"counterpart/servers/vault/internal/settings"
)

// Server is what all engines of one Vault server share: mounts, tokens, policies, leases
// and the identities that policies come from. What one engine keeps is its own.
type Server struct {
	dialect.Env
	Settings  settings.Settings
	Flavour   Flavour
	Started   time.Time                       // of the fleet
	Engines   map[string]*Engine              // all that can be mounted
	EngineKey func(*Mount) string             // the key of a mount's engine in Engines
	NodePaths map[string]NodeHandler          // by the path behind /v1/
	Described api.Table                       // paths and parameters of a real server
	Unplayed  []Unplayed                      // parameters that are not read
	Base      *Mounts                         // as seeded
	OfMounts  []Dropper                       // of records that belong to a mount, whose keys start with its UUID
	seeded    map[string]settings.SeededToken // by the token

	Policies      *state.Collection[string]         // text by name
	Leases        *state.Collection[Lease]          // by ID
	leasesOf      *state.Index[Lease]               // by the accessor of their token
	Entities      *state.Collection[Entity]         // by ID
	EntityByAlias *state.Index[Entity]              // by the ID of an alias
	Aliases       *state.Collection[string]         // accessor/name → entity
	Named         *state.Claims                     // entity name → entity
	GroupTable    *state.Collection[GroupTable]     // one record, GroupsKey
	Configs       *state.Collection[map[string]any] // of mounts, by UUID
	Locks         *state.Collection[Lock]           // accessor/name
	Node          *state.Collection[Node]           // one record, "self"

	mountTable  *state.Collection[Mounts] // one record, mountsKey
	wraps       *state.Collection[wrapped]
	roles       *state.Collection[tokenRole]
	issuedSeeds *state.Collection[bool] // seeded tokens that were issued, by their hash
	tokens      *signin.Sessions[tokenData]

	// What requests ask for most, kept while the store says that it is unchanged.
	groupsKept atomic.Pointer[state.Held[GroupTable]]
	mountsKept atomic.Pointer[state.Held[Mounts]]
	selfKept   atomic.Pointer[state.Held[Node]]
	known      state.Hot[knownToken] // by the token
	acls       aclCache
	aclsMu     sync.RWMutex
	ids        ids.Requests
}

// Dropper is a collection of any type.
type Dropper interface {
	Drop(ctx context.Context, prefix string) error
}

// collections declares the kinds of records.
func (s *Server) collections() {
	s.Policies = state.Of[string](s.Store, "policy")
	s.Leases = state.Of[Lease](s.Store, "lease")
	s.leasesOf = s.Leases.By(s.Store, "token", nil, func(l *Lease) []string {
		if l.Login { // its life is the token's own
			return nil
		}
		return []string{l.Token}
	})
	s.wraps = state.Of[wrapped](s.Store, "wrap")
	s.Entities = state.Of[Entity](s.Store, "entity")
	s.EntityByAlias = s.Entities.By(s.Store, "alias", nil, func(e *Entity) (ids []string) {
		for _, a := range e.Aliases {
			ids = append(ids, a.ID)
		}
		return ids
	})
	s.Aliases = state.Of[string](s.Store, "alias")
	s.Named = state.NewClaims(s.Store, "entityname", s.Clock, s.HasEntityName)
	s.Configs = state.Of[map[string]any](s.Store, "config")
	s.roles = state.Of[tokenRole](s.Store, "tokenrole")
	s.Locks = state.Of[Lock](s.Store, "lock")
	s.Node = state.Of[Node](s.Store, "node")
	s.issuedSeeds = state.Of[bool](s.Store, "issued")
	s.mountTable = state.Of[Mounts](s.Store, "mounts")
	s.GroupTable = state.Of[GroupTable](s.Store, "identitygroups")
	s.tokens = signin.NewSessions(s.Logins, signin.Kind[tokenData]{Realm: "vault:" + s.Name, By: parentOf})
	s.OfMounts = []Dropper{s.Configs}
}

// NewServer is a server of one flavour whose engines are still to be put into its table.
func NewServer(env dialect.Env, in settings.Settings) *Server {
	s := &Server{Env: env, Settings: in, Flavour: Flavours[in.Flavour], Started: env.Started, seeded: map[string]settings.SeededToken{}, Base: &Mounts{}, NodePaths: map[string]NodeHandler{}}
	s.ids.Start(env.World.Derive("vault", env.Name, "requests"))
	s.collections()
	return s
}
