package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// Place is where a seed says something.
type Place struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Written bool   `json:"written"` // false: it is not, and a default holds; the place is what it would stand in
}

// explained is one entry with the sentences that a person would want.
type explained struct {
	Entry journal.Entry `json:"entry"`
	Text  []string      `json:"explanation"`
	Rules []fault.State `json:"rules"` // that fired and are still in force
	Why   explanation   `json:"explained"`
}

// explanation is why an operation ended as it did, as data.
type explanation struct {
	Sentence string `json:"sentence"`
	Rule     *rule  `json:"rule,omitempty"`  // that decided; none: nothing that is written decided it
	Cause    string `json:"cause,omitempty"` // the same words each time
	Saw      string `json:"saw,omitempty"`   // the status that the client saw
	Pass     []pass `json:"would_pass"`      // any of it is enough; none: nothing that is known here
	Links    []link `json:"links"`
}

// rule is what decided, and where the seed says so.
type rule struct {
	Says string `json:"says"` // "checkout.exclusive: true"
	Place
}

// pass is one way for the same operation to go well.
type pass struct {
	Says string    `json:"says"`
	At   time.Time `json:"at,omitzero"` // by itself, then
	Now  bool      `json:"now"`         // it would already
	Do   *link     `json:"do,omitempty"`
}

// link is something that an explanation speaks of, and where the API has it.
type link struct {
	Kind   string `json:"kind"` // person, client, account, lease, request, ticket, device, approval, decision, fault, session
	ID     string `json:"id"`
	Method string `json:"method,omitempty"` // other than GET
	Href   string `json:"href"`
}

// to is a link to something, or to the list that has it.
func (s *Server) to(kind, id string) link {
	path, q := url.PathEscape(id), url.QueryEscape(id)
	_, account, _ := strings.Cut(id, ".") // of a lease or request
	href := ""
	switch kind {
	case "person":
		href = "/people/" + path
	case "account":
		href = "/accounts/" + path
	case "lease":
		href = "/leases?account=" + url.QueryEscape(account)
	case "request":
		href = "/accounts/" + url.PathEscape(account)
	case "ticket":
		href = "/tickets/" + path
	case "device":
		href = "/people/" + url.PathEscape(s.owner(id))
	case "approval":
		href = "/approvals?state=pending"
	case "decision":
		href = "/decisions"
	case "fault":
		href = "/faults"
	case "session":
		href = "/journal?session=" + q
	default: // a client
		href = "/journal?actor=" + q
	}
	return link{Kind: kind, ID: id, Href: href}
}

// doing is a link that changes something.
func doing(kind, id, href string) *link {
	return &link{Kind: kind, ID: id, Method: http.MethodPost, Href: href}
}

func (s *Server) explain(c echo.Context) error {
	seq, err := strconv.ParseUint(c.Param("seq"), 10, 63)
	if err != nil {
		return cause.Because(cause.NotFound, "there is no %s; entries have numbers", c.Request().URL.Path)
	}
	ctx := c.Request().Context()
	s.Replicas.Silence(ctx)
	e, ok := s.Journal.Entry(seq)
	if !ok {
		return cause.Because(cause.NotFound, "entry %d is not on record: it has not happened, or it was forgotten", seq)
	}
	x := explained{Entry: e, Text: sentences(e), Rules: []fault.State{}}
	for _, r := range s.Rules.States() {
		for _, id := range e.Faults {
			if r.ID == id {
				x.Rules = append(x.Rules, r)
				x.Text = append(x.Text, fmt.Sprintf("Rule %s (%s) has struck %d of %d matching operations so far.", r.ID, r.Kind, r.Fired, r.Seen))
			}
		}
	}
	if x.Why, err = s.why(ctx, e, x.Rules); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, x)
}

// explaining is an explanation in the making.
type explaining struct {
	*Server
	ctx   context.Context
	e     journal.Entry
	rules []fault.State // that struck and are in force
	now   time.Time
	cause cause.Cause

	person  world.User // whom it is about: who acted, or whose thing it is
	known   bool
	account world.Account
	vaulted bool // account is one
	device  world.Device
	factor  bool // device is one
	ticket  string

	out  explanation
	fact string // what stood in the way, as the beginning of a sentence
}

// why explains an entry as things stand now.
func (s *Server) why(ctx context.Context, e journal.Entry, rules []fault.State) (explanation, error) {
	x := &explaining{Server: s, ctx: ctx, e: e, rules: rules, now: s.Clock.Now(), out: explanation{Saw: e.Status, Cause: e.Cause, Pass: []pass{}, Links: []link{}}}
	x.cause = causeOf(e)
	if x.out.Cause == "" && x.cause != "" {
		x.out.Cause = string(x.cause)
	}
	if err := x.about(); err != nil {
		return x.out, err
	}
	err := x.ending()
	x.out.Sentence = x.sentence()
	return x.out, err
}

// causeOf is the cause that says most: a server that answers "not authenticated" notes
// behind it why.
func causeOf(e journal.Entry) cause.Cause {
	found := cause.Cause(e.Cause)
	for part := range strings.SplitSeq(e.Why, ": ") {
		if _, explains := causes[cause.Cause(part)]; explains {
			found = cause.Cause(part)
		}
	}
	return found
}

// about finds what the entry speaks of: people, accounts, leases, tickets, devices.
func (x *explaining) about() error {
	if u, ok := x.World.User(x.e.Actor); ok {
		x.person, x.known = u, true
		x.link("person", u.ID)
	} else if x.e.Actor != "" {
		x.link("client", x.e.Actor)
	}
	id := x.e.Object
	if kind, rest, cut := strings.Cut(id, "."); cut && (strings.HasPrefix(kind, "lease-") || strings.HasPrefix(kind, "request-")) {
		x.link(strings.TrimRight(kind, "-0123456789"), id)
		id = rest
	}
	if a, ok := x.World.AccountByID(id); ok {
		x.account, x.vaulted = a, true
		x.link("account", a.ID)
	} else if d, ok := x.World.Device(id); ok {
		x.device, x.factor = d, true
		x.link("device", d.ID)
		x.whose(d.UserID)
	} else if u, ok := x.World.Login(id); ok && id != "" {
		if x.link("person", u.ID); !x.known {
			x.person, x.known = u, true
		}
	} else if id != "" {
		t, err := x.Tickets.Get(x.ctx, "", id)
		if c, _ := cause.Of(err); err != nil && c != cause.UnknownTicket {
			return err
		} else if err == nil {
			x.ticket = t.ID
			x.link("ticket", t.ID)
		}
	}
	if order := orderName.FindString(x.e.Why); order != "" {
		x.link("decision", order)
	}
	for _, id := range x.e.Faults {
		x.link("fault", id)
	}
	if x.e.Session != "" {
		x.link("session", x.e.Session)
	}
	return nil
}

// orderName is how an order is named in a reason.
var orderName = regexp.MustCompile(`\bdecision-[0-9]+\b`)

func (x *explaining) whose(userID string) {
	if u, ok := x.World.User(userID); ok && !x.known {
		x.person, x.known = u, true
		x.link("person", u.ID)
	}
}

func (x *explaining) link(kind, id string) {
	l := x.to(kind, id)
	for _, other := range x.out.Links {
		if other == l {
			return
		}
	}
	x.out.Links = append(x.out.Links, l)
}

// rule says what decided, and finds where that stands in the seed.
func (x *explaining) rule(says, in, name string, keys ...string) {
	x.out.Rule = &rule{Says: says}
	if x.Locate != nil {
		if at, ok := x.Locate(in, name, keys...); ok {
			x.out.Rule.Place = at
		}
	}
}

func (x *explaining) pass(p pass) { x.out.Pass = append(x.out.Pass, p) }

// ending explains by how the operation ended.
func (x *explaining) ending() error {
	if order := orderName.FindString(x.e.Why); order != "" {
		return x.byOrder(order)
	}
	switch x.e.Outcome {
	case "ok":
		return nil
	case "challenge":
		x.pass(pass{Says: "with the answer to the question that was asked"})
		return nil
	case "broken":
		x.broken()
		return nil
	case "dropped":
		x.fact = "silence was the answer on purpose"
		if x.e.Why != "" {
			x.fact = x.e.Why
		}
		x.pass(pass{Says: "for a client that the server knows, with the secret that both share"})
		return nil
	case "error":
		x.fact = "Counterpart itself failed"
		x.pass(pass{Says: "once what failed works again"})
		return nil
	case "unimplemented", "unplayed", "lost":
		return nil
	}
	if explain, ok := causes[x.cause]; ok {
		return explain(x)
	}
	if x.e.Outcome == "failed" {
		x.pass(pass{Says: "for a request that is formed as the real system wants it"})
	}
	return nil
}

// byOrder explains what a decision ordered.
func (x *explaining) byOrder(id string) error {
	all, err := x.Decisions.List(x.ctx)
	if err != nil {
		return err
	}
	x.fact = id + " says so"
	x.out.Rule = &rule{Says: x.e.Why}
	for _, d := range all {
		if d.ID == id {
			x.out.Rule.Says = fmt.Sprintf("%s: %s", d.ID, d.Verb)
			x.pass(pass{Says: "once " + id + " is lifted", At: d.Until, Do: &link{Kind: "decision", ID: id, Method: http.MethodDelete, Href: "/decisions/" + id}})
			return nil
		}
	}
	x.pass(pass{Says: id + " is no longer in force", Now: true})
	return nil
}

// broken explains what a fault rule did.
func (x *explaining) broken() {
	x.fact = "a fault rule struck"
	if len(x.e.Faults) > 0 {
		x.fact = "fault rule " + x.e.Faults[0] + " struck"
		x.rule("fault "+x.e.Faults[0], "faults", x.e.Faults[0])
	}
	for _, r := range x.rules {
		if x.out.Rule != nil && r.ID == x.e.Faults[0] {
			x.out.Rule.Says = strings.TrimSpace(fmt.Sprintf("fault %s: %s %s", r.ID, r.Kind, r.Moment))
		}
		x.pass(pass{Says: "once fault rule " + r.ID + " is removed", At: r.Ends, Do: &link{Kind: "fault", ID: r.ID, Method: http.MethodDelete, Href: "/faults/" + url.PathEscape(r.ID)}})
	}
	if len(x.rules) == 0 {
		x.pass(pass{Says: "the rule is no longer in force", Now: true})
	}
}

// sentence is all of it in one.
func (x *explaining) sentence() string {
	who := x.e.Actor
	if who == "" {
		who = "somebody at " + x.e.Peer
	}
	about := ""
	if x.e.Object != "" && x.e.Object != x.e.Actor {
		about = " about " + x.e.Object
	}
	fact := strings.TrimSuffix(orElse(x.fact, x.e.Why), ".")
	for part, rest, cut := strings.Cut(fact, ": "); cut && causes[cause.Cause(part)] != nil; part, rest, cut = strings.Cut(fact, ": ") {
		fact = rest // what kind of refusal it is stands by itself
	}
	end, ok := outcomes[x.e.Outcome]
	if !ok {
		end = "%s ended as " + x.e.Outcome + " for %s"
	}
	said := fmt.Sprintf(end, x.e.Server, who) + about
	if fact == "" || x.e.Outcome == "ok" {
		return strings.ToUpper(said[:1]) + said[1:] + "."
	}
	return strings.ToUpper(fact[:1]) + fact[1:] + ", so " + said + "."
}

// moment is a time in a sentence.
func (x *explaining) moment(t time.Time) string {
	if t.Format(time.DateOnly) == x.now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
