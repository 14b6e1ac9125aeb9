package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// questions are pushes that are approved, denied and withdrawn at once.
type questions struct{ asked atomic.Int64 }

func (q *questions) name() string { return "approvals" }

func (q *questions) next(*rand.Rand) (string, porcupine.Model, bool) {
	return name("push", int(q.asked.Add(1)%askable)), decided(), true
}

func (q *questions) leave(string, []event) {}

// decide ends a push in some way.
func (q *questions) decide(r *round, at int, end string) event {
	id := r.key
	return r.do(event{replica: at, face: "control", what: "decide", arg: end}, func(x *replica, e *event) {
		how := request{method: "POST", path: "/approvals/" + id, port: control, body: `{"verdict":"approve"}`}
		switch end {
		case "denied":
			how.body = `{"verdict":"deny"}`
		case "cancelled":
			e.face = "native"
			how = request{method: "DELETE", path: "/otp/v1/transactions/" + id}
		}
		x.ask(how).on(e)
	})
}

func (q *questions) look(r *round, at int, more string) event {
	return r.do(event{replica: at, face: "native", what: "look"}, func(x *replica, e *event) {
		a := x.ask(request{method: "GET", path: "/otp/v1/transactions/" + r.key + more}).on(e)
		switch {
		case a.ended == ok && a.State != "pending":
			e.said = a.State
		case a.ended == ok:
			e.why = a.State
		case a.ended == refused && a.Code == "unknown_request": // what was made a moment ago is not seen yet everywhere
			e.ended = unknown
		case a.ended == refused:
			r.game.fail(fmt.Errorf("approval %s was answered %s", r.key, a.text))
		}
	})
}

func (q *questions) race(r *round) {
	a := r.game.replicas[r.game.any(r.rand)].ask(request{method: "POST", path: "/otp/v1/transactions", body: fmt.Sprintf(`{"user":%q,"method":"push","ttl":"1h"}`, r.key)})
	r.game.counts[r.law][a.ended].Add(1)
	if a.ended != ok {
		time.Sleep(20 * time.Millisecond)
		return
	}
	r.key = fmt.Sprint(a.ID)
	ends := []string{"approved", "denied", "cancelled"}
	r.all(6, func(i int, chance *rand.Rand) {
		at := i % len(r.game.replicas)
		switch {
		case i < 3:
			time.Sleep(time.Duration(chance.IntN(3)) * time.Millisecond)
			q.decide(r, at, ends[chance.IntN(len(ends))])
		case i == 3 && chance.IntN(4) == 0: // held until it is decided, mostly at another replica
			q.look(r, r.game.any(chance), "?wait=2s")
		default:
			q.look(r, at, "")
		}
	})
	r.all(len(r.game.replicas), func(i int, _ *rand.Rand) { q.look(r, i, "") })
}

func (q *questions) settle(r *round) bool {
	if q.decide(r, r.game.any(r.rand), "approved").ended == unknown {
		return false
	}
	for i := range r.game.replicas {
		if q.look(r, i, "").ended == unknown {
			return false
		}
	}
	return true
}

// repeats are requests that are sent through several replicas under one Idempotency-Key:
// tickets, and notes on those.
type repeats struct {
	notes bool
	from  *repeats // of notes: who makes the tickets
	sent  atomic.Int64

	mu    sync.Mutex
	made  []string // tickets that notes can be written on
	ids   []bool   // of tickets: which of them were answered, by their number
	later []unfinished
}

// unfinished is a note whose key is taken for being under way, because the store went
// away in the middle of it.
type unfinished struct {
	key   string
	state string // as the model has it
	at    time.Time
}

// grace is how long that lasts.
const grace = 61 * time.Second

func (n *repeats) name() string {
	if n.notes {
		return "idempotent notes"
	}
	return "idempotent tickets"
}

func (n *repeats) next(*rand.Rand) (string, porcupine.Model, bool) {
	if !n.notes {
		return fmt.Sprint("once-", n.sent.Add(1)), once(""), true
	}
	n.mu.Lock()
	if len(n.later) > 0 && time.Now().After(n.later[0].at) {
		u := n.later[0]
		n.later = n.later[1:]
		n.mu.Unlock()
		return u.key, once(u.state), true
	}
	n.mu.Unlock()
	n.from.mu.Lock()
	defer n.from.mu.Unlock()
	if len(n.from.made) == 0 {
		return "", porcupine.Model{}, false
	}
	i := n.sent.Add(1)
	ticket := n.from.made[0]
	if i%10 == 0 { // each ticket has some
		n.from.made = n.from.made[1:]
	}
	return fmt.Sprint(ticket, "/", i), once(""), true
}

// path is what a note's key says of its ticket.
func path(key string) string {
	for i := range key {
		if key[i] == '/' {
			return "/tickets/v1/tickets/" + key[:i] + "/notes"
		}
	}
	return "/tickets/v1/tickets"
}

func (n *repeats) send(r *round, at int) event {
	return r.do(event{replica: at, face: "native", what: "make", arg: r.key}, func(x *replica, e *event) {
		body := fmt.Sprintf(`{"title":%q}`, r.key)
		if n.notes {
			body = fmt.Sprintf(`{"kind":"comment","text":%q}`, r.key)
		}
		a := x.ask(request{method: "POST", path: path(r.key), body: body, key: r.key}).on(e)
		switch {
		case a.ended == ok:
			e.said = fmt.Sprint(a.ID)
		case a.ended == refused && n.notes && a.Code == "unknown_ticket": // it was made a moment ago, and is not seen everywhere yet
			e.ended, e.said = unknown, ""
		case a.ended == refused && a.Code != "idempotency_in_progress":
			r.game.fail(fmt.Errorf("%s was answered %s", r.key, a.text))
		}
	})
}

// count is how many notes there are of a key.
func (n *repeats) count(r *round, at int) event {
	return r.do(event{replica: at, face: "native", what: "count", arg: r.key}, func(x *replica, e *event) {
		a := x.ask(request{method: "GET", path: path(r.key) + "?limit=1000"}).on(e)
		for _, item := range a.Items {
			if item.Text == r.key {
				e.n++
			}
		}
		if a.ended == refused {
			e.ended = unknown
		}
	})
}

func (n *repeats) race(r *round) {
	r.all(3, func(i int, chance *rand.Rand) {
		for range 3 {
			if n.send(r, (i+r.game.any(chance))%len(r.game.replicas)).ended != refused {
				return
			}
			time.Sleep(time.Duration(1+chance.IntN(4)) * time.Millisecond)
		}
	})
	if n.notes && !r.open(0) {
		n.count(r, r.game.any(r.rand))
	}
}

func (n *repeats) settle(r *round) bool {
	if n.send(r, r.game.any(r.rand)).ended == unknown {
		return false
	}
	return !n.notes || n.count(r, r.game.any(r.rand)).ended == ok
}

func (n *repeats) leave(key string, events []event) {
	i := slices.IndexFunc(events, func(e event) bool { return e.what == "make" && e.ended == ok })
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.notes && i < 0 && len(events) > 0 && events[len(events)-1].what == "count": // what it counted is what stands
		u := unfinished{key: key, at: time.Now().Add(grace)}
		if events[len(events)-1].n > 0 {
			u.state = anything
		}
		n.later = append(n.later, u)
	case !n.notes && i >= 0:
		var x int
		fmt.Sscanf(key, "once-%d", &x)
		for len(n.ids) <= x {
			n.ids = append(n.ids, false)
		}
		n.ids[x] = true
		if len(n.made) < 100 {
			n.made = append(n.made, events[i].said)
		}
	}
}

// audit counts the tickets that there are in the end: one of each that was answered, and
// none twice.
func (n *repeats) audit(x *replica) error {
	seen := map[string]int{}
	for cursor := ""; ; {
		a := x.ask(request{method: "GET", path: "/tickets/v1/tickets?limit=1000&cursor=" + cursor})
		for again := 0; again < 5 && a.ended == unknown; again++ {
			a = x.ask(request{method: "GET", path: "/tickets/v1/tickets?limit=1000&cursor=" + cursor})
		}
		if a.ended != ok {
			return fmt.Errorf("the list of tickets was answered %s", a.text)
		}
		for _, item := range a.Items {
			seen[item.Title]++
		}
		if cursor = a.Next; cursor == "" {
			break
		}
	}
	for i := range n.sent.Load() + 1 {
		title := fmt.Sprint("once-", i)
		if seen[title] > 1 {
			return fmt.Errorf("the ticket %s was made %d times under one Idempotency-Key", title, seen[title])
		}
		if int(i) < len(n.ids) && n.ids[i] && seen[title] != 1 {
			return fmt.Errorf("the ticket %s was answered and is not there", title)
		}
	}
	return nil
}
