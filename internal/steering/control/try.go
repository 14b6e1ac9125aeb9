package control

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// tried is a rule with what it would have done.
type tried struct {
	fault.State
	Last []uint64 `json:"last"` // entries that it would have struck, the newest, oldest first
}

// mostStruck is how many of those are told.
const mostStruck = 10

// tryFaults says which of the operations on record rules would have struck. Nothing is put
// in force.
func (s *Server) tryFaults(c echo.Context) error {
	var in ruleSet
	if err := read(c, &in, false); err != nil {
		return err
	}
	trial, err := s.Rules.Try(in.Rules)
	if err != nil {
		return wrongRules(err)
	}
	s.Replicas.Silence(c.Request().Context())
	looked, last := 0, make([][]uint64, len(in.Rules))
	s.Journal.Scan(func(e journal.Entry) {
		looked++
		for _, i := range trial.See(fault.Subject{Server: e.Server, Port: e.Port, Op: e.Op, Actor: e.Actor, Object: e.Object, Started: e.At}) {
			last[i] = append(last[i], e.Seq)
			last[i] = last[i][max(0, len(last[i])-mostStruck):]
		}
	})
	rows := make([]tried, len(in.Rules))
	for i, state := range trial.States() {
		rows[i] = tried{state, orEmpty(last[i])}
	}
	return c.JSON(http.StatusOK, map[string]any{"rules": rows, "looked": looked, "dropped": s.Journal.Dropped()})
}

// tryDecision says how many of the decisions that this process was asked for lately an
// order would have taken. It is not given.
func (s *Server) tryDecision(c echo.Context) error {
	d, err := s.newDecision(c)
	if err != nil {
		return err
	}
	hits, of, err := s.Decisions.Try(d)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"would": hits, "looked": of})
}
