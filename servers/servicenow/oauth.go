package servicenow

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/jose"
	"counterpart/internal/face/oauth"
	"counterpart/internal/serving/dialect"
)

// How long tokens live.
const (
	accessFor  = 1800 * time.Second
	refreshFor = 100 * 24 * time.Hour
)

// bearerOf is what stands behind a token: which application uses it for whom.
type bearerOf struct {
	Client string `json:"client"`
	User   string `json:"user"`
	Number int    `json:"number,omitempty"` // of a refresh token, in its set
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

// jwtBearer is the grant of a signed token.
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// tokenEndpoint is which grants there are, and how an application proves itself: in the
// form, or by Basic.
func (s *Server) tokenEndpoint() *oauth.Endpoint[Application] {
	var grants []oauth.Grant
	for _, name := range []string{"password", "refresh_token", "client_credentials", jwtBearer} {
		grants = append(grants, oauth.Grant{Names: []string{name}, Methods: []oauth.Method{oauth.InBody, oauth.BasicEscaped}})
	}
	return &oauth.Endpoint[Application]{Grants: grants, Client: s.application}
}

func (s *Server) grantToken(c echo.Context) (*tokenAnswer, error) {
	asked, err := s.tokens.Read(c.Request())
	if err != nil {
		return nil, err
	}
	ctx, app := c.Request().Context(), asked.Client
	var u *user
	switch asked.Grant {
	case "password":
		u, err = s.password(ctx, asked.Get("username"), asked.Get("password"))
	case "refresh_token":
		return s.refresh(ctx, app, asked.Get("refresh_token"))
	case "client_credentials":
		if app.User == "" {
			return nil, cause.Because(cause.NotAllowed, "the application %s stands for no user", app.ClientID)
		}
		u, err = s.standingUser(ctx, app.User)
	case jwtBearer:
		u, err = s.byJWT(c.Request(), app)
	}
	if err != nil {
		return nil, err
	}
	dialect.CallFrom(ctx).Actor = u.actor()
	set, err := s.sets.Issue(ctx, setKey(app, u))
	if err != nil {
		return nil, err
	}
	return s.issue(ctx, app, u, set)
}

// setKey is what the tokens of an application for a user are kept under.
func setKey(app Application, u *user) string { return app.ClientID + "/" + u.id }

// application finds the OAuth application by id and secret.
func (s *Server) application(_ context.Context, c oauth.Credentials) (Application, oauth.Allowed, error) {
	for _, a := range s.settings.OAuth {
		if a.ClientID == c.ID && signin.Same(a.ClientSecret, c.Secret) {
			return a, nil, nil
		}
	}
	client, err := s.Logins.Client(c.ID, c.Secret)
	if err != nil {
		return Application{}, nil, err
	}
	if client.System != "" && client.System != "servicenow" {
		return Application{}, nil, cause.Because(cause.UnknownClient, "%s is a client of %s", client.Name, client.System)
	}
	return Application{ClientID: client.Name, User: client.Name}, nil, nil
}

// issue hands out the tokens of a set, which are good from then on.
func (s *Server) issue(ctx context.Context, app Application, u *user, set oauth.Set) (*tokenAnswer, error) {
	now := s.Clock.Now()
	out := &tokenAnswer{AccessToken: s.secret("access", app.ClientID, u, set.Access), RefreshToken: s.secret("refresh", app.ClientID, u, set.Refresh),
		Scope: "useraccount", TokenType: "Bearer", ExpiresIn: int(set.Expires.Sub(now).Seconds())}
	for _, x := range []struct {
		kind   *signin.Sessions[bearerOf]
		secret string
		until  time.Time
		of     bearerOf
	}{{s.access, out.AccessToken, set.Expires, bearerOf{app.ClientID, u.name, 0}}, {s.refreshing, out.RefreshToken, set.Until, bearerOf{app.ClientID, u.name, set.Refresh}}} {
		_, _, err := x.kind.Issue(ctx, signin.Issue[bearerOf]{Owner: u.actor(), TTL: x.until.Sub(now), Data: x.of, Secret: x.secret})
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
	set, err := s.sets.Refresh(ctx, setKey(app, u), t.Data.Number, false)
	if err != nil {
		return nil, err
	}
	return s.issue(ctx, app, u, set)
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
