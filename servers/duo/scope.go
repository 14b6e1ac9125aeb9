package duo

import (
	"maps"
	"slices"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
)

// authAPI is the API that is played: /auth/v2, and /rest/v1 of the older clients.
const authAPI = "auth"

// foreign are the service's other APIs, which are known and not played.
var foreign = map[string]dialect.Feature{
	"admin":    {Name: "Admin API", Doc: "users, phones, logs and settings of an account (/admin)"},
	"accounts": {Name: "Accounts API", Doc: "the accounts of a managed service provider (/accounts)"},
}

// apiOf is the API that a path belongs to; "" when it is none's.
func apiOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case first == "auth" || first == "rest":
		return authAPI
	case foreign[first].Name != "":
		return first
	}
	return ""
}

// mayUse refuses an integration, whose signature is good, of another kind than an
// API wants: an API looks its keys up among those of its own kind. (The Auth API
// alone knows the others': 403.) An API that is not played refuses its own, too, as
// the service does where an application was not granted the right to an operation.
func (s *Server) mayUse(call *dialect.Call, in Integration, api string) error {
	kinds := in.APIs
	if len(kinds) == 0 {
		kinds = []string{authAPI}
	}
	mine := slices.Contains(kinds, api)
	switch {
	case api == authAPI && mine:
		return nil
	case api == authAPI:
		return cause.Because(notForAuth, "%s may use %v", in.Name, in.APIs)
	case !mine:
		return cause.Because(unknownKey, "%s is an integration of kind %v, and this is the %s", in.Name, kinds, foreign[api].Name)
	}
	call.NotPlayed(foreign[api].Name)
	return cause.Because(notForAuth, "the %s is not played", foreign[api].Name)
}

// Scope is what this server plays of the service, and what it knows besides.
func Scope() dialect.Scope {
	out := dialect.Scope{Plays: dialect.Names((&Server{}).routes())}
	for _, api := range slices.Sorted(maps.Keys(foreign)) {
		out.Unplayed = append(out.Unplayed, foreign[api])
	}
	return out
}
