package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type ctlJournal struct {
	Find    journalFind    `cmd:"" default:"withargs" help:"Entries that match, oldest first."`
	Wait    journalWait    `cmd:"" help:"Wait for entries that match. Exit code 1 when they do not come."`
	Verify  journalVerify  `cmd:"" help:"Hold expectations against the journal. Exit code 1 unless they are known to be met."`
	Stream  journalStream  `cmd:"" help:"Print entries as they come, until Ctrl-C."`
	Explain journalExplain `cmd:"" help:"Say in words what one entry means."`
}

// matching are the flags that choose entries.
type matching struct {
	Since   uint64 `help:"Only entries after that number."`
	Server  string `help:"Of that server."`
	Port    string `help:"Of that port."`
	Op      string `help:"Of that operation; * stands for anything."`
	Actor   string `help:"By that person or client."`
	Object  string `help:"About that object."`
	Outcome string `help:"That ended so: ok, denied, challenge, failed, broken, …"`
	Status  string `help:"With that status."`
	Fault   string `help:"That this fault rule struck."`
	Why     string `help:"For a reason with these words in it."`
}

func (m matching) pairs() []string {
	return []string{"server", m.Server, "port", m.Port, "op", m.Op, "actor", m.Actor, "object", m.Object, "outcome", m.Outcome, "status", m.Status, "fault", m.Fault, "why", m.Why}
}

func (m matching) query(more ...string) url.Values {
	q := query(append(m.pairs(), more...)...)
	if m.Since > 0 {
		q.Set("since", strconv.FormatUint(m.Since, 10))
	}
	return q
}

// match is the same for a check.
func (m matching) match() map[string]string {
	out := map[string]string{}
	for i, p := 0, m.pairs(); i < len(p); i += 2 {
		if p[i+1] != "" {
			out[p[i]] = p[i+1]
		}
	}
	return out
}

var entryColumns = []string{"#=seq", "AT=at", "SERVER=server", "OPERATION=op", "ACTOR=actor", "OBJECT=object", "OUTCOME=outcome", "STATUS=status", "WHY=why"}

// columnsOf are the columns of some entries: those of several replicas say whose they are.
func columnsOf(entries []any) []string {
	for _, x := range entries {
		if m, _ := x.(map[string]any); fact(m).at("replica") != "" {
			return slices.Insert(slices.Clone(entryColumns), 2, "REPLICA=replica")
		}
	}
	return entryColumns
}

type journalFind struct {
	matching
	Limit int `help:"At most so many."`
}

// Run does what the command is for.
func (x journalFind) Run(e *env, c *ctlCmd) error {
	_, err := c.entries(e, ask{path: "/journal/find", query: x.query("limit", count(x.Limit))})
	return err
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// entries prints a page and says how many entries it had.
func (c *ctlCmd) entries(e *env, r ask) (int, error) {
	var page struct {
		Entries []any
		Dropped uint64
		Missed  bool
	}
	raw, err := c.call(e, r, &page)
	if err != nil {
		return 0, err
	}
	if c.JSON {
		return len(page.Entries), c.raw(e, raw)
	}
	if page.Missed {
		fmt.Fprintf(e.err, "warning: the journal has forgotten %d older entries\n", page.Dropped)
	}
	return len(page.Entries), table(e.out, page.Entries, columnsOf(page.Entries))
}

type journalWait struct {
	matching
	Count   int           `default:"1" help:"For so many."`
	Timeout time.Duration `default:"10s" help:"At most that long, real time, up to 60s."`
}

// Run does what the command is for.
func (x journalWait) Run(e *env, c *ctlCmd) error {
	n, err := c.entries(e, ask{path: "/journal/wait", query: x.query("count", count(x.Count), "wait", x.Timeout.String())})
	if err == nil && n < x.Count {
		err = failure{exitFailed, fmt.Errorf("%d of %d entries came within %s", n, x.Count, x.Timeout)}
	}
	return err
}

type journalVerify struct {
	File string `arg:"" optional:"" help:"YAML or JSON with expect, order, only and since; - reads standard input. Without it the flags say what is expected."`
	matching
	Count   int  `default:"-1" help:"Exactly so often."`
	AtLeast int  `default:"-1" help:"At least so often; once if nothing is said."`
	AtMost  int  `default:"-1" help:"At most so often."`
	Never   bool `help:"Never."`
}

// Run does what the command is for.
func (x journalVerify) Run(e *env, c *ctlCmd) error {
	in, err := x.check(e)
	if err != nil {
		return err
	}
	var v struct {
		Result   string
		Problems []struct{ Result, What string }
	}
	raw, err := c.call(e, ask{method: http.MethodPost, path: "/journal/verify", in: in}, &v)
	if err != nil {
		return err
	}
	if c.JSON {
		c.raw(e, raw)
	} else {
		fmt.Fprintln(e.out, v.Result)
		for _, p := range v.Problems {
			fmt.Fprintf(e.out, "  %s: %s\n", p.Result, p.What)
		}
	}
	if v.Result != "pass" {
		return failure{exitFailed, fmt.Errorf("the check ended as %s", v.Result)}
	}
	return nil
}

func (x journalVerify) check(e *env) (map[string]any, error) {
	if x.File != "" {
		return document(e, x.File)
	}
	expect := map[string]any{"match": x.match()}
	for k, n := range map[string]int{"count": x.Count, "at_least": x.AtLeast, "at_most": x.AtMost} {
		if n >= 0 {
			expect[k] = n
		}
	}
	if x.Never {
		expect["never"] = true
	}
	return map[string]any{"since": x.Since, "expect": []any{expect}}, nil
}

type journalStream struct {
	matching
	Count int `help:"End after so many."`
}

// Run does what the command is for.
func (x journalStream) Run(e *env, c *ctlCmd) error {
	resp, err := c.open(e, http.MethodGet, "/journal/stream?"+x.query().Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var f fact
		if json.Unmarshal([]byte(data), &f) != nil {
			continue
		}
		if c.JSON {
			fmt.Fprintln(e.out, data)
		} else if f.at("seq") == "" {
			fmt.Fprintf(e.out, "# the journal has forgotten %s entries\n", f.at("dropped"))
			continue
		} else {
			fmt.Fprintf(e.out, "#%s %s %s %s %s %s %s %s\n", f.at("seq"), f.at("at"), f.at("server"), f.at("op"), orElse(f.at("actor"), "-"), f.at("outcome"), f.at("status"), f.at("why"))
		}
		if n++; x.Count > 0 && n >= x.Count {
			return nil
		}
	}
	if e.ctx.Err() != nil {
		return nil // Ctrl-C
	}
	return lines.Err()
}

type journalExplain struct {
	Number uint64 `arg:"" help:"The entry's number."`
}

// Run does what the command is for.
func (x journalExplain) Run(e *env, c *ctlCmd) error {
	var out struct{ Explanation []string }
	raw, err := c.call(e, ask{path: fmt.Sprintf("/journal/%d", x.Number)}, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.raw(e, raw)
	}
	_, err = fmt.Fprintln(e.out, strings.Join(out.Explanation, "\n"))
	return err
}
