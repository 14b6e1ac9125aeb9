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

// Server is one Vault server.
type Server struct {
	dialect.Env
	Settings  settings.Settings
	Flavour   flavour
	Engines   map[string]*Engine
	Base      *Mounts // as seeded
	Started   time.Time
	NodePaths map[string]NodeHandler
	seeded    map[string]settings.SeededToken // by the token

	mountTable *state.Collection[Mounts]     // one record, mountsKey
	GroupTable *state.Collection[GroupTable] // one record, groupsKey
	groupsKept atomic.Pointer[state.Held[GroupTable]]
	mountsKept atomic.Pointer[state.Held[Mounts]]
	tokens     *signin.Sessions[tokenData]
	selfKept   atomic.Pointer[state.Held[Node]]
	known      state.Hot[knownToken] // by the token
	Described  api.Table
	ids        ids.Requests
	acls       aclCache
	aclsMu     sync.RWMutex

	Policies *state.Collection[string] // by name

	Leases   *state.Collection[Lease]
	wraps    *state.Collection[wrapped]
	Entities *state.Collection[Entity]
	Aliases  *state.Collection[string] // accessor/name → entity
	Named    *state.Claims             // entity name → entity

	Configs *state.Collection[map[string]any] // of mounts, by UUID

	roles       *state.Collection[tokenRole]
	Locks       *state.Collection[lock]
	Node        *state.Collection[Node]
	issuedSeeds *state.Collection[bool] // seeded tokens that were issued, by their hash

	Unplayed []Unplayed // parameters that are not read

	OfMounts []dropper // of records that belong to a mount, whose keys start with its UUID
}

// dropper is a collection of any type.
type dropper interface {
	Drop(ctx context.Context, prefix string) error
}

// collections declares the kinds of records.
func (s *Server) collections() {
	s.Policies = state.Of[string](s.Store, "policy")
	s.Leases = state.Of[Lease](s.Store, "lease")
	s.wraps = state.Of[wrapped](s.Store, "wrap")
	s.Entities = state.Of[Entity](s.Store, "entity")
	s.Aliases = state.Of[string](s.Store, "alias")
	s.Named = state.NewClaims(s.Store, "entityname", s.Clock, s.HasEntityName)
	s.Configs = state.Of[map[string]any](s.Store, "config")
	s.roles = state.Of[tokenRole](s.Store, "tokenrole")
	s.Locks = state.Of[lock](s.Store, "lock")
	s.Node = state.Of[Node](s.Store, "node")
	s.issuedSeeds = state.Of[bool](s.Store, "issued")
	s.mountTable = state.Of[Mounts](s.Store, "mounts")
	s.GroupTable = state.Of[GroupTable](s.Store, "identitygroups")
	s.tokens = signin.NewSessions(s.Logins, signin.Kind[tokenData]{Realm: "vault:" + s.Name, By: parentOf})
	s.OfMounts = []dropper{s.Configs}
}

// NewServer is a server of one flavour whose engines are still to be put into its table.
func NewServer(env dialect.Env, in settings.Settings) *Server {
	s := &Server{Env: env, Settings: in, Flavour: Flavours[in.Flavour], Started: env.Started, seeded: map[string]settings.SeededToken{}, Base: &Mounts{}, NodePaths: map[string]NodeHandler{}}
	s.ids.Start(env.World.Derive("vault", env.Name, "requests"))
	s.collections()
	return s
}
