package vault

import (
	"net/http"
	"slices"
	"strings"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/vault/internal/api"
)

// enterprisePaths are paths, below sys/, that the community edition has and answers with
// "enterprise-only feature".
var enterprisePaths = []string{"config/control-group", "config/group-policy-application", "control-group/", "license/", "managed-keys/", "mfa/method", "namespaces",
	"plugins/reload/backend/status", "policies/egp", "policies/rgp", "quotas/lease-count", "replication/", "reporting/", "sealwrap/", "storage/raft/snapshot-auto"}

// isEnterprise reports a path of the enterprise edition.
func isEnterprise(engine, template string) bool {
	return engine == "sys" && slices.ContainsFunc(enterprisePaths, func(p string) bool { return strings.HasPrefix(template, p) })
}

// enterpriseFeature is what calls of the enterprise edition's paths are marked with.
const enterpriseFeature = "Vault Enterprise"

// knownPath is the path of the table that the request is for, of those that are not
// played; nil when a real server has none either.
func (r *request) knownPath() *api.Path {
	if r.mount == nil || r.flavour.old || r.op != opList && strings.HasSuffix(r.rest, "/") {
		return nil
	}
	e := r.engines[r.mount.engine()]
	var found *api.Path
	paths := r.described.Engine(e.at)
	for i := range paths {
		p := &paths[i]
		isList := strings.HasSuffix(p.Template, "/")
		if !p.Fits(r.rest) || isList != (r.op == opList) {
			continue
		}
		if slices.ContainsFunc(e.paths, func(x *pathSpec) bool { return p.Same(x.shape()) }) {
			continue // and then the path's own pattern has said no
		}
		if r.flavour.bao && isEnterprise(e.at, p.Template) {
			continue
		}
		if found == nil || literals(p.Template) > literals(found.Template) {
			found = p
		}
	}
	return found
}

// literals is how many parts of a template are no parameters.
func literals(template string) int {
	return strings.Count(template, "/") - strings.Count(template, "{")
}

// has reports that the path has the operation.
func has(p *api.Path, op operation) bool {
	letter := map[operation]string{opRead: "R", opList: "L", opWrite: "W", opPatch: "P", opDelete: "D"}[op]
	return letter != "" && strings.Contains(p.Ops, letter)
}

// notPlayed answers for a path that a real server has and this one does not play: as
// it would to a caller who does not have the right, or the edition.
func (r *request) notPlayed(p *api.Path) error {
	engine := r.engines[r.mount.engine()].at
	switch {
	case r.op == opHelp:
		return forbidden()
	case !has(p, r.op):
		return unsupported()
	case isEnterprise(engine, p.Template):
		r.call.NotPlayed(enterpriseFeature)
		refused := refuse(http.StatusNotFound, "enterprise-only feature")
		return refused.because("%s/%s is of the enterprise edition", engine, p.Template)
	}
	feature := r.featureOf(engine, p.Template)
	r.call.NotPlayed(feature)
	return forbidden().because("%s is not played here", feature)
}

// featureOf is what a path is part of: all that starts alike, unless some of that is
// played.
func (s *Server) featureOf(engine, template string) string {
	first, _, _ := strings.Cut(template, "/")
	for _, e := range s.engines {
		if e.at == engine && slices.ContainsFunc(e.paths, func(p *pathSpec) bool { return p.parts[0] == first }) {
			return engine + "/" + strings.TrimSuffix(template, "/")
		}
	}
	return engine + "/" + first
}

// Scope is what is played of Vault 1.21, and what that has besides.
func Scope() dialect.Scope {
	s := &Server{flavour: flavours["vault-1.21"]}
	s.engines = engines(s)
	var out dialect.Scope
	unplayed := map[string]bool{enterpriseFeature: true}
	for name, e := range s.engines {
		played := e.paths
		if e.fallback != nil {
			played = append(slices.Clone(played), e.fallback)
		}
		for _, p := range played {
			for op := range p.ops {
				out.Plays = append(out.Plays, p.names[op])
			}
		}
		for _, path := range s.described.Engine(e.at) {
			if !slices.ContainsFunc(played, func(p *pathSpec) bool { return path.Same(p.shape()) }) && !isEnterprise(e.at, path.Template) && name != "kv" {
				unplayed[s.featureOf(e.at, path.Template)] = true
			}
		}
	}
	for i := range unplayedParameters {
		if f := unplayedParameters[i].feature; f != "" {
			unplayed[f] = true
		}
	}
	for _, kind := range unplayedEngines() {
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
