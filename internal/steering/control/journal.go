package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
)

func (s *Server) journalRoutes() []dialect.Route {
	return []dialect.Route{
		s.route("GET", "/journal", func(c echo.Context) error { return s.find(c, 0) }),
		s.route("GET", "/journal/find", func(c echo.Context) error { return s.find(c, 0) }),
		s.route("GET", "/journal/wait", func(c echo.Context) error { return s.find(c, 10*time.Second) }),
		s.heavy("POST", "/journal/verify", s.verify),
		s.route("GET", "/journal/stream", s.stream),
		s.route("GET", "/journal/:seq", s.explain),
	}
}

var criteria = []string{"since", "server", "port", "op", "actor", "object", "outcome", "status", "fault", "why", "session", "person"}

// asked is what a query wants of the journal.
func asked(c echo.Context, more ...string) (since uint64, m journal.Match, err error) {
	if err = known(c, append(more, criteria...)...); err != nil {
		return 0, m, err
	}
	q := c.QueryParam
	since, err = number(c, "since")
	m = journal.Match{Server: q("server"), Port: q("port"), Op: q("op"), Actor: q("actor"), Object: q("object"),
		Outcome: q("outcome"), Status: q("status"), Fault: q("fault"), Why: q("why"), Session: q("session"), Person: q("person")}
	if wrong := m.Mistakes(); len(wrong) > 0 && err == nil {
		err = cause.Because(cause.BadInput, "%s", strings.Join(wrong, "; "))
	}
	return since, m, err
}

// find answers what was recorded after ?since=N, filtered; ?wait=10s holds the
// request until there is something, ?count=N until there are so many.
func (s *Server) find(c echo.Context, patience time.Duration) error {
	q, err := s.wanted(c, patience)
	if err != nil {
		return err
	}
	begin(c)
	return s.page(c.Response().Writer, c.Request().Context(), q)
}

// begin sends the head of a page. To write one takes a deep stack, and what a reader needs
// that stops in the middle is as deep as whatever it has ever been: so it is done here.
//
//go:noinline
func begin(c echo.Context) {
	c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	c.Response().WriteHeader(http.StatusOK)
	c.Response().Flush()
}

// wanted is what a request asks of the journal; it waits until there is something.
//
//go:noinline
func (s *Server) wanted(c echo.Context, patience time.Duration) (q question, err error) {
	if q.since, q.match, err = asked(c, "limit", "wait", "count", "until", "last"); err != nil {
		return q, err
	}
	if q.until, err = number(c, "until"); err != nil {
		return q, err
	}
	if q.until > 0 && q.until <= q.since {
		return q, cause.Because(cause.BadInput, "until is the number of the last entry, and lies behind since")
	}
	if q.last, err = number(c, "last"); err != nil {
		return q, err
	}
	limit, err := number(c, "limit")
	if err != nil {
		return q, err
	}
	count, err := number(c, "count")
	if err != nil {
		return q, err
	}
	d, err := wait(c, "wait", patience)
	if err != nil {
		return q, err
	}
	q.silent = s.Replicas.Silence(c.Request().Context())
	if d > 0 {
		ctx, cancel := context.WithTimeout(c.Request().Context(), d)
		defer cancel()
		defer s.untilStop(cancel)()
		s.await(ctx, question{since: q.since, match: q.match, limit: int(max(count, 1))}) // that nothing came is an answer too
	}
	q.limit = int(limit)
	if _, newest, _ := s.Journal.Held(); q.last > 0 && newest > q.last {
		q.since = max(q.since, newest-q.last)
	}
	return q, nil
}

// question is what a reader wants of the journal.
type question struct {
	since uint64
	until uint64 // number of the last one; 0: whatever there is
	last  uint64 // only so many of the newest, whether they match or not; 0: all
	match journal.Match
	limit int  // entries; 0: all
	fleet bool // of a stream: the fleet's state, too
	// silent are replicas whose latest entries are missing.
	silent []string
}

// page writes a page of the journal as it is read, some entries at a time: what a
// reader costs does not depend on how much there is.
func (s *Server) page(w io.Writer, ctx context.Context, q question) error {
	io.WriteString(w, `{"entries":[`)
	first := s.Journal.Lines(q.since, q.match)
	end, sent, last := first.Newest, 0, q.since
	if q.until > 0 {
		end = min(end, q.until)
	}
	var gaps []journal.Gap
	for p := first; ; p = s.Journal.Lines(p.Last, q.match) {
		if gap := p.Gap; gap.From > 0 && len(gaps) < mostGaps {
			if q.until > 0 {
				gap.To = min(gap.To, q.until)
			}
			if gap.From <= gap.To && (gap.From <= end || len(gaps) == 0) {
				gaps = append(gaps, gap)
			}
		}
		for i, text := range p.Texts {
			if p.Seqs[i] > end || q.limit > 0 && sent == q.limit {
				return q.close(w, journal.Lines{Last: last, Dropped: first.Dropped}, gaps)
			}
			if sent > 0 {
				io.WriteString(w, ",")
			}
			if _, err := io.WriteString(w, text); err != nil {
				return nil // whoever asked has gone
			}
			p.Texts[i] = "" // a reader that stops here holds what is left
			runtime.Gosched()
			sent, last = sent+1, p.Seqs[i]
		}
		if p.Last >= end || ctx.Err() != nil {
			return q.close(w, journal.Lines{Last: end, Dropped: first.Dropped}, gaps)
		}
	}
}

// mostGaps is how many gaps one page tells; a reader that is slow while much is recorded
// can meet many.
const mostGaps = 16

// close ends what page began.
func (q question) close(w io.Writer, l journal.Lines, gaps []journal.Gap) error {
	more := ""
	if len(gaps) > 0 {
		text, _ := json.Marshal(gaps) // of numbers: it cannot fail
		more = `,"gaps":` + string(text)
	}
	if len(q.silent) > 0 {
		text, _ := json.Marshal(q.silent) // of texts: it cannot fail
		more += `,"silent":` + string(text)
	}
	_, err := fmt.Fprintf(w, `],"last":%d,"dropped":%d,"missed":%t%s}`+"\n", l.Last, l.Dropped, len(gaps) > 0, more)
	return err
}

// untilStop cancels when the fleet stops, so that a held request does not keep
// it.
func (s *Server) untilStop(cancel context.CancelFunc) (done func() bool) {
	f := s.Fleet()
	if f == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(f.Soft(), cancel)
}

func (s *Server) verify(c echo.Context) error {
	var in journal.Check
	if err := read(c, &in, false); err != nil {
		return err
	}
	if wrong := in.Mistakes(); len(wrong) > 0 {
		return cause.Because(cause.BadInput, "%s", strings.Join(wrong, "; "))
	}
	silent := s.Replicas.Silence(c.Request().Context())
	v := s.Journal.Verify(in)
	for _, who := range silent { // what it has recorded could decide
		v.Problems = append(v.Problems, journal.Problem{Result: journal.Unknown, What: who})
		if v.Result == journal.Pass {
			v.Result = journal.Unknown
		}
	}
	return c.JSON(http.StatusOK, v)
}

// alive is how often a silent stream shows that it lives.
const alive = 15 * time.Second

// eachReader is what a client that waits adds to the pause that all of them make before
// they look again, so that thousands take no more of the machine than a few.
const eachReader = 25 * time.Microsecond

// streamBuffer is how much the system holds of a stream that is not read.
const streamBuffer = 64 << 10

// stream sends entries as server-sent events, from ?since or Last-Event-ID on. One
// that does not keep up is told how much it missed; one that reads nothing for a
// minute is cut off.
func (s *Server) stream(c echo.Context) error {
	since, m, err := asked(c, "last", "fleet")
	if err != nil {
		return err
	}
	q := question{match: m}
	if q.last, err = number(c, "last"); err != nil {
		return err
	}
	also, err := word(c, "fleet", "true", "false")
	if err != nil {
		return err
	}
	q.fleet = also == "true"
	if last := c.Request().Header.Get("Last-Event-ID"); last != "" {
		if since, err = strconv.ParseUint(last, 10, 63); err != nil {
			return cause.Because(cause.BadInput, "Last-Event-ID must be a whole number, not %q", last)
		}
	}
	fleet.Narrow(c.Request().Context(), streamBuffer)
	q.since = since
	return fleet.Detach(c, func(w *fleet.Detached) { s.follow(w, q) })
}

// follow writes entries as they come until the client has gone.
func (s *Server) follow(w *fleet.Detached, q question) {
	ctx, since := w.Context, q.since
	s.readers.Add(1)
	defer s.readers.Add(-1)
	io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n: the journal\n\n")
	most, state := alive, uint64(0)
	if q.fleet {
		most = statusEvery
	}
	for first := true; ctx.Err() == nil; first = false {
		if q.fleet {
			text, n := s.status.now(s)
			if n != state {
				if _, err := io.WriteString(w, "event: fleet\ndata: "+text+"\n\n"); err != nil {
					return
				}
			}
			state = n
		}
		p := s.Journal.Lines(since, q.match)
		if q.last > 0 && p.Newest > q.last && max(since, p.Gap.To) < p.Newest-q.last {
			if since = skip(w, p, q.last, first && since == 0); since == 0 {
				return
			}
			continue
		}
		if err := events(w, p, first && since == 0); err != nil {
			return // whoever listened has gone
		}
		if since = p.Last; since < p.Newest {
			continue
		}
		s.pause(ctx)
		wait, stop := context.WithTimeout(ctx, most)
		s.Journal.Moved(wait, since)
		stop()
	}
}

// await returns when there are as many entries as the question's limit, or ctx ends.
func (s *Server) await(ctx context.Context, q question) {
	s.readers.Add(1)
	defer s.readers.Add(-1)
	for found, seq := 0, q.since; ctx.Err() == nil; s.pause(ctx) {
		n, last := s.Journal.Count(ctx, seq, q.match)
		if found, seq = found+n, last; found >= q.limit || s.Journal.Moved(ctx, seq) != nil {
			return
		}
	}
}

// pause waits for a little real time, the longer the more others are waiting.
func (s *Server) pause(ctx context.Context) {
	t := time.NewTimer(time.Duration(s.readers.Load()) * eachReader)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// skip passes over what a reader that wants the newest entries alone need not see, and tells
// its numbers; what is on record can be read by them. It returns from where the reader goes
// on; 0: it has gone.
func skip(w io.Writer, p journal.Lines, most uint64, begins bool) (since uint64) {
	since = p.Newest - most
	from := p.Last + 1
	if len(p.Seqs) > 0 {
		from = p.Seqs[0]
	}
	if p.Gap.To > 0 {
		from = p.Gap.To + 1
		if !begins {
			tellMissed(w, p, false)
		}
	}
	p.Gap, p.Missed = journal.Gap{From: from, To: since}, since-from+1
	if tellMissed(w, p, true) != nil {
		return 0
	}
	return since
}

// tellMissed is the event for entries that a reader does not get. Those that are held can be
// read by their numbers as long as they are not forgotten.
func tellMissed(w io.Writer, p journal.Lines, held bool) error {
	_, err := fmt.Fprintf(w, "event: missed\ndata: {\"missed\":%d,\"dropped\":%d,\"from\":%d,\"to\":%d,\"held\":%t}\n\n", p.Missed, p.Dropped, p.Gap.From, p.Gap.To, held)
	return err
}

// events writes lines as events. Whoever begins at the beginning has missed nothing
// by what was forgotten before.
func events(w io.Writer, p journal.Lines, begins bool) error {
	if p.Missed > 0 && !begins {
		tellMissed(w, p, false)
	}
	for i, text := range p.Texts {
		if _, err := io.WriteString(w, "id: "+strconv.FormatUint(p.Seqs[i], 10)+"\nevent: entry\ndata: "+text+"\n\n"); err != nil {
			return err
		}
		runtime.Gosched() // among thousands of streams, somebody else's request comes in between
	}
	_, err := io.WriteString(w, ": still here\n\n")
	return err
}

var endings = map[string]string{
	"ok": "went well", "denied": "was refused, as the world demands", "challenge": "was answered with a further question",
	"failed": "could not be understood", "dropped": "was met with silence, on purpose", "error": "failed through our own fault",
	"unimplemented": "is outside of what this server plays", "unplayed": "asked for something that the real system has and that is not played here", "broken": "was broken by a fault rule",
	"lost": "is lost with what it had not handed over",
}

// sentences say what an entry means.
func sentences(e journal.Entry) []string {
	who := e.Actor
	if who == "" {
		who = "Somebody at " + e.Peer
	}
	about := ""
	if e.Object != "" {
		about = " about " + e.Object
	}
	end := endings[e.Outcome]
	if end == "" {
		end = "ended as " + e.Outcome
	}
	out := []string{fmt.Sprintf("At %s %s sent %s to %s%s; it %s.", e.At.Format(time.RFC3339), who, e.Op, e.Server, about, end)}
	if e.Why != "" {
		out = append(out, "Reason: "+e.Why+".")
	}
	if e.Feature != "" {
		out = append(out, fmt.Sprintf("%s is not played here; the client got what the vendor says to somebody who may not or cannot use it.", e.Feature))
	}
	if e.Status != "" {
		out = append(out, fmt.Sprintf("The client saw %s, unless the answer was lost.", e.Status))
	}
	switch e.Broken {
	case "before":
		out = append(out, "The fault struck before the operation: nothing was changed.")
	case "after":
		out = append(out, "The fault struck after the operation: what it changed stands.")
	}
	return out
}
