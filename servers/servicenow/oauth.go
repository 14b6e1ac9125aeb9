package servicenow

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/jose"
	"counterpart/internal/serving/dialect"
)

// How long tokens live.
const (
	accessFor  = 1800 * time.Second
	refreshFor = 100 * 24 * time.Hour
)

// grant is what one application holds for one user: which token is the current
// one. Tokens follow from their number, so none is stored.
type grant struct {
	Access  int       `json:"access"`
	Expires time.Time `json:"expires"` // of the access token
	Refresh int       `json:"refresh"`
	Until   time.Time `json:"until"` // of the refresh token
}

// bearerOf is what stands behind a token: which application uses it for whom.
type bearerOf struct {
	Client string `json:"client"`
	User   string `json:"user"`
}

// secret is the n-th token of a kind that an application gets for a user.
func (s *Server) secret(kind, client string, u *user, n int) string {
	var raw [48]byte
	number := [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	io.ReadFull(s.World.Derive("servicenow", s.Name, "oauth", kind, client, u.id, hex.EncodeToString(number[:])), raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// token answers POST /oauth_token.do. Whatever is wrong, the client reads the
// same refusal.
func (s *Server) token(c echo.Context) error {
	call := dialect.CallFrom(c.Request().Context())
	call.Op = "oauth.token"
	if err := call.Admit(c.Request().Context()); err != nil {
		return err
	}
	answer, err := s.grantToken(c)
	if _, known := cause.Of(err); known {
		return cause.Because(tokenRefused, "%s", cause.Why(err))
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return asJSON.Write(c, http.StatusOK, answer)
}

// tokenAnswer is what an application reads.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
}

func (s *Server) grantToken(c echo.Context) (*tokenAnswer, error) {
	req := c.Request()
	if !httpapi.IsForm(req) {
		return nil, cause.Because(cause.BadInput, "the body is no form but %q", req.Header.Get("Content-Type"))
	}
	raw, err := httpapi.ReadAtMost(req, 64<<10)
	if err != nil {
		return nil, err
	}
	pairs, err := httpapi.ParseForm(string(raw), httpapi.FormRules{Semicolon: true})
	if err != nil {
		return nil, err
	}
	form := pairs.Values()
	app, err := s.application(req, form)
	if err != nil {
		return nil, err
	}
	ctx := req.Context()
	var u *user
	switch kind := form.Get("grant_type"); kind {
	case "password":
		u, err = s.password(ctx, form.Get("username"), form.Get("password"))
	case "refresh_token":
		return s.refresh(ctx, app, form.Get("refresh_token"))
	case "client_credentials":
		if app.User == "" {
			return nil, cause.Because(cause.NotAllowed, "the application %s stands for no user", app.ClientID)
		}
		u, err = s.standingUser(ctx, app.User)
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		u, err = s.byJWT(req, app)
	default:
		err = cause.Because(cause.BadInput, "grant_type %q is unknown", kind)
	}
	if err != nil {
		return nil, err
	}
	dialect.CallFrom(ctx).Actor = u.actor()
	return s.issue(ctx, app, u, false)
}

// application finds the OAuth application by id and secret, from the form or a
// Basic header.
func (s *Server) application(req *http.Request, form url.Values) (Application, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, given := httpapi.BasicEscaped(req.Header); given == httpapi.Present && secret == "" {
		id, secret = user, password
	}
	for _, a := range s.settings.OAuth {
		if a.ClientID == id && signin.Same(a.ClientSecret, secret) {
			return a, nil
		}
	}
	c, err := s.Logins.Client(id, secret)
	if err != nil {
		return Application{}, err
	}
	if c.System != "" && c.System != "servicenow" {
		return Application{}, cause.Because(cause.UnknownClient, "%s is a client of %s", c.Name, c.System)
	}
	return Application{ClientID: c.Name, User: c.Name}, nil
}

// issue hands out the current access token, or a new one when it has expired or
// renew asks.
func (s *Server) issue(ctx context.Context, app Application, u *user, renew bool) (*tokenAnswer, error) {
	var g grant
	now := s.Clock.Now()
	err := s.grants.Edit(ctx, app.ClientID+"/"+u.id, func(v *grant, _ bool) (time.Time, error) {
		if !now.Before(v.Expires) || renew {
			v.Access++
			v.Expires = now.Add(accessFor)
		}
		if !now.Before(v.Until) {
			v.Refresh++
			v.Until = now.Add(refreshFor)
		}
		g = *v
		return time.Time{}, nil // the numbers must not begin again
	})
	if err != nil {
		return nil, err
	}
	out := &tokenAnswer{AccessToken: s.secret("access", app.ClientID, u, g.Access), RefreshToken: s.secret("refresh", app.ClientID, u, g.Refresh),
		Scope: "useraccount", TokenType: "Bearer", ExpiresIn: int(g.Expires.Sub(now).Seconds())}
	of := bearerOf{app.ClientID, u.name}
	for _, x := range []struct {
		kind   *signin.Sessions[bearerOf]
		secret string
		until  time.Time
	}{{s.access, out.AccessToken, g.Expires}, {s.refreshing, out.RefreshToken, g.Until}} {
		_, _, err := x.kind.Issue(ctx, signin.Issue[bearerOf]{Owner: u.actor(), TTL: x.until.Sub(now), Data: of, Secret: x.secret})
		if err != nil && !errors.Is(err, cause.Exists) {
			return nil, err
		}
	}
	return out, nil
}

// refresh makes a new access token of a refresh token, which stays as it is.
func (s *Server) refresh(ctx context.Context, app Application, token string) (*tokenAnswer, error) {
	t, err := s.refreshing.Look(ctx, token)
	if err != nil {
		return nil, err
	}
	if t.Data.Client != app.ClientID {
		return nil, cause.Because(cause.UnknownToken, "that refresh token is not %s's", app.ClientID)
	}
	u, err := s.standingUser(ctx, t.Data.User)
	if err != nil {
		return nil, err
	}
	dialect.CallFrom(ctx).Actor = u.actor()
	return s.issue(ctx, app, u, true)
}

// bearer is whose access token it is.
func (s *Server) bearer(ctx context.Context, token string) (*user, error) {
	t, err := s.access.Use(ctx, token)
	if err != nil {
		return nil, err
	}
	return s.standingUser(ctx, t.Data.User)
}

// byJWT checks the token in the header that the vendor calls Authentication:
// HS256, unexpired by the fleet's clock, about somebody that the instance knows.
func (s *Server) byJWT(req *http.Request, app Application) (*user, error) {
	bad := func(what string) (*user, error) {
		return nil, cause.Because(cause.NotAuthenticated, "the JWT %s", what)
	}
	if app.JWTSecret == "" {
		return bad("cannot be checked: the application has no jwt_secret")
	}
	text, given := httpapi.Scheme(req.Header, "Authentication", "Bearer", httpapi.SchemeRules{})
	if given != httpapi.Present {
		return bad("is missing or malformed")
	}
	token, err := jose.Parse(text, jose.Rules{})
	if err == nil {
		err = token.Verify(jose.Key{Secret: []byte(app.JWTSecret)}, jose.HS256)
	}
	var claims jose.Claims
	if err == nil {
		claims, err = token.Claims()
	}
	if err == nil {
		err = jose.Policy{Now: s.Clock.Now(), NeedExpiry: true}.Check(claims)
	}
	if err != nil {
		return bad("is refused: " + cause.Why(err))
	}
	name := claims.Subject
	if _, ok := s.lookup(name); !ok {
		var also struct{ Email string }
		json.Unmarshal(token.Payload, &also) // it was an object
		name = also.Email
	}
	return s.standingUser(req.Context(), name)
}
