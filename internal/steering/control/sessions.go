package control

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
)

// Plugins runs sessions of plugins against this fleet. Its errors are causes.
type Plugins struct {
	List   func() ([]Plugin, error)
	Start  func(PluginStart) (PluginSession, error)
	All    func() []PluginSession
	Look   func(ctx context.Context, id string, since, asked int) (PluginSession, error) // waits until ctx ends for something after since, or another prompt than asked
	Answer func(id string, a PluginAnswer) error
	Stop   func(id string) error
}

// Plugin is one that can be run.
type Plugin struct {
	Name     string   `json:"name"` // in the folder
	Title    string   `json:"title,omitempty"`
	Type     string   `json:"type,omitempty"` // aa or credentialstore
	Version  string   `json:"version,omitempty"`
	Rejected []string `json:"rejected,omitempty"` // why SPS would refuse it
}

// PluginUse is a plugin of a session, with its configuration; empty: the one beside it.
type PluginUse struct {
	Name   string `json:"name"`
	Config string `json:"config,omitempty"`
}

// PluginStart is a session to be run. Connection and Target are those of a scenario.
type PluginStart struct {
	AA         *PluginUse     `json:"aa,omitempty"`
	Store      *PluginUse     `json:"credentialstore,omitempty"`
	Connection map[string]any `json:"connection"`
	Target     map[string]any `json:"target,omitempty"`
}

// PluginAsk is what a plugin wants to know.
type PluginAsk struct {
	Number int    `json:"number"` // in the session
	Text   string `json:"text"`
	Hidden bool   `json:"hidden"`
}

// PluginAnswer is what the user does at a prompt.
type PluginAnswer struct {
	Number int    `json:"number"`
	Text   string `json:"text,omitempty"`
	HangUp bool   `json:"hang_up,omitempty"`
}

// PluginMoment is one thing that happened in a session.
type PluginMoment struct {
	N      int     `json:"n"`
	At     float64 `json:"at_s"` // real seconds since it began
	Source string  `json:"source"`
	Text   string  `json:"text"`
}

// PluginSession is a session as it stands.
type PluginSession struct {
	ID      string         `json:"id"`
	State   string         `json:"state"` // running, waiting (for an answer), ended
	User    string         `json:"user,omitempty"`
	Plugins []string       `json:"plugins"`
	Began   time.Time      `json:"began"` // the fleet's time
	Ask     *PluginAsk     `json:"ask,omitempty"`
	Outcome string         `json:"outcome,omitempty"`
	Problem string         `json:"problem,omitempty"` // why it could not be played
	Left    []string       `json:"left_behind"`
	Gaps    []string       `json:"not_isolated"` // what plugins can do on this system although they should not
	Moments []PluginMoment `json:"moments"`
	Last    int            `json:"last"`    // ask again from here
	Dropped int            `json:"dropped"` // moments that are forgotten
}

func (s *Server) sessionRoutes() []dialect.Route {
	with := func(do echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if s.Plugins == nil {
				return cause.Because(cause.NotFound, "this fleet runs no plugins; start it with --plugins DIR")
			}
			return do(c)
		}
	}
	return []dialect.Route{
		s.route("GET", "/plugins", with(s.plugins)),
		s.route("GET", "/sessions", with(s.sessions)),
		s.route("POST", "/sessions", with(s.startSession)),
		s.route("GET", "/sessions/:id", with(s.session)),
		s.route("DELETE", "/sessions/:id", with(s.stopSession)),
		s.route("POST", "/sessions/:id/answer", with(s.answerSession)),
	}
}

func (s *Server) plugins(c echo.Context) error {
	all, err := s.Plugins.List()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"plugins": orEmpty(all)})
}

func (s *Server) sessions(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]any{"sessions": orEmpty(s.Plugins.All())})
}

func (s *Server) startSession(c echo.Context) error {
	var in PluginStart
	if err := read(c, &in, false); err != nil {
		return err
	}
	out, err := s.Plugins.Start(in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, out)
}

// session is one of them; with ?wait=10s once something has happened after ?since=N, or
// another prompt waits than ?asked=N.
func (s *Server) session(c echo.Context) error {
	if err := known(c, "since", "asked", "wait"); err != nil {
		return err
	}
	since, err := number(c, "since")
	if err != nil {
		return err
	}
	asked, err := number(c, "asked")
	if err != nil {
		return err
	}
	d, err := wait(c, "wait", 0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), d)
	defer cancel()
	defer s.untilStop(cancel)()
	out, err := s.Plugins.Look(ctx, c.Param("id"), int(since), int(asked))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Server) answerSession(c echo.Context) error {
	var in PluginAnswer
	if err := read(c, &in, false); err != nil {
		return err
	}
	if err := s.Plugins.Answer(c.Param("id"), in); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) stopSession(c echo.Context) error {
	if err := s.Plugins.Stop(c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
