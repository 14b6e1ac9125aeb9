package core

import (
	"net/http"
	"slices"
	"strings"

	"counterpart/servers/vault/internal/api"
)

// enterprisePaths are paths, below sys/, that the community edition has and answers with
// "enterprise-only feature".
var enterprisePaths = []string{"config/control-group", "config/group-policy-application", "control-group/", "license/", "managed-keys/", "mfa/method", "namespaces",
	"plugins/reload/backend/status", "policies/egp", "policies/rgp", "quotas/lease-count", "replication/", "reporting/", "sealwrap/", "storage/raft/snapshot-auto"}

// IsEnterprise reports a path of the enterprise edition.
func IsEnterprise(engine, template string) bool {
	return engine == "sys" && slices.ContainsFunc(enterprisePaths, func(p string) bool { return strings.HasPrefix(template, p) })
}

// EnterpriseFeature is what calls of the enterprise edition's paths are marked with.
const EnterpriseFeature = "Vault Enterprise"

// knownPath is the path of the table that the request is for, of those that are not
// played; nil when a real server has none either.
func (r *Request) knownPath() *api.Path {
	if r.Mount == nil || r.Flavour.Old || r.Op != OpList && strings.HasSuffix(r.Rest, "/") {
		return nil
	}
	e := r.engineOf(r.Mount)
	var found *api.Path
	paths := r.Described.Engine(e.DescribedAt)
	for i := range paths {
		p := &paths[i]
		isList := strings.HasSuffix(p.Template, "/")
		if !p.Fits(r.Rest) || isList != (r.Op == OpList) {
			continue
		}
		if slices.ContainsFunc(e.Paths, func(x *Path) bool { return p.Same(x.Shape()) }) {
			continue // and then the path's own pattern has said no
		}
		if r.Flavour.Bao && IsEnterprise(e.DescribedAt, p.Template) {
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
func has(p *api.Path, op Operation) bool {
	letter := map[Operation]string{OpRead: "R", OpList: "L", OpWrite: "W", OpPatch: "P", OpDelete: "D"}[op]
	return letter != "" && strings.Contains(p.Ops, letter)
}

// notPlayed answers for a path that a real server has and this one does not play: as
// it would to a caller who does not have the right, or the edition.
func (r *Request) notPlayed(p *api.Path) error {
	engine := r.engineOf(r.Mount).DescribedAt
	switch {
	case r.Op == opHelp:
		return Forbidden()
	case !has(p, r.Op):
		return Unsupported()
	case IsEnterprise(engine, p.Template):
		r.Call.NotPlayed(EnterpriseFeature)
		refused := Refuse(http.StatusNotFound, "enterprise-only feature")
		return refused.Because("%s/%s is of the enterprise edition", engine, p.Template)
	}
	feature := r.FeatureOf(engine, p.Template)
	r.Call.NotPlayed(feature)
	return Forbidden().Because("%s is not played here", feature)
}

// FeatureOf is what a path is part of: all that starts alike, unless some of that is
// played.
func (s *Server) FeatureOf(engine, template string) string {
	first, _, _ := strings.Cut(template, "/")
	for _, e := range s.Engines {
		if e.DescribedAt == engine && slices.ContainsFunc(e.Paths, func(p *Path) bool { return p.parts[0] == first }) {
			return engine + "/" + strings.TrimSuffix(template, "/")
		}
	}
	return engine + "/" + first
}
