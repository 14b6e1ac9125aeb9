package core

import (
	"fmt"
	"strings"
	"time"
)

// lives fits the lifetimes of a token to its role's: the lesser of both counts.
func (r *Request) lives(role *tokenRole, i *issue) (warnings []string) {
	if role == nil {
		return nil
	}
	for _, x := range []struct {
		what string
		to   *time.Duration
		role time.Duration
	}{{"Explicit max TTL", &i.explicit, role.ExplicitMax}, {"Period", &i.period, role.Period}} {
		switch {
		case x.role == 0:
		case *x.to == 0:
			*x.to = x.role
		default:
			*x.to = min(*x.to, x.role)
			warnings = append(warnings, fmt.Sprintf("%s specified both during creation call and in role; using the lesser value of %d seconds", x.what, int64(*x.to/time.Second)))
		}
	}
	return warnings
}

// bound fits the lifetimes of a token to those of its mount, and says so.
func (i *issue) bound(m *Mount) []string {
	if i.isRoot && i.ttl == 0 && i.period == 0 {
		i.ttl, i.max = i.explicit, i.explicit
		i.fixed = i.fixed || i.ttl == 0
		return nil
	}
	byDefault, most := m.Lives()
	l := life{byDefault: byDefault, most: most, ttl: i.ttl, max: i.max, explicit: i.explicit, period: i.period}
	granted, warnings := l.grant(0, 0)
	i.roleTTL = i.ttl
	i.ttl, i.max = granted, l.end()
	return warnings
}

// life is what decides how long a token lives from now.
type life struct {
	byDefault, most time.Duration // the mount's
	ttl, max        time.Duration // the role's or the caller's wish; 0: none
	explicit        time.Duration // explicit_max_ttl; 0: none
	period          time.Duration // 0: none
}

// longest is the effective maximum.
func (l life) longest() time.Duration {
	most := l.most
	for _, d := range []time.Duration{l.max, l.explicit} {
		if d > 0 {
			most = min(most, d)
		}
	}
	return most
}

// end is how long after its issue a token lives at most; 0: for ever.
func (l life) end() time.Duration {
	if l.period > 0 {
		return l.explicit
	}
	return l.longest()
}

// grant is how long the token lives from now, when it has lived for so long
// already and its holder wants it longer by increment (0: does not say).
func (l life) grant(increment, lived time.Duration) (granted time.Duration, warnings []string) {
	most := l.longest()
	switch {
	case l.period > 0:
		if granted = l.period; granted > most {
			warnings = append(warnings, fmt.Sprintf("period of %q exceeded the effective max_ttl of %q; period value is capped accordingly", short(granted), short(most)))
			granted = most
		}
	case increment > 0:
		granted = increment
	case l.ttl > 0:
		granted = l.ttl
	default:
		granted = l.byDefault
	}
	if end := l.end(); end > 0 {
		if left := max(end-lived, 0); granted > left {
			warnings = append(warnings, Capped(granted, left))
			granted = left
		}
	}
	return granted, warnings
}

// Capped is the warning about a lifetime that is too long.
func Capped(got, most time.Duration) string {
	return fmt.Sprintf("TTL of %q exceeded the effective max_ttl of %q; TTL value is capped accordingly", short(got), short(most))
}

// short writes a length of time in whole seconds and without its parts that are
// zero: 2h, 1h30s, 1h30m, and 0s for none (sdk/framework, CalculateTTL).
func short(d time.Duration) string {
	s := d.Truncate(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return strings.Replace(s, "h0m", "h", 1)
}
