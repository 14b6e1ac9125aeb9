package load

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"counterpart/internal/company/world"
	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/step"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// Fleet is where the servers of a fleet listen. The zero value is no fleet: steps then go to
// what the plan lists.
type Fleet struct {
	Replicas [][]fleet.Endpoint // of each replica, the same ports in the same order
	Facts    map[string][]dialect.Fact
	World    *world.World // nil: nobody is known
	CA       []byte       // PEM
}

// Targets finds where steps go.
type Targets struct {
	plan      *plan.Plan
	fleet     Fleet
	constants map[string]string
	roots     *x509.CertPool
}

// NewTargets makes the targets of a plan.
func NewTargets(p *plan.Plan, f Fleet) (*Targets, error) {
	t := &Targets{plan: p, fleet: f, constants: constants(p, f)}
	if len(f.CA) > 0 {
		if t.roots = x509.NewCertPool(); !t.roots.AppendCertsFromPEM(f.CA) {
			return nil, errors.New("the fleet's CA is no certificate")
		}
	}
	if err := t.holes(); err != nil {
		return nil, err
	}
	return t, nil
}

// mostWritten people and accounts whose passwords are constants.
const mostWritten = 1000

// constants are the values that are the same for all walks.
func constants(p *plan.Plan, f Fleet) map[string]string {
	out := map[string]string{}
	for server, facts := range f.Facts {
		for _, fact := range facts {
			out[server+"."+fact.Name] = fact.Value
		}
	}
	if len(f.Replicas) > 0 {
		for _, e := range f.Replicas[0] {
			host, port, _ := net.SplitHostPort(e.Addr)
			for name, value := range map[string]string{"host": host, "port": port, "address": e.Addr, "url": e.URL()} {
				out[e.Server+"."+e.Port+"."+name] = value
				if _, first := out[e.Server+"."+name]; !first {
					out[e.Server+"."+name] = value
				}
			}
		}
	}
	if f.World != nil {
		for c := range f.World.Clients() {
			out["clients."+c.Name+".secret"], out["clients."+c.Name+".name"] = c.Secret, c.Name
		}
		n := 0
		for u := range f.World.Written() {
			if n++; n > mostWritten {
				break
			}
			out["users."+u.Name+".password"], out["users."+u.Name+".email"], out["users."+u.Name+".phone"] = u.Password, u.Email, u.Phone
		}
		organization := f.World.Organization()
		out["organization.domain"], out["organization.name"] = organization.Domain, organization.Name
	}
	for name, s := range p.Targets {
		for fact, value := range s.Facts {
			out[name+"."+fact] = value
		}
	}
	return out
}

// holes refuses those that nothing fills: a server that is not there, or a fact that it does
// not have.
func (t *Targets) holes() error {
	var problems []seed.Problem
	for _, h := range t.plan.Holes() {
		if _, ok := t.constants[h.Name]; ok || !strings.Contains(h.Name, ".") || slices.Contains(step.Names(), h.Name) || strings.HasPrefix(h.Name, "device.") {
			continue
		}
		var known []string
		for name := range t.constants {
			known = append(known, name)
		}
		slices.Sort(known)
		best, near := strictyaml.Nearest(h.Name, known)
		hint := ""
		if near {
			hint = fmt.Sprintf("did you mean `%s`?", best)
		}
		problems = append(problems, seed.Problem{File: t.plan.Name, Line: h.Line, Column: h.Column, Message: fmt.Sprintf("nothing is called {{ %s }}", strictyaml.Short(h.Name)), Hint: hint})
	}
	if len(problems) > 0 {
		return seed.Merge(&seed.Error{Problems: problems})
	}
	return nil
}

// Of is where a step goes. The error has the place of what is wrong.
func (t *Targets) Of(s *step.Spec) (step.Target, error) {
	name := s.To
	server, port, _ := strings.Cut(name, "/")
	if outside, ok := t.plan.Targets[name]; ok {
		out, err := t.outside(name, outside, s.Kind())
		if err != nil {
			return step.Target{}, seed.Merge(&seed.Error{Problems: []seed.Problem{t.plan.Problem("targets."+name, err.Error(), "")}})
		}
		return out, nil
	}
	found, all := t.endpoints(s, server, port)
	if len(found) == 0 || name == "" && t.several(found) {
		return step.Target{}, t.nowhere(s, found, all)
	}
	e := found[0]
	out := step.Target{Name: e.Server, Proto: e.Proto, Facts: map[string]string{}, Constants: t.constants}
	for _, replica := range t.fleet.Replicas {
		for _, r := range replica {
			if r.Server == e.Server && r.Port == e.Port {
				out.Addrs = append(out.Addrs, r.Addr)
			}
		}
	}
	for _, fact := range t.fleet.Facts[e.Server] {
		out.Facts[fact.Name] = fact.Value
	}
	for _, host := range e.Hosts {
		if !strings.HasPrefix(host, "*") {
			out.Host = host
			break
		}
	}
	if e.Proto == "https" || e.Proto == "tls" {
		out.TLS = &tls.Config{RootCAs: t.roots, ServerName: cmp.Or(out.Host, hostOf(e.Addr)), MinVersion: tls.VersionTLS12}
	}
	return out, nil
}

func hostOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	return host
}

// several reports endpoints of more than one server.
func (t *Targets) several(list []fleet.Endpoint) bool {
	return slices.ContainsFunc(list, func(e fleet.Endpoint) bool { return e.Server != list[0].Server })
}

// endpoints are those that a step may mean, and all that speak its protocol.
func (t *Targets) endpoints(s *step.Spec, server, port string) (found, all []fleet.Endpoint) {
	if len(t.fleet.Replicas) == 0 {
		return nil, nil
	}
	for _, e := range t.fleet.Replicas[0] {
		if !speaks(s, e) {
			continue
		}
		all = append(all, e)
		if (server == "" || e.Server == server) && (e.Port == port || port == "" && usual(s, e)) {
			found = append(found, e)
		}
	}
	return found, all
}

// speaks reports a port that understands a step.
func speaks(s *step.Spec, e fleet.Endpoint) bool {
	switch s.Kind() {
	case "http":
		return (e.Proto == "http" || e.Proto == "https") && e.Kind != "egress" && (e.Kind != "control" || strings.HasPrefix(s.To, "control"))
	case "radius":
		return e.Kind == "radius" && e.Proto == "udp"
	}
	return e.Kind == s.Kind() && (e.Proto == "tcp" || e.Proto == "tls")
}

// usual reports the port that a step means if it does not say which: accounting has one of
// its own.
func usual(s *step.Spec, e fleet.Endpoint) bool {
	if s.RADIUS != nil {
		return (s.RADIUS.Code == "accounting") == (e.Port == "acct")
	}
	return true
}

// nowhere words a step that goes nowhere, or anywhere.
func (t *Targets) nowhere(s *step.Spec, found, all []fleet.Endpoint) error {
	var names []string
	for _, e := range all {
		if !slices.Contains(names, e.Server) {
			names = append(names, e.Server)
		}
	}
	for name := range t.plan.Targets {
		names = append(names, name)
	}
	slices.Sort(names)
	path, message, hint := t.plan.StepPath(s), "", strictyaml.DidYouMean(s.To, names)
	switch {
	case s.To != "":
		path, message = path+".to", fmt.Sprintf("no server that speaks %s is called `%s`", s.Kind(), strictyaml.Short(s.To))
	case len(found) > 0:
		message, hint = fmt.Sprintf("several servers speak %s", s.Kind()), "say which, with `to`: "+strictyaml.Enumerate(names)
	default:
		message, hint = fmt.Sprintf("the fleet has no server that speaks %s", s.Kind()), "choose another seed, or list one in `targets`"
	}
	return seed.Merge(&seed.Error{Problems: []seed.Problem{t.plan.Problem(path, message, hint)}})
}

// outside is a server outside of the fleet.
func (t *Targets) outside(name string, s plan.Server, kind string) (step.Target, error) {
	out := step.Target{Name: name, Addrs: s.Addresses, Facts: s.Facts, Constants: t.constants}
	if s.Address != "" {
		out.Addrs = append([]string{s.Address}, s.Addresses...)
	}
	secure := s.TLS
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		if err != nil {
			return out, err
		}
		out.Proto, out.Host, out.Path = u.Scheme, u.Hostname(), strings.TrimSuffix(u.Path, "/")
		port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
		if len(out.Addrs) == 0 {
			out.Addrs = []string{net.JoinHostPort(u.Hostname(), port)}
		}
		secure = u.Scheme == "https"
	} else {
		out.Proto = map[string]string{"radius": "udp", "http": "http"}[kind]
		if out.Proto == "" {
			out.Proto = map[bool]string{true: "tls", false: "tcp"}[s.TLS]
		}
	}
	for _, addr := range out.Addrs {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return out, fmt.Errorf("`%s` is no host:port", strictyaml.Short(addr))
		}
	}
	if kind == "radius" && s.Facts["secret"] == "" {
		return out, errors.New("a RADIUS server has a shared secret; write `facts: {secret: …}`")
	}
	if !secure {
		return out, nil
	}
	out.TLS = &tls.Config{ServerName: cmp.Or(out.Host, hostOf(out.Addrs[0])), InsecureSkipVerify: s.Insecure, MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		path := s.CA
		if !filepath.IsAbs(path) {
			path = filepath.Join(t.plan.Dir, path)
		}
		pem, err := os.ReadFile(path)
		if err != nil {
			return out, err
		}
		out.TLS.RootCAs = x509.NewCertPool()
		if !out.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return out, fmt.Errorf("%s has no certificate", s.CA)
		}
	}
	return out, nil
}
