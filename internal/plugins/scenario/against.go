package scenario

import (
	"context"
	"fmt"
	"slices"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/pluginhost/headtail"
	"counterpart/internal/steering/boot"
)

// Ended is how a session went that was played against a company that goes on.
type Ended struct {
	Outcome pluginhost.Outcome
	Left    []Leftover // what was not there before
	Gaps    []string   // what the host could not isolate
}

// Against plays a case against a company that runs already, is neither reset nor stopped,
// and in which others may do things meanwhile: nothing is held against expectations. What
// the hooks ask belongs to the session id in its journal. The case has no fleet of its own.
func Against(ctx context.Context, company *boot.Company, id string, c Case, o Options) (Ended, error) {
	o.interpreter, o.noPython = pluginhost.FindPython(ctx, o.Python)
	o.against = company
	_, newest, _ := company.Journal.Held()
	r := &run{Case: c, mode: orDefault(c.Mode, string(pluginhost.Fresh)), began: time.Now(), seen: newest, live: o.Live, person: o.Answer, where: map[string]origins{},
		mask: &mask{show: o.ShowSecrets}, moments: headtail.New(timelineLimit, func(m Moment) int { return len(m.Text) + momentCost }),
		hosted: company.Journal.Host(id, c.Connection.Gateway.User)}
	defer r.hosted.End()
	before, err := kept(ctx, company)
	if err != nil {
		return Ended{}, err
	}
	played, err := r.play(ctx, o)
	if played == nil {
		return Ended{}, err
	}
	r.timeline() // shows what was held back
	out := Ended{Outcome: played.Outcome, Gaps: r.gaps}
	after, wrong := kept(context.WithoutCancel(ctx), company)
	for _, l := range after {
		if !slices.Contains(before, l) {
			out.Left = append(out.Left, l)
		}
	}
	if ctx.Err() != nil { // who leaves has hung up
		err = nil
	}
	return out, first(err, wrong)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// kept are the accounts in somebody's hands and the tokens that are alive.
func kept(ctx context.Context, company *boot.Company) (out []Leftover, err error) {
	leases, err := company.Accounts.Leases(ctx, checkout.Principal{Client: "session", Admin: true})
	if err != nil {
		return nil, err
	}
	for _, l := range leases {
		if l.State == checkout.Active {
			out = append(out, Leftover{"lease", fmt.Sprintf("%s of %s", l.ID, l.UserID)})
		}
	}
	tokens, err := company.Logins.Alive(ctx)
	for _, t := range tokens {
		out = append(out, Leftover{"token", fmt.Sprintf("%s token %s of %s", t.Kind, t.ID, t.Owner)})
	}
	return out, err
}

// attach makes a company that runs already the one that the case talks to.
func (r *run) attach(company *boot.Company) (*backends, error) {
	if r.Fleet.Seed != "" || len(r.Fleet.Merge) > 0 || len(r.Fleet.Off) > 0 {
		return nil, fmt.Errorf("%s: fleet: it is played against a fleet that is there already", r.Label())
	}
	b := &backends{Company: company, started: time.Now(), kind: company.Kinds(), stop: func() error { return nil }}
	var err error
	b.tree, err = b.plant(company.SeedText(), nil)
	return b, err
}
