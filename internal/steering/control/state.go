package control

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/face/httpapi"
)

// reset takes everything but the clock back to the seed.
func (s *Server) reset(c echo.Context) error {
	if err := read(c, &struct{}{}, true); err != nil {
		return err
	}
	if err := s.Reset(c.Request().Context()); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, clockState{Now: s.Clock.Now(), Frozen: s.Clock.IsFrozen()})
}

// load takes another seed in place of the one that runs. A seed with mistakes is
// refused with all of them, and everything stays as it is. The answer comes before
// the change; /readyz names the seed that runs.
func (s *Server) load(c echo.Context) error {
	if s.Load == nil {
		return cause.Because(cause.NotFound, "this fleet cannot take another seed; start another fleet")
	}
	if httpapi.MediaType(c.Request().Header.Get("Content-Type")) != "application/yaml" {
		return cause.Because(httpapi.UnsupportedMedia, "send Content-Type: application/yaml, not %q", c.Request().Header.Get("Content-Type"))
	}
	ctx := c.Request().Context()
	text, err := httpapi.ReadAtMost(c.Request(), largestSeed)
	if err != nil {
		return err
	}
	digest, err := s.Load(ctx, text)
	if err != nil {
		if _, known := cause.Of(err); !known {
			err = cause.Because(cause.BadInput, "%v", err)
		}
		return err
	}
	return c.JSON(http.StatusAccepted, map[string]string{"status": "loading", "seed": digest})
}

func (s *Server) export(c echo.Context) error {
	if s.Export == nil {
		return cause.Because(cause.NotFound, "this fleet cannot be exported")
	}
	text, err := s.Export(c.Request().Context())
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/yaml", text)
}

// metrics is the Prometheus text format.
func (s *Server) metrics(c echo.Context) error {
	var b bytes.Buffer
	counted, _ := s.Counted(c.Request().Context()) // without a store, what happened here
	counted.WriteTo(&b)
	fmt.Fprintf(&b, "# HELP counterpart_journal_entries_total Operations recorded.\n# TYPE counterpart_journal_entries_total counter\ncounterpart_journal_entries_total %d\n", s.Journal.Recorded())
	fmt.Fprintf(&b, "# HELP counterpart_journal_dropped_total Operations forgotten for want of room.\n# TYPE counterpart_journal_dropped_total counter\ncounterpart_journal_dropped_total %d\n", s.Journal.Dropped())
	b.WriteString("# HELP counterpart_fault_fired_total Operations that a fault rule struck.\n# TYPE counterpart_fault_fired_total counter\n")
	for _, r := range s.Rules.States() {
		fmt.Fprintf(&b, "counterpart_fault_fired_total{rule=%q,kind=%q} %d\n", r.ID, r.Kind, r.Fired)
	}
	all, err := s.Accounts.Leases(c.Request().Context(), everybody)
	if err != nil {
		return err
	}
	active := 0
	for _, l := range all {
		if l.State == checkout.Active {
			active++
		}
	}
	fmt.Fprintf(&b, "# HELP counterpart_leases_active Accounts in somebody's hands.\n# TYPE counterpart_leases_active gauge\ncounterpart_leases_active %d\n", active)
	fmt.Fprintf(&b, "# HELP counterpart_clock_seconds The fleet's time.\n# TYPE counterpart_clock_seconds gauge\ncounterpart_clock_seconds %d\n", s.Clock.Now().Unix())
	fmt.Fprintf(&b, "# HELP counterpart_journal_masked_total Entries made readable; each is masked once, however many read it.\n# TYPE counterpart_journal_masked_total counter\ncounterpart_journal_masked_total %d\n", s.Journal.MaskedEntries())
	fmt.Fprintf(&b, "# HELP counterpart_journal_readers Clients that follow the journal.\n# TYPE counterpart_journal_readers gauge\ncounterpart_journal_readers %d\n", s.readers.Load())
	s.process(&b)
	if f := s.Fleet(); f != nil {
		fmt.Fprintf(&b, "# HELP counterpart_refused_total Datagrams and connections turned away for want of a slot.\n# TYPE counterpart_refused_total counter\ncounterpart_refused_total %d\n", f.Dropped())
	}
	return c.Blob(http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", b.Bytes())
}
