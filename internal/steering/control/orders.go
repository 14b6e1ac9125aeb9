package control

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
)

type clockState struct {
	Now    time.Time `json:"now"`
	Frozen bool      `json:"frozen"`
	Silent []string  `json:"silent,omitempty"` // replicas that have not followed yet
}

func (s *Server) showClock(c echo.Context) error {
	return c.JSON(http.StatusOK, clockState{Now: s.Clock.Now(), Frozen: s.Clock.IsFrozen()})
}

// setClock moves the fleet's time forward, and stops it or lets it run.
func (s *Server) setClock(c echo.Context) error {
	var in struct {
		Advance span       `json:"advance"`
		To      *time.Time `json:"to"`
		Frozen  *bool      `json:"frozen"`
	}
	if err := read(c, &in, false); err != nil {
		return err
	}
	switch {
	case in.Advance == 0 && in.To == nil && in.Frozen == nil:
		return cause.Because(cause.BadInput, "say what to do: advance, to or frozen")
	case in.Advance != 0 && in.To != nil:
		return cause.Because(cause.BadInput, "give either advance or to")
	}
	change := clock.Change{Advance: time.Duration(in.Advance), Frozen: in.Frozen}
	if in.To != nil {
		change.To = *in.To
	}
	silent, err := s.Replicas.Move(c.Request().Context(), change)
	if errors.Is(err, clock.ErrPast) || errors.Is(err, clock.ErrTooLate) {
		return cause.Because(cause.BadInput, "%v", err)
	}
	if err != nil {
		return err
	}
	now, frozen := s.Clock.Shows()
	return c.JSON(http.StatusOK, clockState{now, frozen, silent})
}

func (s *Server) faultRoutes() []dialect.Route {
	return []dialect.Route{
		s.route("GET", "/faults", s.showFaults),
		s.route("PUT", "/faults", s.setFaults),
		s.route("POST", "/faults", s.addFaults),
		s.heavy("POST", "/faults/try", s.tryFaults),
		s.route("DELETE", "/faults", func(c echo.Context) error {
			if err := s.Rules.Set(nil); err != nil {
				return err
			}
			return s.done(c)
		}),
		s.route("DELETE", "/faults/:id", func(c echo.Context) error {
			was, err := s.Rules.Remove(c.Param("id"))
			if err == nil && !was {
				err = cause.Because(cause.NotFound, "there is no fault rule %q", c.Param("id"))
			}
			if err != nil {
				return err
			}
			return s.done(c)
		}),
	}
}

type ruleSet struct {
	Rules []fault.Rule `json:"rules"`
}

func (s *Server) showFaults(c echo.Context) error {
	answer := map[string]any{}
	if silent := s.Replicas.Silence(c.Request().Context()); len(silent) > 0 { // what they have counted is missing
		answer["silent"] = silent
	}
	answer["rules"], answer["kinds"] = s.Rules.States(), s.Rules.Kinds()
	return c.JSON(http.StatusOK, answer)
}

func (s *Server) setFaults(c echo.Context) error {
	var in ruleSet
	if err := read(c, &in, false); err != nil {
		return err
	}
	if err := s.Rules.Set(in.Rules); err != nil {
		return wrongRules(err)
	}
	return s.showFaults(c)
}

func (s *Server) addFaults(c echo.Context) error {
	var in ruleSet
	if err := read(c, &in, false); err != nil {
		return err
	}
	if len(in.Rules) == 0 {
		return cause.Because(cause.BadInput, "rules is empty; give at least one")
	}
	ids, err := s.Rules.Add(in.Rules...)
	if err != nil {
		return wrongRules(err)
	}
	answer := map[string]any{"ids": ids}
	if silent := s.Replicas.Silence(c.Request().Context()); len(silent) > 0 {
		answer["silent"] = silent
	}
	return c.JSON(http.StatusCreated, answer)
}

// wrongRules is why rules cannot be in force: by what they say, or because the store is
// away.
func wrongRules(err error) error {
	if errors.Is(err, state.ErrUnavailable) {
		return err
	}
	return cause.Because(cause.BadInput, "%v", err)
}

// done answers a change that all replicas have followed, or will when they can.
func (s *Server) done(c echo.Context) error {
	s.Replicas.Silence(c.Request().Context())
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) decisionRoutes() []dialect.Route {
	return []dialect.Route{
		s.route("GET", "/decisions", s.showDecisions),
		s.route("POST", "/decisions", s.addDecision),
		s.route("POST", "/decisions/try", s.tryDecision),
		s.route("DELETE", "/decisions", func(c echo.Context) error { return s.lift(c, "") }),
		s.route("DELETE", "/decisions/:id", func(c echo.Context) error { return s.lift(c, c.Param("id")) }),
	}
}

// order is a decision on the wire.
type order struct {
	ID      string         `json:"id,omitempty"`
	Verb    decision.Verb  `json:"verb"`
	On      decision.Field `json:"on,omitempty"`
	User    string         `json:"user,omitempty"`
	Device  string         `json:"device,omitempty"`
	Account string         `json:"account,omitempty"`
	Ticket  string         `json:"ticket,omitempty"`
	Next    int            `json:"next,omitempty"`
	After   span           `json:"after,omitempty"`
	For     span           `json:"for,omitempty"` // dies by itself after that time
	Until   time.Time      `json:"until,omitzero"`
	Made    time.Time      `json:"made,omitzero"`
	Used    int            `json:"used,omitempty"`
}

func ordered(d decision.Decision) order {
	return order{ID: d.ID, Verb: d.Verb, On: d.On, User: d.User, Device: d.Device, Account: d.Account, Ticket: d.Ticket, Next: d.Next,
		After: span(d.After), Until: d.Until, Made: d.Made, Used: d.Used}
}

func (s *Server) showDecisions(c echo.Context) error {
	all, err := s.Decisions.List(c.Request().Context())
	if err != nil {
		return err
	}
	rows := []order{}
	for _, d := range all {
		rows = append(rows, ordered(d))
	}
	return c.JSON(http.StatusOK, map[string]any{"decisions": rows, "verbs": decision.Verbs(), "fields": decision.Fields()})
}

// newDecision reads an order that is to be given.
func (s *Server) newDecision(c echo.Context) (d decision.Decision, err error) {
	var in order
	if err := read(c, &in, false); err != nil {
		return d, err
	}
	if in.ID != "" || !in.Made.IsZero() || in.Used != 0 {
		return d, cause.Because(cause.BadInput, "id, made and used are given here, not by you")
	}
	if err := s.exists(c.Request().Context(), &in); err != nil {
		return d, err
	}
	d = decision.Decision{Verb: in.Verb, On: in.On, User: in.User, Device: in.Device, Account: in.Account, Ticket: in.Ticket, Next: in.Next,
		After: time.Duration(in.After), Until: in.Until}
	if in.For > 0 {
		if !in.Until.IsZero() {
			return d, cause.Because(cause.BadInput, "give either for or until")
		}
		d.Until = s.Clock.Now().Add(time.Duration(in.For))
	}
	return d, nil
}

func (s *Server) addDecision(c echo.Context) error {
	d, err := s.newDecision(c)
	if err != nil {
		return err
	}
	if d, err = s.Decisions.Add(c.Request().Context(), d); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, ordered(d))
}

// exists refuses an order about a ticket or an enrolled device that is not there;
// people and accounts are looked up by the book itself.
func (s *Server) exists(ctx context.Context, in *order) error {
	if in.Ticket != "" {
		t, err := s.Tickets.Get(ctx, "", in.Ticket)
		if err != nil {
			return err
		}
		in.Ticket = t.ID
	}
	if in.Device != "" {
		d, err := s.Factors.Find(ctx, in.Device)
		if err != nil {
			return err
		}
		in.Device = d.ID
	}
	return nil
}

func (s *Server) lift(c echo.Context, id string) error {
	if err := s.Decisions.Lift(c.Request().Context(), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
