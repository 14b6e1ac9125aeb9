package servicenow

import (
	"fmt"
	"strconv"
	"time"

	"counterpart/internal/face/limits"
)

// rule finds the rate limit for a user's call on a table: one for the user beats
// one for a role, of which the lowest counts, and that beats one for all. An
// admin has the role itil too.
func (s *Server) rule(u *user, table string) (best int) {
	best = -1
	rank := map[string]int{"user": 2, "role": 1, "all": 0}
	for i, l := range s.settings.RateLimits {
		fits := l.Table == "" || l.Table == table
		switch l.Scope {
		case "user":
			who, ok := s.lookup(l.User)
			fits = fits && ok && who.id == u.id
		case "role":
			fits = fits && u.role >= roleNames[l.Role]
		}
		if !fits {
			continue
		}
		if best >= 0 {
			was := s.settings.RateLimits[best]
			if rank[l.Scope] < rank[was.Scope] || rank[l.Scope] == rank[was.Scope] && l.PerHour >= was.PerHour {
				continue
			}
		}
		best = i
	}
	return best
}

// limit counts a call against its rule and says so in the headers.
func (r *request) limit(table string) error {
	i := r.rule(r.user, table)
	if i < 0 {
		return nil
	}
	rule := r.settings.RateLimits[i]
	v, err := r.rates.Take(r.ctx(), fmt.Sprintf("%d/%s", i, r.user.id), limits.AlignedWindow(rule.PerHour, time.Hour))
	if err != nil {
		return err
	}
	h := r.Response().Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(v.Limit))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(v.Reset.Unix(), 10))
	h.Set("X-RateLimit-Rule", r.idOf("sys_rate_limit_rules", strconv.Itoa(i)))
	if v.Allowed {
		return nil
	}
	return tooMany(rule.PerHour, v.Seconds(), fmt.Sprintf("rate_limits[%d]", i))
}
