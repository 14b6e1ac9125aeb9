package system

import (
	"net/http"
	"slices"
	"strings"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/tools"
)

// Engine is everything at sys/ that needs an unsealed node.
func (b *Backend) Engine() *core.Engine {
	read := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpRead: h}
	}
	write := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpWrite: h}
	}
	paths := []*core.Path{
		{Pattern: "seal", Name: "seal", Sudo: true, Ops: write(seal)},
		{Pattern: "ha-status", Name: "ha-status", Ops: read(func(*core.Request) (*core.Answer, error) {
			return &core.Answer{Twin: true, Data: map[string]any{"nodes": []any{}}}, nil
		})},
		{Pattern: "version-history", Name: "version-history", Ops: map[core.Operation]core.Handler{core.OpList: versionHistory}},
		{Pattern: "license/status", Name: "license", Ops: read(core.VaultOnly(func(*core.Request) (*core.Answer, error) {
			return nil, core.Refuse(http.StatusNotFound, "enterprise-only feature")
		}))},
		{Pattern: "replication/status", Name: "replication", Public: true, Ops: read(core.VaultOnly(func(*core.Request) (*core.Answer, error) {
			return &core.Answer{MountType: new(string), Data: map[string]any{"mode": "disabled"}}, nil
		}))},
		{Pattern: "internal/ui/feature-flags", Name: "feature-flags", Public: true, Ops: read(core.VaultOnly(func(*core.Request) (*core.Answer, error) {
			return &core.Answer{Plain: map[string]any{"feature_flags": nil}}, nil
		}))},
		{Pattern: "internal/ui/resultant-acl", Name: "resultant-acl", Ops: read(resultantACL)},
		{Pattern: "internal/specs/openapi", Name: "openapi", Public: true, Ops: map[core.Operation]core.Handler{core.OpRead: core.OpenAPISpec, core.OpWrite: core.OpenAPISpec}},
		{Pattern: "internal/ui/mounts", Name: "preflight", Public: true, Ops: read(visibleMounts)},
		{Pattern: "internal/ui/mounts/*path", Name: "preflight", Public: true, Ops: read(preflight)},
		{Pattern: "tools/random", Name: "tools.random", Ops: write(tools.Random)},
		{Pattern: "tools/random/:n", Name: "tools.random", Ops: write(tools.Random)},
		{Pattern: "tools/random/:source/:n", Name: "tools.random", Ops: write(tools.Random)},
		{Pattern: "tools/hash", Name: "tools.hash", Ops: write(tools.Hash)},
		{Pattern: "tools/hash/:algorithm", Name: "tools.hash", Ops: write(tools.Hash)},
		{Pattern: "locked-users", Name: "locked-users", Ops: read(lockedUsers)},
		{Pattern: "locked-users/=accessor/unlock/*alias", Name: "locked-users", Ops: write(unlockUser)},
	}
	paths = append(paths, b.mountPaths()...)
	paths = append(paths, catalogPaths()...)
	paths = append(paths, b.auditPaths()...)
	paths = append(paths, b.keyringPaths()...)
	paths = append(paths, b.passwordPolicyPaths()...)
	paths = append(paths, policyPaths()...)
	paths = append(paths, core.LeasePaths()...)
	paths = append(paths, core.WrapPaths()...)
	return core.NewEngine("system", paths...)
}

func seal(r *core.Request) (*core.Answer, error) {
	return nil, r.Node.Change(r.Ctx, "self", func(n *core.Node, _ bool) error { n.Sealed = true; return nil })
}

func versionHistory(r *core.Request) (*core.Answer, error) {
	v, built := r.Flavour.Version, core.FormatTime(r.Flavour.Built)
	if r.Flavour.Bao {
		v, built = r.Release(), ""
	}
	return core.OK(map[string]any{"keys": []string{v}, "key_info": map[string]any{v: map[string]any{
		"build_date": built, "previous_version": nil, "timestamp_installed": core.FormatTime(r.Started)}}})
}

func resultantACL(r *core.Request) (*core.Answer, error) {
	acl, err := r.ACL(r.Token)
	if err != nil {
		return nil, err
	}
	exact, globs := acl.Paths()
	none := ""
	return &core.Answer{MountType: &none, Data: map[string]any{"chroot_namespace": "", "exact_paths": exact, "glob_paths": globs, "root": acl.Root()}}, nil
}

// lockedUsers counts the login names that wrong passwords have locked.
func lockedUsers(r *core.Request) (*core.Answer, error) {
	keys, err := r.Locks.Names(r.Ctx, "")
	if err != nil {
		return nil, err
	}
	type atMount struct {
		Accessor string   `json:"mount_accessor"`
		Counts   int      `json:"counts"`
		Aliases  []string `json:"alias_identifiers"`
	}
	byMount := []*atMount{}
	total := 0
	for _, key := range keys {
		l, err := r.Locks.Get(r.Ctx, key)
		if err != nil {
			return nil, err
		}
		if l == nil || !r.Clock.Now().Before(l.Until) {
			continue
		}
		accessor, alias, _ := strings.Cut(key, "/")
		i := slices.IndexFunc(byMount, func(m *atMount) bool { return m.Accessor == accessor })
		if i < 0 {
			byMount, i = append(byMount, &atMount{Accessor: accessor}), len(byMount)
		}
		byMount[i].Counts++
		byMount[i].Aliases = append(byMount[i].Aliases, alias)
		total++
	}
	spaces := []any{}
	if total > 0 || r.Flavour.Bao {
		spaces = append(spaces, struct {
			ID     string     `json:"namespace_id"`
			Path   string     `json:"namespace_path"`
			Counts int        `json:"counts"`
			Mounts []*atMount `json:"mount_accessors"`
		}{"root", "", total, byMount})
	}
	return &core.Answer{Data: map[string]any{"by_namespace": spaces, "total": total}}, nil
}

func unlockUser(r *core.Request) (*core.Answer, error) {
	_, err := r.Locks.Delete(r.Ctx, r.Vars["accessor"]+"/"+r.Vars["alias"])
	return nil, err
}
