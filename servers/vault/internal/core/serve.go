package core

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/labstack/echo/v4"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/vault/internal/policy"
)

// Request is one operation on one path of one mount.
type Request struct {
	*Server
	Ctx    context.Context // ends with the client
	HTTP   *http.Request
	Call   *dialect.Call // what the journal hears
	Op     Operation
	full   string            // the path behind /v1/
	Mount  *Mount            // nil where there is none
	Rest   string            // the path below the mount
	Vars   map[string]string // of the pattern
	Fields                   // parameters
	Raw    map[string]any    // the same, nil when there was no body
	Token  *Token            // nil on public paths
	Exists bool              // what the existence check said
	wrap   time.Duration     // X-Vault-Wrap-TTL; 0: none
	Clock  moment            // the one look at the clock; it stands before the fleet's
	Reply  Answer            // room for one that is sent often
}

// Serve answers everything below /v1/.
func (s *Server) Serve(c echo.Context) error {
	req := c.Request()
	p := req.URL.Path
	if !printable(p) {
		dialect.CallFrom(req.Context()).Why = "the path has characters that cannot be printed"
		return c.NoContent(http.StatusBadRequest) // without any of the headers
	}
	headers(c.Response().Header())
	if strings.Contains(p, "//") || strings.Contains(p, "/.") || req.URL.RawPath != "" {
		escaped := req.URL.EscapedPath()
		if clean := cleaned(escaped); clean != escaped { // which the real server escapes a second time, too
			return s.redirect(c, (&url.URL{Path: clean}).String())
		}
	}
	full, below := strings.CutPrefix(p, "/v1/")
	if !below || !inV1(req.URL) {
		return s.outside(c)
	}
	namespace := header(req, "X-Vault-Namespace")
	if namespace != "" {
		c.Response().Header().Set("X-Vault-Namespace", namespace)
	}
	r := requests.Get().(*Request)
	vars := r.Vars
	*r = Request{Server: s, Ctx: req.Context(), HTTP: req, Call: dialect.CallFrom(req.Context()), full: full, Vars: vars, Clock: moment{s.Clock.Now()}}
	err := s.answer(c, r, strings.Trim(namespace, "/"))
	clear(vars)
	*r = Request{Vars: vars}
	requests.Put(r) // not after a panic: who knows what it has left
	return err
}

// inV1 reports a path whose first element, as it was sent, is v1: an escaped slash
// is no end of it.
func inV1(u *url.URL) bool {
	if u.RawPath == "" {
		return true
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	plain, err := url.PathUnescape(first)
	return err == nil && plain == "v1"
}

// header is the first value of a header whose name is written as net/http keeps it.
func header(r *http.Request, canonical string) string {
	if values := r.Header[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// requests are used for one after the other.
var requests = sync.Pool{New: func() any { return &Request{Vars: make(map[string]string, 4)} }}

// printable reports a path without control characters and the like.
func printable(p string) bool {
	for i := range len(p) {
		if p[i] < ' ' || p[i] > '~' {
			return strings.IndexFunc(p, func(ch rune) bool { return !unicode.IsPrint(ch) }) < 0
		}
	}
	return true
}

// answer runs one request.
func (s *Server) answer(c echo.Context, r *Request, namespace string) error {
	if strings.Contains(strings.ToLower(r.HTTP.URL.RawPath), "%2f") && r.NodePaths[r.full] != nil {
		return Refuse(http.StatusMethodNotAllowed, "unsupported operation") // to a mount it is none of its operations
	}
	if handled, err := s.status(c, r); handled || err != nil {
		return err
	}
	if s.Flavour.Bao && namespace != "" && namespace != "root" {
		return Refuse(http.StatusNotFound, "namespace not found")
	}
	if err := r.parse(); err != nil {
		return err
	}
	a, err := r.run()
	if err != nil {
		return err
	}
	status := http.StatusOK
	if a != nil && a.status != 0 {
		status = a.status
	}
	return s.Write(c, status, a)
}

// cleaned is the path that a client is sent to.
func cleaned(p string) string {
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

func (s *Server) redirect(c echo.Context, to string) error {
	if q := c.Request().URL.RawQuery; q != "" {
		to += "?" + q
	}
	c.Response().Header().Del(echo.HeaderContentType) // http.Redirect says HTML then
	http.Redirect(c.Response(), c.Request(), to, http.StatusTemporaryRedirect)
	return nil
}

// outside answers paths that are not below /v1/.
func (s *Server) outside(c echo.Context) error {
	switch p := c.Request().URL.Path; {
	case p == "/v1" && !s.Flavour.Bao:
		return s.redirect(c, "/v1/")
	case p == "/v1", strings.HasPrefix(p, "/ui/") && c.Request().URL.RawPath == "", s.Flavour.Bao && p != "/":
		return Refuse(http.StatusNotFound, "")
	}
	c.Request().URL.RawQuery = "" // which is not taken along here
	return s.redirect(c, "/ui/")
}

// parse reads the method, the parameters and the headers.
func (r *Request) parse() error {
	req := r.HTTP
	switch req.Method {
	case http.MethodGet:
		r.Op = OpRead
		if req.URL.RawQuery != "" {
			q := req.URL.Query()
			if text := q.Get("list"); text != "" {
				on, err := strconv.ParseBool(text)
				if err != nil {
					return Refuse(http.StatusBadRequest, "")
				}
				if on {
					r.Op = OpList
					q.Del("list") // or else it is a parameter
				}
			}
			if q.Get("help") != "" {
				r.Op = opHelp
			}
			r.Raw = fromQuery(q, true)
		}
	case "HELP":
		r.Op = opHelp
	case "LIST":
		r.Op, r.Raw = OpList, query(req)
	case http.MethodDelete:
		r.Op, r.Raw = OpDelete, query(req)
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		r.Op = OpWrite
		if req.Method == http.MethodPatch {
			r.Op = OpPatch
			if err := isMergePatch(req.Header.Get("Content-Type")); err != nil {
				return err
			}
		}
		var err error
		if r.Raw, err = r.Parameters(req); err != nil {
			return err
		}
	case http.MethodOptions:
		r.Op = opOther
	default:
		return Refuse(http.StatusMethodNotAllowed, "")
	}
	if r.Op == OpList && !strings.HasSuffix(r.full, "/") {
		r.full += "/"
	}
	r.Fields = r.Raw
	if header := header(req, "X-Vault-Wrap-Ttl"); header != "" {
		d, err := ParseDuration(header)
		switch {
		case err != nil:
			return BadRequest("error parsing X-Vault-Wrap-TTL header: %s", err)
		case d < 0:
			return BadRequest("error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative")
		}
		r.wrap = d
	}
	return nil
}

// run finds who answers, asks whether the caller may, and lets it answer.
func (r *Request) run() (*Answer, error) {
	if r.Op == OpWrite && strings.HasSuffix(r.full, "/") {
		return nil, BadRequest("cannot write to a path ending in '/'")
	}
	table, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	var e *Engine
	var p *Path
	if r.Mount = table.Find(r.full); r.Mount != nil {
		r.Rest = r.full[min(len(r.Mount.Path), len(r.full)):]
		e = r.engineOf(r.Mount)
		if p = e.find(r.Rest, r.Op, r.Vars); p != nil {
			r.Call.Op, r.Call.Unnamed = p.names[r.Op], false
		}
	}
	if p == nil || !p.Public || r.Op == opHelp {
		if err := r.authenticate(); err != nil {
			return nil, err
		}
	}
	if err := r.Call.Admit(r.Ctx); err != nil {
		return nil, err
	}
	r.Clock.at = r.Server.Clock.Now() // it may have been held up
	if r.Token != nil {
		if err := r.authorize(p); err != nil {
			return nil, err
		}
	}
	do, err := r.route(p)
	if err != nil {
		return nil, err
	}
	if (len(r.Raw) > 0 || r.HTTP.URL.RawQuery != "") && r.Op != opHelp {
		if err := r.unplayedParameter(p); err != nil {
			return nil, err
		}
	}
	a, err := do(r)
	if err != nil {
		var refused *Refusal
		if p.Exists != nil && r.Op == OpWrite && errors.As(err, &refused) && len(refused.Words) > 0 {
			refused.Words[0] = strings.TrimPrefix(refused.Words[0], validation)
		}
		return nil, err
	}
	if a != nil && a.Lease.id != "" && r.Token != nil && r.Token.Used {
		if err := r.endLease(a.Lease.id); err != nil {
			return nil, err
		}
		return nil, BadRequest("Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.")
	}
	if a != nil && len(r.Raw) > 0 {
		a.Warnings = append(a.Warnings, r.overlooked(p)...)
	}
	return r.finished(a)
}

// route is the handler of the operation.
func (r *Request) route(p *Path) (Handler, error) {
	switch {
	case r.Mount == nil:
		r.Call.Outcome = dialect.Unimplemented
		return nil, Refuse(http.StatusNotFound, "no handler for route %q. route entry not found.", r.full)
	case r.Op == opHelp && (p != nil || r.Rest == "" || r.knownPath() != nil):
		return r.helped(p), nil
	case p == nil:
		if known := r.knownPath(); known != nil {
			return nil, r.notPlayed(known)
		}
		r.Call.Outcome = dialect.Unimplemented
		return nil, Refuse(http.StatusNotFound, "%s", OneError("unsupported path"))
	}
	do := p.Ops[r.Op]
	if do == nil && p.Public {
		return nil, Refuse(http.StatusMethodNotAllowed, "unsupported operation")
	}
	if last := p.parts[len(p.parts)-1]; do == nil && r.Op == OpList && !strings.HasPrefix(last, "*") { // the path ends in a slash, which no other pattern takes
		return nil, Refuse(http.StatusNotFound, "%s", OneError("unsupported path"))
	}
	if do == nil {
		return nil, Unsupported()
	}
	return do, nil
}

// authorize holds the request against the token's policies.
func (r *Request) authorize(p *Path) error {
	if r.Op == opHelp {
		return nil
	}
	acl, err := r.ACL(r.Token)
	if err != nil {
		return err
	}
	exists := true
	if p != nil && p.Exists != nil && r.Op == OpWrite {
		if exists, err = p.Exists(r); err != nil {
			return err
		}
	}
	r.Exists = exists
	v := acl.Decide(policy.Ask{Need: r.Op.capability(exists), Path: r.full, Data: r.Raw, Wrap: r.wrap, Whole: r.Flavour.Bao})
	switch {
	case !v.OK:
		return Forbidden().Because("the policies %v do not grant %s on %s", r.Token.allPolicies(), r.Op.capability(exists).Names()[0], r.full)
	case p != nil && p.Sudo && !v.Sudo && r.Flavour.Bao && p.Name == "revoke-orphan":
		return BadRequest("root or sudo privileges required to revoke and orphan")
	case (p != nil && p.Sudo || p == nil && r.guardedPath()) && !v.Sudo:
		return Forbidden().Because("%s needs sudo, which the policies %v do not grant", r.full, r.Token.allPolicies())
	}
	return nil
}

// guardedPath reports a path of the real server that needs sudo and is not played.
func (r *Request) guardedPath() bool {
	if p := r.knownPath(); p != nil {
		return p.Sudo
	}
	return guarded(r.full)
}

// guarded reports a path of the real server that needs sudo and is not here.
func guarded(full string) bool {
	for _, prefix := range [...]string{"sys/audit", "sys/raw", "sys/rotate", "sys/config/cors", "sys/config/ui", "sys/config/auditing", "sys/step-down"} {
		if full == prefix || strings.HasPrefix(full, prefix+"/") {
			return true
		}
	}
	return false
}

// finished names the mount in the envelope and wraps the answer if that was asked.
func (r *Request) finished(a *Answer) (*Answer, error) {
	if a == nil {
		return nil, nil
	}
	a.Warnings = append(a.Warnings, a.Late...)
	if a.MountType == nil && r.Mount != nil {
		a.MountType = &r.Mount.Type
	}
	if r.wrap > 0 && a.Plain == nil && a.TextType == "" && a.wrap == nil && a.status < http.StatusMultipleChoices {
		return r.wrapped(a)
	}
	return a, nil
}
