package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"counterpart/internal/company/checkout"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/journal"
)

// review lists what a reviewer would say of a run, whatever was expected.
func (r *run) review(p *pluginhost.Result) []string {
	remarks := []string{}
	remark := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(remarks, text) {
			remarks = append(remarks, text)
		}
	}
	secrets := r.knownSecrets(p)
	if p.LogDropped > 0 {
		remark("%d pieces of the log were not kept, and not looked at", p.LogDropped)
	}
	for _, l := range whole(p) {
		for _, s := range secrets {
			if !l.Box && strings.Contains(l.Text, s.value) {
				remark("%s shows in the log of %s", s.what, l.Hook)
			}
		}
	}
	for _, s := range secrets {
		for _, e := range r.fleet.Journal.Mentions(s.value) {
			if !slices.Contains(s.meantFor, e.Server) && !slices.Contains(s.meantFor, "*") {
				remark("%s was sent to %s (%s), which it is not meant for", s.what, e.Server, e.Op)
			}
		}
	}
	ctx := context.Background()
	if leases, err := r.fleet.Accounts.Leases(ctx, checkout.Principal{Client: "review", Admin: true}); err == nil {
		for _, l := range leases {
			if l.State == checkout.Active {
				remark("%s is still checked out (%s)", l.AccountID, l.ID)
			}
		}
	}
	if tokens, err := r.fleet.Logins.Alive(ctx); err == nil {
		for _, t := range tokens {
			remark("a %s token of %s was not revoked", t.Kind, t.Owner)
		}
	}
	for _, c := range p.Calls {
		if c.Hook == pluginhost.SessionEnded && c.Err != nil && p.Outcome.State != pluginhost.Errored {
			remark("session_ended of the %s plugin failed, which SPS only logs: %s", c.Plugin, oneLine(c.Err.Error()))
		}
		if c.Limit > 0 && c.Took > c.Limit*4/5 {
			remark("%s took %s of the %s it may take", c.Hook, c.Took.Round(1e6), c.Limit)
		}
	}
	r.reviewTLS(remark)
	return remarks
}

// reviewTLS notes TLS servers that were reached by a plugin whose configuration
// names no CA: the SDK then verifies nothing.
func (r *run) reviewTLS(remark func(string, ...any)) {
	if r.Box.Trust != "" || slices.ContainsFunc(r.configs, func(c string) bool {
		return slices.ContainsFunc(strings.Split(c, "\n"), func(line string) bool {
			return strings.HasPrefix(strings.TrimSpace(line), "ca_cert")
		})
	}) {
		return
	}
	for _, e := range r.fleet.Company.Fleet.Endpoints() {
		if e.Proto != "https" && e.Proto != "tls" {
			continue
		}
		if page := r.fleet.Journal.Since(0, journal.Match{Server: e.Server}, 0); slices.ContainsFunc(page.Entries, func(x journal.Entry) bool {
			return x.Port == e.Port && x.Outcome != "failed"
		}) {
			remark("%s was reached over TLS, but the configuration has no ca_cert: nothing is verified", e.Server)
		}
	}
}

// secret is a value that must not show, and which servers may be told it.
type secret struct {
	what, value string
	meantFor    []string
}

// shortest value that is looked for: shorter ones occur by chance.
const shortest = 6

// knownSecrets are the values of the world and of this run that must not show.
func (r *run) knownSecrets(p *pluginhost.Result) []secret {
	var out []secret
	add := func(what, value string, meantFor ...string) {
		if len(value) >= shortest && !slices.ContainsFunc(out, func(s secret) bool { return s.value == value }) {
			out = append(out, secret{what, value, meantFor})
		}
	}
	for i, pr := range p.Prompts {
		add(fmt.Sprintf("the answer to prompt %d", i+1), pr.Answer.Text, "*")
	}
	for u := range r.fleet.World.Users() {
		add("the password of "+u.Name, u.Password, "*") // any server may check it
	}
	for a := range r.fleet.World.Accounts() {
		add("the password of "+a.ID, r.fleet.World.AccountPassword(a))
	}
	for c := range r.fleet.World.Clients() {
		add("the secret of the client "+c.Name, c.Secret, "native")
	}
	for _, value := range p.Passwords { // a rotated one has no name above
		add("a password that the plugin fetched", value)
	}
	return out
}

// expectReview compares remarks with those that the scenario speaks of; one that it does
// not speak of is a fault only where none is wanted.
func (r *run) expectReview(out *Result) {
	if !r.Given["review"] && !r.noRemarks {
		return
	}
	for _, want := range r.Expect.Review {
		if !slices.ContainsFunc(out.Review, func(s string) bool { return fits(want, s) || strings.Contains(s, text(want)) }) {
			r.differ("review", shown(want), fmt.Sprintf("the remarks are %q", out.Review))
		}
	}
	if len(r.Expect.Review) == 0 && len(out.Review) > 0 {
		r.differ("review", "no remark", out.Review[0])
	}
}
