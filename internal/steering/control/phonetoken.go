package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/replica"
)

// paired are the phones that were given a token for somebody's phone. Of a token only
// its digest is kept.
type paired struct {
	Phones []pairedPhone `json:"phones"`
}

type pairedPhone struct {
	Digest string    `json:"digest"`
	Made   time.Time `json:"made"` // the fleet's time
}

// mostPaired is how many phones one person's can be shown on; the oldest is forgotten.
const mostPaired = 16

// phoneTable has them: a reset leaves phones paired, and an export does not have them.
const phoneTable = replica.Tables + "/phone"

// phoneCookie keeps a phone's token where a page cannot read it.
const phoneCookie = "counterpart_phone"

func (s *Server) pairedPhones() *state.Collection[paired] {
	return state.Of[paired](s.Store, phoneTable)
}

// pairingRoutes give phones their tokens, to whoever has the control port.
func (s *Server) pairingRoutes() []dialect.Route {
	return []dialect.Route{
		s.route("POST", "/phones/:user", s.pair),
		s.route("DELETE", "/phones/:user", s.unpair),
	}
}

// pair makes a token that opens one person's phone, and nothing else.
func (s *Server) pair(c echo.Context) error {
	var in struct {
		Base string `json:"base"`
	}
	if err := read(c, &in, true); err != nil {
		return err
	}
	u, ok := s.World.Login(c.Param("user"))
	if !ok {
		return cause.Because(cause.UnknownUser, "nobody is called %q", c.Param("user"))
	}
	base, err := pairingBase(in.Base, c.Request().Host)
	if err != nil {
		return err
	}
	token := rand.Text()
	err = s.pairedPhones().Change(c.Request().Context(), u.ID, func(v *paired, _ bool) error {
		v.Phones = append(v.Phones, pairedPhone{digest(token), s.Clock.Now()})
		v.Phones = v.Phones[max(0, len(v.Phones)-mostPaired):]
		return nil
	})
	if err != nil {
		return err
	}
	s.Secrets.Issue("phone of "+u.ID, token)
	page := base + "/phone/" + url.PathEscape(u.ID) + "#" + token // what is behind # is sent to nobody
	picture, err := factor.QR(page)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusCreated, map[string]any{"user": u.ID, "token": token, "url": page, "qr": base64.StdEncoding.EncodeToString(picture)})
}

// pairingBase is where a phone finds the control port.
func pairingBase(given, host string) (string, error) {
	if given == "" {
		return "http://" + host, nil
	}
	at, err := url.Parse(given)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.Path != "" && at.Path != "/" || at.RawQuery != "" || at.Fragment != "" || at.User != nil || len(given) > 200 {
		return "", cause.Because(cause.BadInput, "base is a URL like http://192.168.1.5:8099, not %q", given)
	}
	return at.Scheme + "://" + at.Host, nil
}

// unpair lets no phone of a person in any more.
func (s *Server) unpair(c echo.Context) error {
	u, ok := s.World.Login(c.Param("user"))
	if !ok {
		return cause.Because(cause.UnknownUser, "nobody is called %q", c.Param("user"))
	}
	if _, err := s.pairedPhones().Delete(c.Request().Context(), u.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// phoneRoute is a route of one person's phone: the first part of its path behind /phone is
// whose. It opens to that phone's token and to whoever has the control port.
func (s *Server) phoneRoute(method, path string, do func(c echo.Context, u world.User) error) dialect.Route {
	return dialect.Route{Method: method, Path: path, Do: s.fromHere(func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		u, ok := s.World.Login(c.Param("user"))
		if err := s.opens(c, u.ID); err != nil {
			return err
		}
		if !ok { // told to nobody who may not ask
			return cause.Because(cause.UnknownUser, "nobody is called %q", c.Param("user"))
		}
		return do(c, u)
	})}
}

// opens refuses who has neither the control port's token nor one of the person's phone. A
// port that wants no token still refuses one that is wrong.
func (s *Server) opens(c echo.Context, userID string) error {
	token, given := httpapi.Bearer(c.Request().Header, httpapi.SchemeRules{})
	if given != httpapi.Present {
		token = ""
		if cookie, err := c.Cookie(phoneCookie); err == nil && s.Token != "" {
			token = cookie.Value
		}
	}
	if token == "" && s.Token == "" && given == httpapi.Absent {
		return nil
	}
	if s.Token != "" && (signin.Same(token, s.Token) || s.byCookie(c)) {
		return nil
	}
	ok, err := s.isPaired(c.Request().Context(), userID, token)
	if err != nil {
		return err
	}
	if !ok {
		return cause.Because(cause.NotAuthenticated, "this phone wants its own token, or that of the control port: Authorization: Bearer …")
	}
	return nil
}

func (s *Server) isPaired(ctx context.Context, userID, token string) (bool, error) {
	if userID == "" || token == "" {
		return false, nil
	}
	v, err := s.pairedPhones().Get(ctx, userID)
	if err != nil || v == nil {
		return false, err
	}
	want := digest(token)
	return slices.ContainsFunc(v.Phones, func(p pairedPhone) bool { return signin.Same(p.Digest, want) }), nil
}

// keepToken lets a page keep its phone's token where no script can read it. What it has to
// show is the token itself, in the body.
func (s *Server) keepToken(c echo.Context) error {
	var in struct {
		Token string `json:"token"`
	}
	if err := read(c, &in, false); err != nil {
		return err
	}
	u, _ := s.World.Login(c.Param("user"))
	ok, err := s.isPaired(c.Request().Context(), u.ID, in.Token)
	if err != nil {
		return err
	}
	if !ok {
		return cause.Because(cause.NotAuthenticated, "that is no token of this phone")
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	c.SetCookie(&http.Cookie{Name: phoneCookie, Value: in.Token, Path: "/phone/" + url.PathEscape(u.ID), HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(c.Request().Header.Get("Origin"), "https://")})
	return c.NoContent(http.StatusNoContent)
}
