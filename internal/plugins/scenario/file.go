// Package scenario runs scenario files: one behaviour of a plugin per file, each
// case against a fleet that has seen no other. The format is the plugin host
// contract's section 11.
package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// Case is one test: a file, or one entry of its cases.
type Case struct {
	File
	Path string // of the scenario file
	Name string // of the case; empty for a file without cases
	// Given tells which lists of expect are there at all: an empty list says
	// "none", an absent one "do not look".
	Given map[string]bool
	// Wrong is why the case cannot be run: its file, or the case, is not in order.
	Wrong error

	// Seed takes the place of what Fleet names; nil: nothing does.
	Seed *Seed

	node  *strictyaml.Node // as written, merged, with its holes
	from  *origin
	index int // of the case in its file
}

// Label names the case for people: file and case.
func (c Case) Label() string {
	if c.Name == "" {
		return c.Path
	}
	return c.Path + ": " + c.Name
}

// reader reads scenarios. made are the texts that were made of holes; nil: none
// has been filled yet.
func (o *origin) reader(made map[*strictyaml.Node]bool) *seed.BlockReader {
	r := &seed.BlockReader{File: o.file, Value: valueOf, Filled: func(n *strictyaml.Node) bool { return made[n] }}
	if made == nil {
		r.Later = func(n *strictyaml.Node) bool { return n.Kind == strictyaml.Text && strings.Contains(n.Text, "{{") }
	}
	return r
}

// decode reads the case's values and checks what must be there. What is wrong is
// said at once, with its place.
func (c *Case) decode(n *strictyaml.Node, made map[*strictyaml.Node]bool) error {
	c.Given = map[string]bool{}
	var problems []seed.Problem
	wrong := func(n *strictyaml.Node, message, hint string) {
		problems = append(problems, c.from.problem(n, message, hint))
	}
	c.File = File{}
	var list *seed.Error
	if err := c.from.reader(made).Read(n, &c.File); errors.As(err, &list) {
		problems = append(problems, list.Problems...)
	}
	for _, e := range entriesOf(n.Get("expect")) {
		c.Given[e.Name] = true
	}
	for _, part := range []string{"expect", "prompts"} {
		expressions(part, n.Get(part), wrong)
	}
	c.known(n, wrong)
	c.words(n, wrong)
	c.check(n, wrong)
	if err := c.Limits.Check(); err != nil {
		wrong(n.Get("limits"), err.Error(), "")
	}
	if len(problems) == 0 {
		return nil
	}
	return sorted(problems)
}

// sorted is an error with problems in the order of the files.
func sorted(list []seed.Problem) error {
	slices.SortStableFunc(list, func(a, b seed.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &seed.Error{Problems: slices.CompactFunc(list, func(a, b seed.Problem) bool { a.Path, b.Path = "", ""; return a == b })}
}

// hooks are the keys of expect that are hooks.
var hooks = []string{"authenticate", "authorize", "session_ended", "get_password_list", "get_private_key_list", "authentication_completed",
	"get_remote_app_credentials", "get_totp_codes"}

// report takes a mistake at a value.
type report func(n *strictyaml.Node, message, hint string)

// known refuses keys that nothing has: `absent` would be true of them whatever
// happens.
func (c *Case) known(n *strictyaml.Node, wrong report) {
	expect := n.Get("expect")
	for _, name := range hooks {
		hook := expect.Get(name)
		among("expect."+name, hook, keysOf(hookKeys{}), wrong)
		if limit := hook.Get("max_ms"); limit != nil && limit.Kind != strictyaml.Integer && limit.Kind != strictyaml.Float {
			wrong(limit, fmt.Sprintf("expect.%s.max_ms: %s is no number of milliseconds", name, shown(valueOf(limit))), "")
		}
	}
	for i, k := range itemsOf(expect.Get("keys")) {
		among(fmt.Sprintf("expect.keys[%d]", i), k, keysOf(keyKeys{}), wrong)
	}
	among("box.proxy", n.Get("box").Get("proxy"), keysOf(proxyKeys{}), wrong)
	for i, op := range itemsOf(expect.Get("backend")) {
		c.operation(fmt.Sprintf("expect.backend[%d]", i), op, wrong)
	}
}

// operation refuses a key that is a known one with a typing error, and one that
// only another protocol has; what else it may be, the fleet's servers know.
func (c *Case) operation(where string, op *strictyaml.Node, wrong report) {
	known := keysOf(operationKeys{})
	web := slices.ContainsFunc([]string{"method", "path", "query", "body", "answer"}, func(k string) bool { return op.Get(k) != nil })
	for _, e := range entriesOf(op) {
		if slices.Contains(known, e.Name) {
			continue
		}
		if _, near := strictyaml.Nearest(e.Name, known); near || web {
			wrong(keyNode(e), fmt.Sprintf("%s: unknown key `%s`", where, strictyaml.Short(e.Name)), strictyaml.DidYouMean(e.Name, known))
		}
	}
}

// keyNode is the place of a key.
func keyNode(e strictyaml.Entry) *strictyaml.Node {
	n := *e.Value
	n.Line, n.Column = e.Line, e.Column
	return &n
}

// keysOf are the keys of one of the structs of Keyed.
func keysOf(of any) []string {
	keys := seed.BlockDocs{Top: of}.Keys()
	slices.Sort(keys)
	return keys
}

// among refuses a key that is none of the known ones.
func among(where string, n *strictyaml.Node, known []string, wrong report) {
	for _, e := range entriesOf(n) {
		if !slices.Contains(known, e.Name) {
			wrong(keyNode(e), fmt.Sprintf("%s: unknown key `%s`", where, strictyaml.Short(e.Name)), strictyaml.DidYouMean(e.Name, known))
		}
	}
}

// expressions refuses a /…/ that is no regular expression: it would fit nothing.
func expressions(where string, n *strictyaml.Node, wrong report) {
	if n == nil {
		return
	}
	if s := n.Text; n.Kind == strictyaml.Text && isExpression(s) {
		if _, err := regexp.Compile(s[1 : len(s)-1]); err != nil {
			wrong(n, fmt.Sprintf("%s: %s: %v", where, s, err), "")
		}
	}
	for _, e := range n.Entries {
		expressions(where+"."+e.Name, e.Value, wrong)
	}
	for i, item := range n.Items {
		expressions(fmt.Sprintf("%s[%d]", where, i), item, wrong)
	}
}

// isExpression reports a matcher that is a regular expression.
func isExpression(s string) bool { return len(s) > 2 && s[0] == '/' && s[len(s)-1] == '/' }

// words refuses expectations that are none of the words that can ever be: a
// session that is `conected` would never be.
func (c *Case) words(n *strictyaml.Node, wrong report) {
	expect := n.Get("expect")
	one := func(where string, n *strictyaml.Node, known []string) {
		if n == nil || n.Kind == strictyaml.Text && (n.Text == "any" || n.Text == "absent" || isExpression(n.Text) || strings.Contains(n.Text, "{{")) {
			return
		}
		if n.Kind != strictyaml.Text || !slices.Contains(known, n.Text) {
			wrong(n, fmt.Sprintf("%s is never %s", where, shown(valueOf(n))), strictyaml.DidYouMean(n.Text, known))
		}
	}
	var states, kinds []string
	for _, s := range pluginhost.States() {
		states = append(states, string(s))
	}
	for _, k := range pluginhost.Kinds() {
		kinds = append(kinds, string(k))
	}
	one("expect.outcome", expect.Get("outcome"), states)
	one("expect.error", expect.Get("error"), kinds)
	for _, name := range hooks {
		one("expect."+name+".error", expect.Get(name).Get("error"), kinds)
		one("expect."+name+".verdict", expect.Get(name).Get("verdict"), []string{pluginhost.Accept, pluginhost.Deny, pluginhost.NeedInfo, pluginhost.NoAnswer})
		if calls := expect.Get(name).Get("calls"); calls != nil && calls.Kind != strictyaml.Integer && !slices.Contains([]string{"any", "absent"}, calls.Text) && !isExpression(calls.Text) {
			wrong(calls, fmt.Sprintf("expect.%s.calls: %s is no number of calls", name, shown(valueOf(calls))), "")
		}
	}
	for i, p := range itemsOf(n.Get("prompts")) {
		if h := p.Get("ask").Get("hidden"); h != nil && h.Kind != strictyaml.Boolean && !slices.Contains([]string{"any", "absent"}, h.Text) && !isExpression(h.Text) {
			wrong(h, fmt.Sprintf("prompts[%d].ask.hidden is true or false, not %s", i, shown(valueOf(h))), "")
		}
	}
}

// check holds what is there against what must be.
func (c *Case) check(n *strictyaml.Node, wrong report) {
	if c.Title == "" {
		wrong(n, "`scenario`, the title, is missing", "")
	}
	if n.Get("plugins").Get("aa") == nil && n.Get("plugins").Get("credentialstore") == nil {
		wrong(or(n.Get("plugins"), n), "`plugins` needs an `aa` or a `credentialstore` plugin", "")
	}
	if mode := n.Get("mode"); mode != nil && c.Mode != "" && c.Mode != "fresh" && c.Mode != "worker" {
		wrong(mode, fmt.Sprintf("mode must be fresh or worker, not %q", strictyaml.Short(c.Mode)), "")
	}
	connection := n.Get("connection")
	if connection.Get("protocol") == nil {
		wrong(or(connection, n), "`connection.protocol` is missing: ssh, rdp, telnet, …", "")
	}
	if connection.Get("login") != nil && connection.Get("key_values") != nil {
		wrong(connection.Get("login"), "give either `connection.login` or `connection.key_values`", "")
	}
	for _, name := range []string{"aa", "credentialstore"} {
		p := n.Get("plugins").Get(name)
		if p != nil && p.Get("package") == nil {
			wrong(p, "a plugin has no `package`", "")
		}
		if p.Get("config") != nil && p.Get("config_file") != nil {
			wrong(p.Get("config_file"), "give either `config` or `config_file`", "")
		}
	}
	if _, err := pluginhost.ProfileFor(c.SPS); err != nil && !strings.Contains(c.SPS, "{{") {
		wrong(n.Get("sps"), err.Error(), "")
	}
	c.moments(n, wrong)
}

// moments checks how much time passes, and that a step is one.
func (c *Case) moments(n *strictyaml.Node, wrong report) {
	passes := func(n *strictyaml.Node) {
		if n == nil || strings.Contains(n.Text, "{{") {
			return
		}
		if d, err := time.ParseDuration(n.Text); err != nil || d < 0 {
			wrong(n, fmt.Sprintf("`wait` must be a duration, not `%s`", strictyaml.Short(n.Text)), "write 40s, 15m or 8h")
		}
	}
	for _, p := range itemsOf(n.Get("prompts")) {
		passes(p.Get("wait"))
	}
	for _, step := range itemsOf(n.Get("during")) {
		passes(step.Get("wait"))
		if step.Kind == strictyaml.Mapping && len(step.Entries) != 1 {
			wrong(step, fmt.Sprintf("a step has one key, not %d", len(step.Entries)), "begin each with `- `")
		}
	}
}

func or(n, otherwise *strictyaml.Node) *strictyaml.Node {
	if n != nil {
		return n
	}
	return otherwise
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
