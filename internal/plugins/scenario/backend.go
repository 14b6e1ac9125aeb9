package scenario

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"counterpart/internal/serving/journal"
)

// pair is an attribute in the journal's line of a RADIUS packet.
var pair = regexp.MustCompile(`(?:^|[:,] )([A-Za-z0-9/-]+) = (.*?)(?:$|, [A-Za-z0-9/-]+ = )`)

// operation is a journal entry as the fields that a scenario may name.
func operation(e journal.Entry, kind string) map[string]any {
	m := map[string]any{"system": e.Server, "server": e.Server, "kind": kind, "port": e.Port, "op": e.Op, "outcome": e.Outcome, "took": e.Took.Seconds()}
	for name, value := range map[string]string{"actor": e.Actor, "user": e.Actor, "object": e.Object, "why": e.Why, "request": e.Request, "response": e.Response} {
		if value != "" {
			m[name] = value
		}
	}
	if e.Status != "" {
		m["status"] = e.Status
		if n, err := strconv.Atoi(e.Status); err == nil {
			m["status"] = readable{e.Status, n}
		}
	}
	if len(e.Faults) > 0 {
		m["fault"] = strings.Join(e.Faults, " ")
	}
	if first, body, _ := strings.Cut(e.Request, "\n"); isHTTP(first) {
		web(m, first, body, e.Response)
	} else if kind == "radius" {
		packet(m, e)
	}
	return m
}

func isHTTP(line string) bool {
	method, target, ok := strings.Cut(line, " ")
	return ok && strings.ToUpper(method) == method && strings.HasPrefix(target, "/")
}

// web adds the fields of an HTTP exchange.
func web(m map[string]any, line, body, answer string) {
	method, target, _ := strings.Cut(line, " ")
	m["method"] = method
	if u, err := url.ParseRequestURI(target); err == nil {
		m["path"], m["query"] = u.Path, u.RawQuery
	}
	for name, text := range map[string]string{"body": body, "answer": answer} {
		if d, ok := document(text).(readable); ok {
			m[name] = d
		}
	}
}

// packet adds the fields of a RADIUS exchange: packet and reply, and each
// attribute by its name in lower case with underscores.
func packet(m map[string]any, e journal.Entry) {
	m["packet"], m["reply"] = e.Op, e.Status
	for rest := e.Request; ; {
		at := pair.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		name := strings.ReplaceAll(strings.ToLower(rest[at[2]:at[3]]), "-", "_")
		m[name] = rest[at[4]:at[5]]
		rest = rest[at[5]:]
	}
	if name, ok := m["user_name"]; ok {
		m["user"] = name
	}
}
