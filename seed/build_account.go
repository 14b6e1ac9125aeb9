package seed

import (
	"cmp"
	"strings"
	"time"

	"counterpart/internal/company/world"
)

func (l *loader) account(a *account, password func(userID string) string) world.Account {
	out := world.Account{ID: l.names.accountID(a), Name: a.Name, Description: a.Description, Settings: a.Settings}
	if a.User != "" {
		out.UserID = l.names.user(a.User)
		out.Name = cmp.Or(out.Name, out.UserID)
		out.Password = password(out.UserID)
	} else {
		out.AssetID = l.names.asset(a.Asset)
		if a.Password != nil {
			out.Password = *a.Password
		} else {
			out.Password = l.secret("account", out.ID, 16)
		}
	}
	for i := range a.Keys {
		k := &a.Keys[i]
		made := world.Key{Type: k.Type, PEM: l.pems[k], Bits: k.Generate}
		if made.PEM == "" && made.Bits == 0 {
			made.Bits = bits[k.Type][0]
		}
		out.Keys = append(out.Keys, made)
	}
	c := a.Checkout
	out.Checkout = world.Checkout{Exclusive: c.Exclusive, For: c.For, Max: c.Max, Rotate: world.Rotation(c.Rotate), Every: c.Every,
		Approval: c.Approval, Approvals: c.Approvals, ApprovalFor: c.ApprovalFor, Reason: c.Reason}
	for _, g := range a.Access.Groups {
		out.Access.Groups = append(out.Access.Groups, l.names.group(g))
	}
	for _, u := range a.Access.Users {
		out.Access.Users = append(out.Access.Users, l.names.user(u))
	}
	for _, u := range a.Access.Approvers {
		out.Access.Approvers = append(out.Access.Approvers, l.names.user(u))
	}
	for _, v := range a.Access.Viewers {
		if g, ok := strings.CutPrefix(v, "group:"); ok {
			out.Access.Viewers = append(out.Access.Viewers, "group:"+l.names.group(g))
			continue
		}
		out.Access.Viewers = append(out.Access.Viewers, l.names.user(v))
	}
	return out
}

func (l *loader) ticket(t *ticket) world.Ticket {
	out := world.Ticket{ID: t.ID, System: t.System, Kind: t.Kind, Title: cmp.Or(t.Title, t.Kind+" "+t.ID), Description: t.Description,
		State: t.State, Approval: t.Approval, MinApprovals: t.MinApprovals, AllowSelfApproval: t.AllowSelfApproval, BreakGlass: t.BreakGlass,
		From: t.From, Until: t.Until, MaxSessions: t.MaxSessions, MaxUses: t.MaxUses, Labels: t.Labels, Fields: t.Fields,
		Created: t.Created}
	if out.State == "" {
		out.State = "new"
		if t.System == "native" {
			out.State = "approved"
		}
	}
	if out.Created.IsZero() {
		out.Created = l.opt.Now.UTC().Add(-24 * time.Hour)
	}
	if t.Requester != "" {
		out.Requester = l.names.user(t.Requester)
	}
	if t.Assignee != "" {
		out.Assignee = l.names.user(t.Assignee)
	}
	for _, a := range t.Approvers {
		made := world.Approver{User: l.names.user(a.User), Decision: a.Decision, At: a.When, Comment: a.Comment}
		if made.Decision != "" && made.At.IsZero() {
			made.At = l.opt.Now.UTC().Add(-time.Hour)
		}
		out.Approvers = append(out.Approvers, made)
	}
	if t.Asset != "" {
		out.Targets = []world.Target{{Asset: l.target(t.Asset), Accounts: []string{cmp.Or(t.Account, "*")}}}
	}
	for _, x := range t.Targets {
		made := world.Target{Asset: l.target(x.Asset), Accounts: x.Accounts, Protocols: x.Protocols, Ports: x.Ports}
		if len(made.Accounts) == 0 {
			made.Accounts = []string{"*"}
		}
		out.Targets = append(out.Targets, made)
	}
	return out
}

// target keeps networks and patterns; anything else becomes the asset's ID.
func (l *loader) target(s string) string {
	if isPattern(s) {
		return s
	}
	return l.names.asset(s)
}

func (l *loader) client(c *client) world.Client {
	id := world.Fold(c.Name)
	out := world.Client{ID: id, Name: c.Name, Secret: c.Secret, Role: c.Role, System: c.System, From: c.From, Settings: c.Settings, Description: c.Description}
	if !c.At.has("secret") {
		out.Secret = l.secret("client", id, 24)
	}
	if c.User != "" {
		out.UserID = l.names.user(c.User)
	}
	return out
}
