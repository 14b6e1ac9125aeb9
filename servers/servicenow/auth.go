package servicenow

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// request is a call of the REST API by somebody who may make it.
type request struct {
	echo.Context
	*Server
	user    *user
	version string // "", "v1", "v2"
}

func (r *request) ctx() context.Context { return r.Request().Context() }
func (r *request) call() *dialect.Call  { return dialect.CallFrom(r.ctx()) }

// handler is an operation of the API.
type handler func(*request) error

// api lets a handler run for users who may call the REST API.
func (s *Server) api(version string, do handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.asleep(c) || tooLong(c) {
			return nil
		}
		if !fits(c.Path(), c.Request().URL.EscapedPath()) { // the router takes slashes for part of the last parameter
			return s.unknown(c)
		}
		understood := speak(c)
		u, err := s.identify(c)
		if err != nil {
			return err
		}
		r := &request{Context: c, Server: s, user: u, version: version}
		r.call().Actor = u.actor()
		if !understood {
			return fail(notAcceptable, "")
		}
		if err := r.headers(); err != nil {
			return err
		}
		s.setCookies(c, u)
		return do(r)
	}
}

// maxURI is the longest URL that the instance's web server lets through.
const maxURI = 16 << 10

// tooLong answers a URL that is too long: in HTML, because it never reaches the
// API. Calls within a batch may be longer.
func tooLong(c echo.Context) bool {
	if len(c.Request().RequestURI) <= maxURI || c.Request().Context().Value(asBatch{}) != nil {
		return false
	}
	c.HTML(http.StatusRequestURITooLong, "<html><head><title>414 Request-URI Too Large</title></head><body><center><h1>414 Request-URI Too Large</h1></center></body></html>\n")
	return true
}

// name puts a name to an operation whose path is data, and lets the faults about
// it and its caller strike.
func (r *request) name(op, object string) error {
	call := r.call()
	call.Op, call.Object, call.Unnamed = op, object, false
	return call.Admit(r.ctx())
}

// actor is who the journal shows.
func (u *user) actor() string {
	if u.person.ID != "" {
		return u.person.ID
	}
	return u.name
}

// refused makes one refusal of all reasons why somebody is not let in; the
// operator reads which one it is.
func refused(err error) error {
	if _, known := cause.Of(err); !known || errors.Is(err, mfaRefused) {
		return err
	}
	return cause.Because(cause.NotAuthenticated, "%s", cause.Why(err))
}

// asBatch is the key of the user for whom a batch makes its calls.
type asBatch struct{}

// identify finds out who calls: Basic, Bearer, x-sn-apikey, a session's cookie or
// a client certificate.
func (s *Server) identify(c echo.Context) (*user, error) {
	if u, ok := c.Request().Context().Value(asBatch{}).(*user); ok {
		return u, nil
	}
	u, err := s.credential(c)
	if err != nil {
		return nil, refused(err)
	}
	if _, hit := dialect.CallFrom(c.Request().Context()).Fault(faultMFA); hit {
		return nil, cause.Because(mfaRefused, "a fault wants a second factor of %s", u.name)
	}
	if u.role == noRole {
		return nil, cause.Because(cause.NotAuthenticated, "%s has no role for REST", u.name)
	}
	return u, nil
}

func (s *Server) credential(c echo.Context) (*user, error) {
	req := c.Request()
	switch name, password, given := httpapi.Basic(req.Header); given {
	case httpapi.Present:
		return s.password(req.Context(), name, password)
	case httpapi.Malformed:
		return nil, cause.Because(cause.NotAuthenticated, "the Basic credential is malformed")
	}
	if token, given := httpapi.Bearer(req.Header, httpapi.SchemeRules{AnyCase: true}); given == httpapi.Present {
		return s.bearer(req.Context(), token)
	}
	if httpapi.HasScheme(req.Header) {
		return nil, cause.Because(cause.NotAuthenticated, "the scheme in Authorization is unknown, or has nothing behind it")
	}
	if key, given := httpapi.Key(req.Header, "X-Sn-Apikey"); given == httpapi.Present {
		for _, k := range s.settings.APIKeys {
			if signin.Same(k.Key, key) {
				return s.standingUser(req.Context(), k.User)
			}
		}
		return nil, cause.Because(cause.NotAuthenticated, "nobody has that API key")
	}
	if cookie, given := httpapi.Cookie(req, sessionCookie); given == httpapi.Present {
		if u, err := s.session(req.Context(), cookie); err == nil {
			return u, nil
		}
	}
	if req.TLS != nil && len(req.TLS.PeerCertificates) > 0 {
		name := req.TLS.PeerCertificates[0].Subject.CommonName
		for _, k := range s.settings.Certificates {
			if k.Name == name {
				return s.standingUser(req.Context(), k.User)
			}
		}
	}
	return nil, cause.Because(cause.NotAuthenticated, "no credential")
}

// password checks a name and a password.
func (s *Server) password(ctx context.Context, name, password string) (*user, error) {
	if u, ok := s.program(name); ok {
		if !signin.Same(u.secret, password) {
			dialect.CallFrom(ctx).Actor = u.name
			return nil, cause.Because(cause.WrongSecret, "wrong password of %s", u.name)
		}
		return u, nil
	}
	p, err := s.Logins.Login(ctx, name, password)
	if err != nil {
		dialect.CallFrom(ctx).Actor = p.ID // who was tried
		return nil, err
	}
	return s.personal(p), nil
}

// standingUser is a user who is let in without a password, if the account stands.
func (s *Server) standingUser(ctx context.Context, name string) (*user, error) {
	u, ok := s.lookup(name)
	if !ok {
		return nil, cause.Because(cause.UnknownUser, "nobody is called %q", name)
	}
	if u.person.ID == "" {
		return u, nil
	}
	standing, err := s.Logins.Standing(ctx, u.person.ID)
	if err != nil {
		return nil, err
	}
	switch standing.Status {
	case world.Disabled, world.Locked, world.AccountExpired:
		return nil, cause.Because(cause.Disabled, "the account of %s is %s", u.name, standing.Status)
	}
	return u, nil
}

// Session cookies are signed and carry their end, so nothing is kept for them.
const (
	sessionCookie = "glide_session_store"
	sessionFor    = 30 * time.Minute
)

func (s *Server) sign(text string) string {
	m := hmac.New(sha256.New, s.cookies[:])
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// setCookies starts or prolongs a session. A minute's grain keeps the answers of
// one client alike.
func (s *Server) setCookies(c echo.Context, u *user) {
	end := s.Clock.Now().Truncate(time.Minute).Add(sessionFor)
	text := base64.RawURLEncoding.EncodeToString([]byte(u.name)) + "." + strconv.FormatInt(end.Unix(), 10)
	c.SetCookie(&http.Cookie{Name: sessionCookie, Value: text + "." + s.sign(text), Path: "/", HttpOnly: true, Secure: s.settings.TLS, SameSite: http.SameSiteLaxMode})
	c.SetCookie(&http.Cookie{Name: "glide_user_route", Value: "glide." + s.idOf("node", s.Name), Path: "/", HttpOnly: true, Secure: s.settings.TLS})
}

// session is whose cookie it is.
func (s *Server) session(ctx context.Context, value string) (*user, error) {
	text, mac, ok := cutLast(value, ".")
	name, end, also := cutLast(text, ".")
	if !ok || !also || !hmac.Equal([]byte(mac), []byte(s.sign(text))) {
		return nil, cause.Because(cause.NotAuthenticated, "the session cookie is not ours")
	}
	unix, err := strconv.ParseInt(end, 10, 64)
	if err != nil || !s.Clock.Now().Before(time.Unix(unix, 0)) {
		return nil, cause.Because(cause.TokenExpired, "the session is over")
	}
	who, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil {
		return nil, cause.Because(cause.NotAuthenticated, "the session cookie is not ours")
	}
	return s.standingUser(ctx, string(who))
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// headers holds what strict instances demand: Accept, and a Content-Type they read.
func (r *request) headers() error {
	if !r.settings.StrictHeaders {
		return nil
	}
	h := r.Request().Header
	if h.Get("Accept") == "" {
		return fail(noAccept, "")
	}
	if strings.Contains(r.Path(), "/attachment/") {
		return nil
	}
	switch r.method() {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		kind := h.Get("Content-Type")
		if kind == "" {
			return &failure{Cause: noAccept, why: "a body without Content-Type"}
		}
		if !strings.HasPrefix(kind, "application/json") && !isXML(kind) {
			return fail(httpapi.UnsupportedMedia, kind)
		}
	}
	return nil
}

// method is the verb of a call, which a header can change.
func (r *request) method() string {
	m := r.Request().Method
	if m != http.MethodPost {
		return m
	}
	switch o := strings.ToUpper(r.Request().Header.Get("X-HTTP-Method-Override")); o {
	case http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return o
	}
	return m
}

// base is the address by which the client reached the instance.
func (r *request) base() string {
	return ids.Base(r.Request(), r.settings.PathPrefix)
}

// whole is the body of a call. One that broke off is none.
func (r *request) whole() ([]byte, error) {
	raw, err := httpapi.Read(r.Request())
	if err != nil && !errors.Is(err, httpapi.TooLarge) {
		err = &failure{Cause: badBody, why: cause.Why(err)}
	}
	return raw, err
}
