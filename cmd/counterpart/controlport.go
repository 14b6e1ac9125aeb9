package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

// controlPort is where a fleet is steered, and how it is asked.
type controlPort struct {
	ControlURL   string `name:"control-url" default:"http://127.0.0.1:8099" placeholder:"URL" help:"Where the fleet's control port is."`
	PortsFile    string `placeholder:"FILE" help:"Take the control port from the file that serve --ports-file wrote, instead."`
	ControlToken string `placeholder:"TOKEN" help:"Its token, if it has one."`
	Way          string // out, when no fleet answers, of commands with other flags
}

// errNoFleet may be otherwise a moment later.
var errNoFleet = errors.New("no fleet answers")

// refusal is what a fleet answered instead of what was asked for.
type refusal struct {
	status int
	why    string
}

// Error implements error.
func (r refusal) Error() string { return r.why }

// base is the URL of the control port.
func (c *controlPort) base() (string, error) {
	if c.PortsFile == "" {
		return strings.TrimSuffix(c.ControlURL, "/"), nil
	}
	text, err := readUpTo(c.PortsFile, rulesLimit)
	if errors.Is(err, fs.ErrNotExist) { // serve writes it once it is ready
		return "", fmt.Errorf("%w: cannot read --ports-file: %w", errNoFleet, err)
	}
	if err != nil {
		return "", fmt.Errorf("cannot read --ports-file: %w", err)
	}
	var ports map[string]string
	if err := json.Unmarshal(text, &ports); err != nil {
		return "", fmt.Errorf("--ports-file %s is no ports file: %w", c.PortsFile, err)
	}
	if ports["control/http"] == "" {
		return "", fmt.Errorf("--ports-file %s has no control/http", c.PortsFile)
	}
	return "http://" + ports["control/http"], nil
}

// open sends a request; an answer of 400 and above is an error in its own words.
func (c *controlPort) open(e *env, method, path string, in any) (*http.Response, error) {
	base, err := c.base()
	if err != nil {
		return nil, err
	}
	var body io.Reader
	kind := "application/json"
	if text, ok := in.([]byte); ok {
		body, kind = bytes.NewReader(text), "application/yaml"
	} else if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(e.ctx, method, base+path, body)
	if err != nil {
		return nil, fmt.Errorf("--control-url: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", kind)
	}
	if c.ControlToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.ControlToken)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w at %s; start one with `counterpart serve`, or %s: %w", errNoFleet, base, orElse(c.Way, "say --control-url or --ports-file"), err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var problem struct{ Title, Detail string }
	if json.Unmarshal(text, &problem) != nil || problem.Title == "" {
		return nil, fmt.Errorf("%s %s: %s; is that a control port?", method, base+path, resp.Status)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, errors.New("the control port wants its token; say --control-token or COUNTERPART_CONTROL_TOKEN")
	}
	return nil, refusal{resp.StatusCode, orElse(problem.Detail, problem.Title)}
}

// call sends a request and reads the answer into out; nil throws it away. The
// raw answer is what --json prints.
func (c *controlPort) call(e *env, r ask, out any) (raw []byte, err error) {
	if r.method == "" {
		r.method = http.MethodGet
	}
	path := r.path
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	resp, err := c.open(e, r.method, path, r.in)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(resp.Body)
	if err != nil || len(raw) == 0 {
		return raw, err
	}
	warn(e.err, raw)
	if out == nil {
		return raw, nil
	}
	return raw, json.Unmarshal(raw, out)
}

// warn says of an answer what it lacks: of replicas that were not heard in time, or of a
// store that is away.
func warn(w io.Writer, raw []byte) {
	var answer struct{ Silent []string }
	if json.Unmarshal(raw, &answer) == nil {
		for _, who := range answer.Silent {
			fmt.Fprintln(w, "warning:", who)
		}
	}
}

// ask is one request of the control API.
type ask struct {
	method, path string
	query        url.Values
	in           any
}
