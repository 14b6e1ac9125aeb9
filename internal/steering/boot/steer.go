package boot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/serving/fault"
	"counterpart/seed"
)

// restore puts what an export had into the empty store. The clock stands at the
// moment when the exported fleet started, so that everything that is built now
// believes it has been there since.
func (c *Company) restore(ctx context.Context) error {
	if c.seed.State == nil {
		return nil
	}
	for _, r := range c.seed.State.Records {
		err := c.Store.Table(r.Table).Update(ctx, r.Key, func(state.Record) (state.Record, error) {
			return state.Record{Value: r.Value, Expires: r.Expires}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// steer puts the seed's faults and decisions in force. Decisions of an export
// are in its store already, and so is everything for who joins others, unless it is again,
// after a reset.
func (c *Company) steer(ctx context.Context, again bool) error {
	var wrong []error
	fail := func(p seed.Pos, err error) {
		for line := range strings.Lines(err.Error()) {
			wrong = append(wrong, &seed.Error{Problems: []seed.Problem{{File: p.File, Line: p.Line, Column: p.Column, Message: strings.TrimSpace(line)}}})
		}
	}
	var rules []fault.Rule
	for _, f := range c.seed.Faults {
		rules = append(rules, ruleOf(f))
	}
	refused, err := c.Faults.Seed(c.began, rules, again)
	if err != nil {
		return err
	}
	for i, err := range refused {
		if err != nil {
			fail(c.seed.Faults[i].Pos, err)
		}
	}
	var orders []decision.Decision
	for _, d := range c.seed.Decisions {
		o := decision.Decision{Verb: decision.Verb(d.Verb), On: decision.Field(d.On), User: d.User, Device: d.Device, Account: d.Account, Ticket: d.Ticket,
			Next: d.Next, After: d.After}
		if d.For > 0 {
			o.Until = c.began.Add(d.For)
		}
		if d.Ticket != "" {
			if _, err := c.Tickets.Get(ctx, "", d.Ticket); err != nil {
				fail(d.Pos, err)
				continue
			}
		}
		if err := c.Decisions.Check(o); err != nil {
			fail(d.Pos, err)
		}
		orders = append(orders, o)
	}
	if err := seed.Merge(wrong...); err != nil {
		return err
	}
	return c.Decisions.Seed(ctx, c.began, orders)
}

func ruleOf(f seed.Fault) fault.Rule {
	r := fault.Rule{ID: f.ID, Kind: f.Kind, Server: f.Server, Port: f.Port, Op: f.Op, Actor: f.Actor, Object: f.Object, Moment: fault.Moment(f.Moment),
		Args: f.Args, Percent: f.Percent, Skip: f.Skip, Times: f.Times, Every: f.Every, Nth: f.Nth}
	if f.Lasts > 0 {
		r.Lasts = f.Lasts.String()
	}
	return r
}

// Export is the fleet as it stands as a seed that loads to the same state: the
// seed it was started with, the faults in force with what is left of them, and
// everything that had changed. The journal is not part of it.
func (c *Company) Export(ctx context.Context) ([]byte, error) {
	st := seed.State{Started: c.seed.Started, Now: c.Clock.Now(), Frozen: c.Clock.IsFrozen()}
	tables, err := c.Store.Tables(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, name := range tables {
		if kept(name) { // said by the seed's own state
			continue
		}
		if st.Records, err = exported(ctx, c.Store.Table(name), name, st.Records); err != nil {
			return nil, err
		}
	}
	if _, err := c.Replicas.Sync(ctx); err != nil { // what each has counted
		return nil, err
	}
	var faults []map[string]any
	for _, s := range c.Faults.States() {
		if f, over := left(s, st.Now); !over {
			faults = append(faults, f)
		}
	}
	text, err := c.seed.Export(faults, st)
	if err != nil {
		return nil, cause.Because(cause.BadInput, "%v", err)
	}
	return text, nil
}

// exported appends the records of one table.
func exported(ctx context.Context, t state.Table, name string, to []seed.Record) ([]seed.Record, error) {
	const page = 500
	for after := ""; ; {
		keys, err := t.Keys(ctx, state.Range{After: after, Limit: page})
		if err != nil {
			return nil, err
		}
		records, err := t.GetMany(ctx, keys)
		if err != nil {
			return nil, err
		}
		for i, r := range records {
			if r.Value != nil {
				to = append(to, seed.Record{Table: name, Key: keys[i], Value: r.Value, Expires: r.Expires})
			}
		}
		if len(keys) < page {
			return to, nil
		}
		after = keys[len(keys)-1]
	}
}

// left is what a rule has still to do. The count of every begins anew.
func left(s fault.State, now time.Time) (f map[string]any, over bool) {
	f = map[string]any{"id": s.ID, "kind": s.Kind}
	for k, v := range map[string]string{"server": s.Server, "port": s.Port, "op": s.Op, "actor": s.Actor, "object": s.Object, "moment": string(s.Moment)} {
		if v != "" {
			f[k] = v
		}
	}
	skip, nth := s.Skip-s.Seen, s.Nth
	if skip < 0 && nth > 0 { // it has seen that many of those that count
		if nth += skip; nth <= 0 {
			return nil, true
		}
	}
	for k, v := range map[string]int{"percent": s.Percent, "skip": max(skip, 0), "every": s.Every, "nth": nth} {
		if v > 0 {
			f[k] = v
		}
	}
	if s.Times > 0 {
		if s.Times <= s.Fired {
			return nil, true
		}
		f["times"] = s.Times - s.Fired
	}
	if !s.Ends.IsZero() {
		if !now.Before(s.Ends) {
			return nil, true
		}
		f["lasts"] = s.Ends.Sub(now).String()
	}
	if len(s.Args) > 0 {
		f["args"] = s.Args
	}
	return f, false
}

// goOn lets a restored fleet's clock stand or run where the exported one was.
func (c *Company) goOn() error {
	st := c.seed.State
	if st == nil {
		return nil
	}
	if err := c.Clock.Advance(st.Now.Sub(c.Clock.Now())); err != nil {
		return fmt.Errorf("state.now: %w", err)
	}
	if !st.Frozen {
		c.Clock.Resume()
	}
	return c.Replicas.Join(context.Background())
}

// salt sets the identifiers that a restored fleet draws apart from those that
// were drawn before the export.
func (c *Company) salt(name string) []string {
	if st := c.seed.State; st != nil {
		return []string{"random", name, st.Now.Format(time.RFC3339Nano)}
	}
	return []string{"random", name}
}
