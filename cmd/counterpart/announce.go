package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"

	"counterpart/internal/company/world"
	"counterpart/internal/steering/boot"
)

// mostPeople is how many people are introduced; a load test's crowd is not.
const mostPeople = 20

// announce prints what a person needs to go on: where everything listens, who
// is there, and a command to try for each server.
func (c *serveCmd) announce(w io.Writer, company *boot.Company) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	org := company.World.Organization()
	if url := consoleURL(company); url != "" {
		fmt.Fprintf(t, "Console:  %s\n\n", url)
	}
	fmt.Fprintf(t, "%s (%s), a fictitious company, is served.\n\nSERVER\tPORT\tWHERE\n", orElse(org.Name, "A company"), orElse(org.Domain, "no domain"))
	for _, e := range company.Fleet.Endpoints() {
		where := e.URL()
		if e.Proto != "http" && e.Proto != "https" {
			where = e.Proto + "://" + e.Addr
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Server, e.Port, where)
	}
	facts(t, company)
	people(t, company)
	fmt.Fprint(t, "\nTRY\n")
	for _, e := range company.Fleet.Endpoints() {
		if e.Try != "" {
			fmt.Fprintf(t, "  %s\n", e.Try)
		}
	}
	c.observe(t, company)
	if ip := net.ParseIP(c.Host); ip != nil && !ip.IsLoopback() {
		fmt.Fprintf(t, "\nEverybody who reaches %s can use all of this. Its secrets are public.\n", c.Host)
	}
	fmt.Fprint(t, "\nReady. Ctrl-C ends it.\n")
	return t.Flush()
}

// facts are what clients are configured with, secrets too: like the passwords of the people
// below, they are what a person at this screen has come for.
func facts(t io.Writer, company *boot.Company) {
	said, all := map[string]bool{}, company.Facts()
	if len(all) == 0 {
		return
	}
	fmt.Fprint(t, "\nSERVER\tIS CONFIGURED WITH\n")
	for _, e := range company.Fleet.Endpoints() {
		if said[e.Server] || len(all[e.Server]) == 0 {
			continue
		}
		said[e.Server] = true
		words := ""
		for _, f := range all[e.Server] {
			words += "  " + f.Name + " " + f.Value
		}
		fmt.Fprintf(t, "%s\t%s\n", e.Server, words[2:])
	}
}

// observe says where the process itself can be watched.
func (c *serveCmd) observe(t io.Writer, company *boot.Company) {
	for _, e := range company.Fleet.Endpoints() {
		if e.ID() != "control/http" {
			continue
		}
		profiles := e.URL() + "/debug/pprof/"
		if !c.Pprof {
			profiles = "start with --pprof"
		}
		fmt.Fprintf(t, "\nMetrics:\t%s/metrics\nProfiles:\t%s\nState:\t%s\n", e.URL(), profiles, c.where())
	}
}

func people(t io.Writer, company *boot.Company) {
	if n := company.World.UserCount(); n > mostPeople {
		fmt.Fprintf(t, "\n%d people and %d accounts.\n", n, company.World.AccountCount())
		return
	}
	fmt.Fprint(t, "\nPERSON\tPASSWORD\tDEVICES\tWHAT FOR\n")
	for u := range company.World.Users() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", u.Name, u.Password, devices(company.World.DevicesOf(u.ID)), u.Description)
	}
}

func devices(list []world.Device) string {
	var kinds []string
	for _, d := range list {
		kinds = append(kinds, string(d.Kind))
	}
	return orElse(strings.Join(kinds, ", "), "-")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
