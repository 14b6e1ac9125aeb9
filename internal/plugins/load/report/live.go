package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress is how a run stands.
type Progress struct {
	Title           string
	Elapsed, Length time.Duration
	Draining        bool
	InFlight        int64
	Recent          float64 // answers in the last second
	All             Row
	Rows            []Row
}

// Live shows how a run stands: on a terminal a picture that is drawn anew each time,
// elsewhere a line now and then.
type Live struct {
	W        io.Writer
	Terminal bool
	Width    int           // of the terminal, in characters; 0 is 100
	Every    time.Duration // between lines elsewhere

	drawn int // lines that are on the screen
	said  time.Duration
}

// most rows that are shown while a run goes on.
const mostShown = 12

// Show shows how the run stands.
func (l *Live) Show(p Progress) {
	if !l.Terminal {
		if p.Elapsed-l.said < l.Every && l.said > 0 {
			return
		}
		l.said = p.Elapsed
		fmt.Fprintf(l.W, "%s  %.0f/s  %s on their way  p50 %s  p99 %s  refused %s  failed %s\n", clock(p.Elapsed, p.Length), p.Recent, Count(p.InFlight),
			Duration(felt(p.All).P50), Duration(felt(p.All).P99), Count(p.All.Refused), Count(p.All.Failed))
		return
	}
	lines := l.picture(p)
	var b strings.Builder
	l.back(&b)
	for _, line := range lines {
		b.WriteString(cut(line, l.width()) + "\x1b[K\n")
	}
	l.drawn = len(lines)
	io.WriteString(l.W, b.String())
}

// Wipe takes the picture off the screen.
func (l *Live) Wipe() {
	var b strings.Builder
	l.back(&b)
	l.drawn = 0
	io.WriteString(l.W, b.String())
}

// back goes to where the picture begins, and clears what is below.
func (l *Live) back(b *strings.Builder) {
	if l.drawn > 0 {
		fmt.Fprintf(b, "\x1b[%dA\r\x1b[J", l.drawn)
	}
}

func (l *Live) width() int {
	if l.Width <= 0 {
		return 100
	}
	return l.Width
}

func felt(r Row) Times {
	if r.Felt == nil {
		return Times{}
	}
	return *r.Felt
}

func clock(elapsed, length time.Duration) string {
	return fmt.Sprintf("%4.0f of %.0f s", elapsed.Seconds(), length.Seconds())
}

func (l *Live) picture(p Progress) []string {
	const bar = 30
	done := min(bar, int(bar*p.Elapsed/max(p.Length, 1)))
	state := ""
	if p.Draining {
		state = "  waiting for journeys to end"
	}
	lines := []string{
		p.Title,
		fmt.Sprintf("[%s%s] %s%s", strings.Repeat("#", done), strings.Repeat(".", bar-done), clock(p.Elapsed, p.Length), state),
		fmt.Sprintf("%.0f answers a second, %s journeys on their way, %s answers, %s refused, %s failed", p.Recent, Count(p.InFlight), Count(p.All.Count), Count(p.All.Refused), Count(p.All.Failed)),
		"",
		fmt.Sprintf("%-40s %9s %8s %8s %8s %8s %8s", "operation", "count", "felt p50", "p99", "max", "wire p99", "lag p99"),
	}
	for i, r := range p.Rows {
		if i == mostShown {
			lines = append(lines, fmt.Sprintf("… and %d more", len(p.Rows)-i))
			break
		}
		f := felt(r)
		wire, lag := Times{}, Times{}
		if r.Wire != nil {
			wire, lag = *r.Wire, *r.Lag
		}
		lines = append(lines, fmt.Sprintf("%-40s %9s %8s %8s %8s %8s %8s", cut(r.Label(), 40), Count(r.Count), Duration(f.P50), Duration(f.P99), Duration(f.Max), Duration(wire.P99), Duration(lag.P99)))
	}
	for i, x := range p.All.Reasons {
		if i == 5 {
			break
		}
		if i == 0 {
			lines = append(lines, "")
		}
		lines = append(lines, fmt.Sprintf("  %s: %s %s", x.Verdict, x.Reason, Count(x.Count)))
	}
	return lines
}

// cut is a text of at most n characters, of which none moves the cursor.
func cut(s string, n int) string {
	r := []rune(strings.Map(visible, strings.ReplaceAll(s, "\n", " ")))
	if len(r) > n {
		r = append(r[:n-1], '…')
	}
	return string(r)
}
