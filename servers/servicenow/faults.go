package servicenow

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/serving/dialect"
)

// The faults that only an instance can play. Statuses, delays, cut and changed
// bodies are the fleet's.
const (
	faultCancelled  = "transaction-cancelled" // the list breaks off into an error, with status 200; with args.as unclosed it is no JSON
	faultAsleep     = "hibernating"           // a page of HTML, with status 200
	faultMFA        = "mfa-required"          // 401 with X-MFA_TOKEN for a right password
	faultLag        = "replica-lag"           // lists see what was changed within args.for (5s) as it was before
	faultHidden     = "row-security"          // rows that match are counted and not shown
	faultUnserviced = "batch-unserviced"      // a batch leaves its last call undone
)

// Faults implements dialect.Server.
func (s *Server) Faults() []string {
	return []string{faultCancelled, faultAsleep, faultMFA, faultLag, faultHidden, faultUnserviced}
}

const sleepingPage = "<!DOCTYPE html>\n<html><head><title>Instance Hibernating page</title></head><body><h1>Your instance is hibernating</h1>" +
	"<p>Sign in to the developer site to wake it up.</p></body></html>\n"

// asleep plays a developer instance that hibernates.
func (s *Server) asleep(c echo.Context) bool {
	if _, hit := dialect.CallFrom(c.Request().Context()).Fault(faultAsleep); !hit {
		return false
	}
	c.HTML(http.StatusOK, sleepingPage)
	return true
}

// lag is how far behind a replica's lists are; zero: not at all.
func (r *request) lag() time.Duration {
	rule, hit := r.call().Fault(faultLag)
	if !hit {
		return 0
	}
	d, err := time.ParseDuration(rule.Args["for"])
	if err != nil || d <= 0 {
		return 5 * time.Second
	}
	return d
}

// behind is a row as a replica has it that is some time behind: a ticket changed
// since then as the seed had it, one that was made since then not at all.
func (s *Server) behind(r *record, lag time.Duration) (*record, bool) {
	if lag == 0 || r.ticket == nil || !r.ticket.UpdatedAt.After(s.Clock.Now().Add(-lag)) {
		return r, true
	}
	t, ok := s.Tickets.Seeded(r.ticket.System, r.ticket.ID)
	if !ok {
		return nil, false
	}
	return s.fromTicket(t), true
}
