package vault

import (
	"slices"
	"strings"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/vault/internal/catalog"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/database"
	"counterpart/servers/vault/internal/directory"
	"counterpart/servers/vault/internal/system"
)

// Scope is what is played of Vault 1.21, and what that has besides.
func Scope() dialect.Scope {
	// the table of engines alone: nothing is asked
	s := &Server{Server: &core.Server{Flavour: core.Flavours["vault-1.21"]}, directory: &directory.Backend{}, database: &database.Backend{}}
	s.Engines = engines(s)
	s.NodePaths = map[string]core.NodeHandler{}
	system.NodeRoutes(s.Server)
	var out dialect.Scope
	for path := range s.NodePaths {
		out.Plays = append(out.Plays, core.NodeOperation(path))
	}
	unplayed := map[string]bool{core.EnterpriseFeature: true}
	for name, e := range s.Engines {
		played := e.Paths
		if e.Fallback != nil {
			played = append(slices.Clone(played), e.Fallback)
		}
		for _, p := range played {
			for op := range p.Ops {
				out.Plays = append(out.Plays, p.OperationName(op))
			}
		}
		for _, path := range s.Described.Engine(e.DescribedAt) {
			if !slices.ContainsFunc(played, func(p *core.Path) bool { return path.Same(p.Shape()) }) && !core.IsEnterprise(e.DescribedAt, path.Template) && name != "kv" {
				unplayed[s.FeatureOf(e.DescribedAt, path.Template)] = true
			}
		}
	}
	for i := range unplayedParameters {
		if f := unplayedParameters[i].Feature; f != "" {
			unplayed[f] = true
		}
	}
	for _, kind := range catalog.Unplayed() {
		unplayed[kind] = true
	}
	slices.Sort(out.Plays)
	out.Plays = slices.Compact(out.Plays)
	for name := range unplayed {
		out.Unplayed = append(out.Unplayed, dialect.Feature{Name: name})
	}
	slices.SortFunc(out.Unplayed, func(a, b dialect.Feature) int { return strings.Compare(a.Name, b.Name) })
	return out
}
