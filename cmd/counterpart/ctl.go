package main

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
)

// ctlCmd is a thin client of the control API.
type ctlCmd struct {
	controlPort `embed:""`
	JSON        bool `name:"json" help:"Print the answer as JSON."`

	Status     ctlStatus      `cmd:"" help:"What runs where, and whether it is ready."`
	Replicas   ctlReplicas    `cmd:"" help:"The processes of the fleet."`
	Clock      ctlClock       `cmd:"" help:"Read, freeze, advance and resume the fleet's time."`
	Decide     ctlDecide      `cmd:"" help:"Give an order: approve, deny, delay, timeout, fraud, lock, expire, require_approval, interactive."`
	Decisions  ctlDecisions   `cmd:"" help:"The orders in force."`
	Faults     ctlFaults      `cmd:"" help:"What goes wrong."`
	Approvals  ctlApprovals   `cmd:"" help:"Pushes and calls: list, wait, answer."`
	Requests   ctlRequests    `cmd:"" help:"Requests for accounts: list, approve, deny."`
	People     ctlPeople      `cmd:"" help:"Who there is, and how they stand."`
	Accounts   ctlAccounts    `cmd:"" help:"Accounts, with who holds them and who waits for them."`
	Tickets    ctlTickets     `cmd:"" help:"Tickets of all systems."`
	OTP        ctlOTP         `cmd:"" name:"otp" help:"The codes that somebody's devices show now."`
	Phones     ctlPhones      `cmd:"" help:"What somebody's phone shows, and tokens that open it."`
	Yubikeys   ctlYubikeys    `cmd:"" help:"YubiKeys: list, press, power-cycle."`
	Unlock     ctlUnlock      `cmd:"" help:"End whatever locks somebody out."`
	Outbox     ctlOutbox      `cmd:"" help:"Codes delivered by SMS, voice and e-mail."`
	Leases     ctlLeases      `cmd:"" help:"Who holds which account."`
	Tokens     ctlTokens      `cmd:"" help:"Tokens still alive."`
	Journal    ctlJournal     `cmd:"" help:"What happened: find, wait, verify, stream, explain."`
	Explain    journalExplain `cmd:"" help:"Say in words why one entry of the journal ended as it did, and what would make it go well."`
	Sessions   ctlSessions    `cmd:"" help:"Sessions of plugins against this fleet (serve --plugins DIR): start, watch, answer, stop."`
	State      ctlState       `cmd:"" help:"Export the fleet as a seed, or take it back to its own."`
	Audit      ctlAudit       `cmd:"" help:"Secrets still out, and where one showed up. Exit code 1 unless clean."`
	Metrics    ctlMetrics     `cmd:"" help:"Counters for Prometheus."`
	Times      ctlTimes       `cmd:"" help:"How long each operation took the servers themselves, in milliseconds."`
	Completion ctlCompletion  `cmd:"" help:"Print a completion script for a shell."`
}

// fact is a JSON object of an answer.
type fact map[string]any

// at is the value at a path like "entry.seq" as a person would read it.
func (f fact) at(path string) string {
	var v any = map[string]any(f)
	for _, k := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return human(v)
}

func human(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return fmt.Sprintf("%.f", v)
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t.Format(time.RFC3339)
		}
		return v
	case map[string]any: // of a list: who it is about
		return human(orElse(fact(v).at("user"), orElse(fact(v).at("client"), fact(v).at("id"))))
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, human(x))
		}
		return strings.Join(out, " ")
	}
	return fmt.Sprint(v)
}

// show prints an answer: as JSON if that is wanted, else as a table of the list
// under key with the columns TITLE=path, or a word when it is empty.
func (c *ctlCmd) show(e *env, r ask, key string, columns ...string) error {
	var out map[string]any
	raw, err := c.call(e, r, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.raw(e, raw)
	}
	list, _ := out[key].([]any)
	return table(e.out, list, columns)
}

func table(w io.Writer, list []any, columns []string) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "none")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var titles, paths []string
	for _, col := range columns {
		title, path, _ := strings.Cut(col, "=")
		titles, paths = append(titles, title), append(paths, path)
	}
	fmt.Fprintln(t, strings.Join(titles, "\t"))
	for _, x := range list {
		m, _ := x.(map[string]any)
		var row []string
		for _, p := range paths {
			row = append(row, orElse(fact(m).at(p), "-"))
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

func (c *ctlCmd) raw(e *env, raw []byte) error {
	_, err := fmt.Fprintf(e.out, "%s\n", bytes.TrimSpace(raw))
	return err
}

// done sends a request and says a sentence when it went well.
func (c *ctlCmd) done(e *env, r ask, sentence string, paths ...any) error {
	var out map[string]any
	raw, err := c.call(e, r, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		if len(raw) == 0 {
			raw = []byte("{}")
		}
		return c.raw(e, raw)
	}
	for i, p := range paths {
		paths[i] = fact(out).at(p.(string))
	}
	_, err = fmt.Fprintf(e.out, sentence+"\n", paths...)
	return err
}

// query is a query of the pairs that are not empty.
func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

type ctlStatus struct{}

// Run does what the command is for.
func (ctlStatus) Run(e *env, c *ctlCmd) error {
	if _, err := c.call(e, ask{path: "/readyz"}, nil); err != nil {
		return err
	}
	return c.show(e, ask{path: "/endpoints"}, "endpoints", "PORT=name", "WHERE=url", "KIND=kind")
}

type ctlReplicas struct{}

// Run does what the command is for.
func (ctlReplicas) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/replicas"}, "replicas", "ID=id", "HOST=host", "STATE=state", "STARTED=started", "SEEN=seen", "SHOWS=now")
}

type ctlTimes struct{}

// Run does what the command is for.
func (ctlTimes) Run(e *env, c *ctlCmd) error {
	var out struct{ Times []timesRow }
	raw, err := c.call(e, ask{path: "/times"}, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.raw(e, raw)
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVER\tOPERATION\tCOUNT\tP50\tP90\tP99\tP99.9\tMAX")
	for _, r := range out.Times {
		fmt.Fprintf(t, "%s\t%s\t%d\t%g\t%g\t%g\t%g\t%g\n", r.Server, r.Op, r.Count, r.P50, r.P90, r.P99, r.P999, r.Max)
	}
	return t.Flush()
}

// timesRow is a row of /times.
type timesRow struct {
	Server, Op               string
	Count                    int64
	P50, P90, P99, P999, Max float64
	Buckets                  [][2]int64
}

type ctlMetrics struct{}

// Run does what the command is for.
func (ctlMetrics) Run(e *env, c *ctlCmd) error {
	raw, err := c.call(e, ask{path: "/metrics"}, nil)
	if err != nil {
		return err
	}
	return c.raw(e, raw)
}
