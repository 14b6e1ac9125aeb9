package vault

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

// request is one operation on one path of one mount.
type request struct {
	*Server
	ctx    context.Context
	http   *http.Request
	call   *dialect.Call
	op     operation
	full   string // the path behind /v1/
	mount  *mount
	rest   string            // the path below the mount
	vars   map[string]string // of the pattern
	fields                   // parameters
	raw    map[string]any    // the same, nil when there was no body
	token  *token            // nil on public paths
	exists bool              // what the existence check said
	wrap   time.Duration     // X-Vault-Wrap-TTL; 0: none
	Clock  moment            // the one look at the clock; it stands before the fleet's
	reply  answer            // room for one that is sent often
}

// serve answers everything below /v1/.
func (s *Server) serve(c echo.Context) error {
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
	r := requests.Get().(*request)
	vars := r.vars
	*r = request{Server: s, ctx: req.Context(), http: req, call: dialect.CallFrom(req.Context()), full: full, vars: vars, Clock: moment{s.Clock.Now()}}
	err := s.answer(c, r, strings.Trim(namespace, "/"))
	clear(vars)
	*r = request{vars: vars}
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
var requests = sync.Pool{New: func() any { return &request{vars: make(map[string]string, 4)} }}

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
func (s *Server) answer(c echo.Context, r *request, namespace string) error {
	if strings.Contains(strings.ToLower(r.http.URL.RawPath), "%2f") && r.nodePaths[r.full] != nil {
		return refuse(http.StatusMethodNotAllowed, "unsupported operation") // to a mount it is none of its operations
	}
	if handled, err := s.status(c, r); handled || err != nil {
		return err
	}
	if s.flavour.bao && namespace != "" && namespace != "root" {
		return refuse(http.StatusNotFound, "namespace not found")
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
	return s.write(c, status, a)
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
	case p == "/v1" && !s.flavour.bao:
		return s.redirect(c, "/v1/")
	case p == "/v1", strings.HasPrefix(p, "/ui/") && c.Request().URL.RawPath == "", s.flavour.bao && p != "/":
		return refuse(http.StatusNotFound, "")
	}
	c.Request().URL.RawQuery = "" // which is not taken along here
	return s.redirect(c, "/ui/")
}

// parse reads the method, the parameters and the headers.
func (r *request) parse() error {
	req := r.http
	switch req.Method {
	case http.MethodGet:
		r.op = opRead
		if req.URL.RawQuery != "" {
			q := req.URL.Query()
			if text := q.Get("list"); text != "" {
				on, err := strconv.ParseBool(text)
				if err != nil {
					return refuse(http.StatusBadRequest, "")
				}
				if on {
					r.op = opList
					q.Del("list") // or else it is a parameter
				}
			}
			if q.Get("help") != "" {
				r.op = opHelp
			}
			r.raw = fromQuery(q, true)
		}
	case "HELP":
		r.op = opHelp
	case "LIST":
		r.op, r.raw = opList, query(req)
	case http.MethodDelete:
		r.op, r.raw = opDelete, query(req)
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		r.op = opWrite
		if req.Method == http.MethodPatch {
			r.op = opPatch
			if err := isMergePatch(req.Header.Get("Content-Type")); err != nil {
				return err
			}
		}
		var err error
		if r.raw, err = r.parameters(req); err != nil {
			return err
		}
	case http.MethodOptions:
		r.op = opOther
	default:
		return refuse(http.StatusMethodNotAllowed, "")
	}
	if r.op == opList && !strings.HasSuffix(r.full, "/") {
		r.full += "/"
	}
	r.fields = r.raw
	if header := header(req, "X-Vault-Wrap-Ttl"); header != "" {
		d, err := lasts(header)
		switch {
		case err != nil:
			return bad("error parsing X-Vault-Wrap-TTL header: %s", err)
		case d < 0:
			return bad("error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative")
		}
		r.wrap = d
	}
	return nil
}

// run finds who answers, asks whether the caller may, and lets it answer.
func (r *request) run() (*answer, error) {
	if r.op == opWrite && strings.HasSuffix(r.full, "/") {
		return nil, bad("cannot write to a path ending in '/'")
	}
	table, err := r.table()
	if err != nil {
		return nil, err
	}
	var e *engine
	var p *pathSpec
	if r.mount = table.find(r.full); r.mount != nil {
		r.rest = r.full[min(len(r.mount.Path), len(r.full)):]
		e = r.engines[r.mount.engine()]
		if p = e.find(r.rest, r.op, r.vars); p != nil {
			r.call.Op, r.call.Unnamed = p.names[r.op], false
		}
	}
	if p == nil || !p.public || r.op == opHelp {
		if err := r.authenticate(); err != nil {
			return nil, err
		}
	}
	if err := r.call.Admit(r.ctx); err != nil {
		return nil, err
	}
	r.Clock.at = r.Server.Clock.Now() // it may have been held up
	if r.token != nil {
		if err := r.authorize(p); err != nil {
			return nil, err
		}
	}
	do, err := r.route(p)
	if err != nil {
		return nil, err
	}
	if (len(r.raw) > 0 || r.http.URL.RawQuery != "") && r.op != opHelp {
		if err := r.unplayedParameter(p); err != nil {
			return nil, err
		}
	}
	a, err := do(r)
	if err != nil {
		var refused *refusal
		if p.exists != nil && r.op == opWrite && errors.As(err, &refused) && len(refused.words) > 0 {
			refused.words[0] = strings.TrimPrefix(refused.words[0], validation)
		}
		return nil, err
	}
	if a != nil && a.lease.id != "" && r.token != nil && r.token.Used {
		if err := r.endLease(a.lease.id); err != nil {
			return nil, err
		}
		return nil, bad("Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.")
	}
	if a != nil && len(r.raw) > 0 {
		a.warnings = append(a.warnings, r.overlooked(p)...)
	}
	return r.finished(a)
}

// route is the handler of the operation.
func (r *request) route(p *pathSpec) (handler, error) {
	switch {
	case r.mount == nil:
		r.call.Outcome = dialect.Unimplemented
		return nil, refuse(http.StatusNotFound, "no handler for route %q. route entry not found.", r.full)
	case r.op == opHelp && (p != nil || r.rest == "" || r.knownPath() != nil):
		return r.helped(p), nil
	case p == nil:
		if known := r.knownPath(); known != nil {
			return nil, r.notPlayed(known)
		}
		r.call.Outcome = dialect.Unimplemented
		return nil, refuse(http.StatusNotFound, "%s", one("unsupported path"))
	}
	do := p.ops[r.op]
	if do == nil && p.public {
		return nil, refuse(http.StatusMethodNotAllowed, "unsupported operation")
	}
	if last := p.parts[len(p.parts)-1]; do == nil && r.op == opList && !strings.HasPrefix(last, "*") { // the path ends in a slash, which no other pattern takes
		return nil, refuse(http.StatusNotFound, "%s", one("unsupported path"))
	}
	if do == nil {
		return nil, unsupported()
	}
	return do, nil
}

// authorize holds the request against the token's policies.
func (r *request) authorize(p *pathSpec) error {
	if r.op == opHelp {
		return nil
	}
	acl, err := r.acl(r.token)
	if err != nil {
		return err
	}
	exists := true
	if p != nil && p.exists != nil && r.op == opWrite {
		if exists, err = p.exists(r); err != nil {
			return err
		}
	}
	r.exists = exists
	v := acl.Decide(policy.Ask{Need: r.op.capability(exists), Path: r.full, Data: r.raw, Wrap: r.wrap, Whole: r.flavour.bao})
	switch {
	case !v.OK:
		return forbidden().because("the policies %v do not grant %s on %s", r.token.allPolicies(), r.op.capability(exists).Names()[0], r.full)
	case p != nil && p.sudo && !v.Sudo && r.flavour.bao && p.name == "revoke-orphan":
		return bad("root or sudo privileges required to revoke and orphan")
	case (p != nil && p.sudo || p == nil && r.guardedPath()) && !v.Sudo:
		return forbidden().because("%s needs sudo, which the policies %v do not grant", r.full, r.token.allPolicies())
	}
	return nil
}

// guardedPath reports a path of the real server that needs sudo and is not played.
func (r *request) guardedPath() bool {
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
func (r *request) finished(a *answer) (*answer, error) {
	if a == nil {
		return nil, nil
	}
	a.warnings = append(a.warnings, a.late...)
	if a.mountType == nil && r.mount != nil {
		a.mountType = &r.mount.Type
	}
	if r.wrap > 0 && a.plain == nil && a.textType == "" && a.wrap == nil && a.status < http.StatusMultipleChoices {
		return r.wrapped(a)
	}
	return a, nil
}
