package control

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/serving/dialect"
)

// ui is the console: pages, modules and a style sheet.
//
//go:embed ui
var ui embed.FS

// policy lets a page run and load what comes from this port, and nothing that stands in it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// consoleCookie has the control port's token; no script can read it, and no page of
// another site makes a browser send it.
const consoleCookie = "counterpart-console"

// asset is one file of the console.
type asset struct {
	kind, tag string
	text      []byte
}

// docComment is a doc comment of a module that has lines of its own. It is for readers of the
// source and for the type checker, a tenth of the whole, and no browser gets it. Its lines
// stay, empty, so that what a browser says of a line is true of the source. (A test forbids
// the only text that could look like one, a template that goes over several lines.)
var docComment = regexp.MustCompile(`(?m)^[ \t]*(/\*\*.*\*/|/\*\*[^/\n]*$| \*.*)$`)

// assets reads the console's files.
func assets() (map[string]asset, error) {
	kinds := map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
	all := map[string]asset{}
	err := fs.WalkDir(ui, "ui", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := ui.ReadFile(name)
		kind, known := kinds[path.Ext(name)]
		if err == nil && !known {
			err = fmt.Errorf("control: %s is of no kind that the console has", name)
		}
		if path.Ext(name) == ".js" {
			text = docComment.ReplaceAll(text, nil)
		}
		sum := sha256.Sum256(text)
		all[path.Base(name)] = asset{kind, `"` + hex.EncodeToString(sum[:8]) + `"`, text}
		return err
	})
	return all, err
}

// consoleRoutes are the pages. They hold nothing of the fleet, so that they need no token:
// what they show they ask the API for.
func (s *Server) consoleRoutes() []dialect.Route {
	page := s.fromHere(func(c echo.Context) error { return s.asset(c, "console.html") })
	return []dialect.Route{
		{Method: "GET", Path: "/", Do: s.fromHere(func(c echo.Context) error { return c.Redirect(http.StatusFound, "/console") })},
		{Method: "GET", Path: "/phones", Do: s.fromHere(func(c echo.Context) error { return c.Redirect(http.StatusFound, "/console/phones") })},
		{Method: "GET", Path: "/console", Do: page},
		{Method: "GET", Path: "/console/:page", Do: page},
		{Method: "GET", Path: "/console/:page/:id", Do: page},
		{Method: "GET", Path: "/console/ui/:file", Do: s.fromHere(func(c echo.Context) error { return s.asset(c, c.Param("file")) })},
		{Method: "POST", Path: "/console/session", Do: s.fromHere(s.openConsole)},
	}
}

// asset answers with a file of the console.
func (s *Server) asset(c echo.Context, name string) error {
	files, err := s.files()
	if err != nil {
		return err
	}
	a, ok := files[name]
	if !ok {
		return cause.Because(cause.NotFound, "the console has no file %q", name)
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set(echo.HeaderCacheControl, "no-cache")
	h.Set("ETag", a.tag)
	if c.Request().Header.Get("If-None-Match") == a.tag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, a.kind, a.text)
}

// openConsole keeps the control port's token in a cookie for the pages.
func (s *Server) openConsole(c echo.Context) error {
	var in struct {
		Token string `json:"token"`
	}
	if err := read(c, &in, false); err != nil {
		return err
	}
	if s.Token != "" && !signin.Same(in.Token, s.Token) {
		return cause.Because(cause.NotAllowed, "that is not the token of this port")
	}
	c.SetCookie(&http.Cookie{Name: consoleCookie, Value: in.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	return c.NoContent(http.StatusNoContent)
}

// byCookie reports whether a request has the token in the console's cookie. What changes
// something must say which page it comes from, as browsers do: SameSite alone trusts all
// ports of a host.
func (s *Server) byCookie(c echo.Context) bool {
	r := c.Request()
	kept, err := r.Cookie(consoleCookie)
	if err != nil || !signin.Same(kept.Value, s.Token) {
		return false
	}
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header.Get("Origin") != ""
}

// wantsPage reports whether a browser asks for a page rather than a program for data.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get(echo.HeaderAccept), "text/html")
}
