package main

import (
	"net/http"
	"net/url"
	"time"
)

type ctlApprovals struct {
	List   approvalsList   `cmd:"" default:"withargs" help:"List them, oldest first."`
	Answer approvalsAnswer `cmd:"" help:"Answer one in its owner's place."`
}

type approvalsList struct {
	User  string        `help:"Only that person's."`
	State string        `enum:",pending,approved,denied,expired,cancelled" default:"" help:"Only those (${enum})."`
	Wait  time.Duration `help:"Wait that long for one to come."`
}

// Run does what the command is for.
func (x approvalsList) Run(e *env, c *ctlCmd) error {
	wait := ""
	if x.Wait > 0 {
		wait = x.Wait.String()
	}
	return c.show(e, ask{path: "/approvals", query: query("user", x.User, "state", x.State, "wait", wait)}, "approvals",
		"ID=id", "USER=user", "DEVICE=device", "SYSTEM=system", "STATE=state", "BY=by", "CREATED=created", "MESSAGE=message")
}

type approvalsAnswer struct {
	Verdict string `arg:"" enum:"approve,deny,fraud,expire,cancel" help:"${enum}"`
	ID      string `arg:"" optional:"" default:"latest" help:"Its ID; without it the newest one that is pending."`
	User    string `help:"The newest one of that person."`
	Number  string `help:"What the login shows, for a push that wants it typed."`
}

// Run does what the command is for.
func (x approvalsAnswer) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodPost, path: "/approvals/" + url.PathEscape(x.ID), query: query("user", x.User), in: map[string]string{"verdict": x.Verdict, "number": x.Number}},
		"%s of %s is %s", "id", "user", "state")
}

type ctlRequests struct {
	List    requestsList    `cmd:"" default:"1" help:"List them."`
	Approve requestsApprove `cmd:"" help:"Approve one."`
	Deny    requestsDeny    `cmd:"" help:"Deny one."`
}

type requestsList struct{}

// Run does what the command is for.
func (requestsList) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/requests"}, "requests", "ID=id", "USER=user", "ACCOUNT=account", "STATE=state", "EXPIRES=expires", "REASON=reason")
}

type requestsApprove struct {
	ID string `arg:"" help:"Its ID."`
}

// Run does what the command is for.
func (x requestsApprove) Run(e *env, c *ctlCmd) error { return c.grant(e, x.ID, "approve") }

type requestsDeny struct {
	ID string `arg:"" help:"Its ID."`
}

// Run does what the command is for.
func (x requestsDeny) Run(e *env, c *ctlCmd) error { return c.grant(e, x.ID, "deny") }

func (c *ctlCmd) grant(e *env, id, verdict string) error {
	return c.done(e, ask{method: http.MethodPost, path: "/requests/" + url.PathEscape(id), in: map[string]string{"verdict": verdict}}, "%s is %s", "id", "state")
}

type ctlOTP struct {
	User string `arg:"" help:"Whose."`
}

// Run does what the command is for.
func (x ctlOTP) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/users/" + url.PathEscape(x.User) + "/otp"}, "devices", "DEVICE=device", "KIND=kind", "CODE=code", "UNTIL=until", "NOTE=note")
}

type ctlUnlock struct {
	User string `arg:"" help:"Whom."`
}

// Run does what the command is for.
func (x ctlUnlock) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodPost, path: "/users/" + url.PathEscape(x.User) + "/unlock"}, "%s is locked out nowhere", "user")
}

type ctlOutbox struct {
	User string `help:"Only what went to that person."`
}

// Run does what the command is for.
func (x ctlOutbox) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/outbox", query: query("user", x.User)}, "messages", "AT=at", "USER=user", "KIND=kind", "TO=to", "CODE=code", "SYSTEM=system")
}

type ctlLeases struct {
	List  leasesList  `cmd:"" default:"withargs" help:"List them."`
	Force leasesForce `cmd:"" help:"Take an account back."`
}

type leasesList struct {
	User    string `help:"Only that person's."`
	Account string `help:"Only those of that account."`
	State   string `enum:",active,returned,forced,expired" default:"" help:"Only those (${enum})."`
}

// Run does what the command is for.
func (x leasesList) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/leases", query: query("user", x.User, "account", x.Account, "state", x.State)}, "leases",
		"ID=id", "ACCOUNT=account", "USER=user", "CLIENT=client", "STATE=state", "TAKEN=taken", "EXPIRES=expires")
}

type leasesForce struct {
	ID string `arg:"" help:"The lease's ID."`
}

// Run does what the command is for.
func (x leasesForce) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodPost, path: "/leases/" + url.PathEscape(x.ID) + "/force"}, "%s is %s", "id", "state")
}

type ctlTokens struct{}

// Run does what the command is for.
func (ctlTokens) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/tokens"}, "tokens", "ID=id", "KIND=kind", "OWNER=owner", "ISSUED=issued", "EXPIRES=expires")
}
