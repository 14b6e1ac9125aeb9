package main

import (
	"fmt"
	"net/url"
	"strconv"
)

// listing are the flags of a list that is read page by page.
type listing struct {
	Query string `short:"q" help:"Search for that: a part of a name, an address or a group."`
	Limit int    `help:"At most so many; 50 if nothing is said, 200 at most."`
	After string `help:"Where to go on: what the page before says."`
}

func (x listing) query(more ...string) url.Values {
	limit := ""
	if x.Limit != 0 {
		limit = strconv.Itoa(x.Limit)
	}
	return query(append(more, "q", x.Query, "limit", limit, "after", x.After)...)
}

// paged prints one page of a list, and how to see the next.
func (c *ctlCmd) paged(e *env, r ask, key string, columns ...string) error {
	var out map[string]any
	raw, err := c.call(e, r, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.raw(e, raw)
	}
	rows, _ := out[key].([]any)
	if err := table(e.out, rows, columns); err != nil {
		return err
	}
	if next, _ := out["next"].(string); next != "" {
		fmt.Fprintf(e.err, "there is more: --after %s\n", next)
	}
	return nil
}

type ctlPeople struct {
	List peopleList `cmd:"" default:"withargs" help:"List them, or search, page by page."`
	Show peopleShow `cmd:"" help:"One person, as JSON."`
}

type peopleList struct{ listing }

// Run does what the command is for.
func (x peopleList) Run(e *env, c *ctlCmd) error {
	return c.paged(e, ask{path: "/people", query: x.query()}, "people", "ID=id", "NAME=display_name", "STATUS=status", "MAIL=email", "WAITING=pending")
}

type peopleShow struct {
	User string `arg:"" help:"Whom."`
}

// Run does what the command is for.
func (x peopleShow) Run(e *env, c *ctlCmd) error {
	return c.whole(e, "/people/"+url.PathEscape(x.User))
}

// whole prints one thing as the API tells it.
func (c *ctlCmd) whole(e *env, path string) error {
	raw, err := c.call(e, ask{path: path}, nil)
	if err != nil {
		return err
	}
	return c.raw(e, raw)
}

type ctlAccounts struct {
	List accountsList `cmd:"" default:"withargs" help:"List them, or search, page by page."`
	Show accountsShow `cmd:"" help:"One account, as JSON."`
}

type accountsList struct {
	listing
	Held bool `help:"Only those that somebody holds or waits for."`
}

// Run does what the command is for.
func (x accountsList) Run(e *env, c *ctlCmd) error {
	held := ""
	if x.Held {
		held = "true"
	}
	return c.paged(e, ask{path: "/accounts", query: x.query("held", held)}, "accounts", "ID=id", "ADDRESS=address", "EXCLUSIVE=exclusive", "APPROVAL=needs_approval",
		"ROTATES=rotates", "VERSION=version", "HOLDERS=holders", "WAITING=open_requests")
}

type accountsShow struct {
	Account string `arg:"" help:"Which, like root@db01."`
}

// Run does what the command is for.
func (x accountsShow) Run(e *env, c *ctlCmd) error {
	return c.whole(e, "/accounts/"+url.PathEscape(x.Account))
}

type ctlTickets struct {
	List ticketsList `cmd:"" default:"withargs" help:"List them, or search, page by page."`
	Show ticketsShow `cmd:"" help:"One ticket, as JSON."`
}

type ticketsList struct {
	listing
	System    string `help:"Only of that system."`
	State     string `enum:",draft,pending_approval,approved,in_progress,on_hold,closed,cancelled,rejected" default:"" help:"Only those (${enum})."`
	Requester string `help:"Only that person's."`
	Account   string `help:"Only those that open an account of that name."`
}

// Run does what the command is for.
func (x ticketsList) Run(e *env, c *ctlCmd) error {
	return c.paged(e, ask{path: "/tickets", query: x.query("system", x.System, "state", x.State, "requester", x.Requester, "account", x.Account)}, "tickets",
		"ID=id", "SYSTEM=system", "TYPE=type", "STATE=state", "REQUESTER=requester", "TITLE=title")
}

type ticketsShow struct {
	Ticket string `arg:"" help:"Its number."`
}

// Run does what the command is for.
func (x ticketsShow) Run(e *env, c *ctlCmd) error {
	return c.whole(e, "/tickets/"+url.PathEscape(x.Ticket))
}
