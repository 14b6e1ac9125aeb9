package record

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
)

// hooks are the keys of expect, in the order of a session.
var hooks = []pluginhost.Hook{pluginhost.Authenticate, pluginhost.Authorize, pluginhost.GetPrivateKeyList, pluginhost.GetPasswordList,
	pluginhost.AuthenticationCompleted, pluginhost.GetRemoteAppCredentials, pluginhost.GetTOTPCodes, pluginhost.SessionEnded}

// block is a mapping of YAML in an order of one's own.
type block struct {
	node yaml.Node
	err  error
}

func newBlock() *block { return &block{node: yaml.Node{Kind: yaml.MappingNode}} }

// add appends a key. flow writes its value on one line.
func (b *block) add(key string, v any, flow bool) {
	var value yaml.Node
	if err := value.Encode(v); err != nil {
		b.err = err
		return
	}
	if flow {
		value.Style = yaml.FlowStyle
		for _, c := range value.Content {
			if c.Kind == yaml.MappingNode {
				c.Style = yaml.FlowStyle
			}
		}
	}
	b.node.Content = append(b.node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &value)
}

// expect is what happened, as expectations that hold when the session is played again.
func (r *Recorder) expect() yaml.Node {
	played := r.ran.Played
	holes := r.ran.Holes(r.ran.Case.Connection.Gateway.User)
	e := newBlock()
	e.add("outcome", string(played.Outcome.State), false)
	if played.Outcome.Err != nil {
		e.add("error", string(played.Outcome.Err.Kind), false)
	}
	for _, h := range hooks {
		if fields := r.ran.Hook(h); !reflect.DeepEqual(fields["calls"], 0) {
			e.add(string(h), r.steady(fields, holes), true)
		}
	}
	if r.ran.Case.Plugins.Store != nil {
		r.secrets(e, holes)
	}
	operations, exact := r.operations()
	e.add("backend", operations, false)
	if list := e.node.Content[len(e.node.Content)-1]; list.Kind == yaml.SequenceNode {
		for _, o := range list.Content {
			o.Style = yaml.FlowStyle
		}
		if len(list.Content) == 0 {
			list.Style = yaml.FlowStyle
		}
	}
	if exact {
		e.add("backend_exact", true, false)
	}
	if remarks, all := r.review(); all || len(remarks) > 0 {
		e.add("review", remarks, len(remarks) == 0)
	}
	if e.err != nil {
		r.problem = e.err
	}
	return e.node
}

// varies matches what differs from run to run: identifiers, moments, durations, ports.
var varies = regexp.MustCompile(`\b[0-9a-f]{12,}\b|[0-9a-f]{8}-[0-9a-f]{4}|\d{4}-\d\d-\d\d|\d\d:\d\d|\b\d+(?:\.\d+)?(?:ns|µs|ms|s)\b|127\.0\.0\.1|svc/|object at 0x|\b[A-Za-z0-9]{20,}\b`)

// steady leaves out of a hook's fields what cannot be expected again, and puts holes in.
func (r *Recorder) steady(fields map[string]any, holes []scenario.Hole) map[string]any {
	out := map[string]any{}
	for k, v := range fields {
		if kept, ok := steadyOf(v, holes); ok {
			out[k] = kept
		}
	}
	return out
}

func steadyOf(v any, holes []scenario.Hole) (any, bool) {
	switch v := v.(type) {
	case string:
		if varies.MatchString(v) {
			return nil, false
		}
		text, filled := fill(v, holes)
		if !filled {
			text = literal(v)
		}
		return text, true
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if kept, ok := steadyOf(e, holes); ok {
				out[k] = kept
			}
		}
		return out, len(out) > 0
	case []any:
		out := []any{}
		for _, e := range v {
			kept, ok := steadyOf(e, holes)
			if !ok {
				return nil, false
			}
			out = append(out, kept)
		}
		return out, true
	}
	return v, true
}

// secrets expects the passwords and keys that the plugin fetched, as holes; one that the
// fleet does not know now is only there.
func (r *Recorder) secrets(e *block, holes []scenario.Hole) {
	passwords := []string{}
	for _, p := range r.ran.Played.Passwords {
		text, whole := "any", false
		for _, list := range [][]scenario.Hole{r.at, holes} { // a rotation may have changed it since
			for _, h := range list {
				if h.Value == p && !whole {
					text, whole = "{{ "+h.Path+" }}", true
				}
			}
		}
		passwords = append(passwords, text)
	}
	e.add("passwords", passwords, true)
	if len(r.ran.Played.Keys) > 0 {
		keys := []map[string]any{}
		for _, k := range r.ran.Played.Keys {
			keys = append(keys, map[string]any{"type": k.Type})
		}
		e.add("keys", keys, true)
	}
}

// operations are what the systems were asked. Several in a row that are the same, as a
// poll makes them, are one: exact says that there are none, and nothing else either.
func (r *Recorder) operations() (out []map[string]any, exact bool) {
	out, exact = []map[string]any{}, true
	for _, o := range r.ran.Operations() {
		kept := map[string]any{}
		for _, name := range []string{"system", "op", "actor", "outcome", "status", "reply"} {
			if v, there := o[name]; there && !(name == "status" && o["reply"] != nil) {
				kept[name] = v
			}
		}
		if op, _ := kept["op"].(string); varies.MatchString(op) {
			kept["op"] = "any"
		}
		if object, _ := o["object"].(string); r.public(object) {
			kept["object"] = object
		}
		if n := len(out); n > 0 && reflect.DeepEqual(out[n-1], kept) {
			exact = false
			continue
		}
		out = append(out, kept)
	}
	return out, exact
}

// public reports an object that is the same in every run.
func (r *Recorder) public(object string) bool {
	if object == "" {
		return false
	}
	if _, account := r.ran.Company.World.AccountByID(object); account {
		return true
	}
	_, user := r.ran.Company.World.Login(object)
	return user
}

// review are the remarks, without what differs from run to run. all tells that none is
// missing.
func (r *Recorder) review() (out []string, all bool) {
	out, all = []string{}, true
	for _, remark := range r.ran.Result.Review {
		if before, _, found := strings.Cut(remark, " ("); found {
			remark = before
		}
		if varies.MatchString(remark) {
			all = false
			r.notes = append(r.notes, fmt.Sprintf("a remark is not expected, since it differs from run to run: %s", remark))
			continue
		}
		out = append(out, literal(remark))
	}
	return out, all && (len(out) > 0 || len(r.ran.Result.Review) == 0)
}
