package native

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/ticket"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/strictjson"
)

// mergePatch is the JSON object of a merge patch (RFC 7396).
type mergePatch map[string]any

// patch reads a merge patch and holds it against v, whose fields are all that it
// may name.
func (c *caller) patch(v any) (mergePatch, error) {
	raw, err := httpapi.Peek(c.Request())
	if err != nil {
		return nil, err
	}
	if err := c.read(v, false); err != nil {
		return nil, err
	}
	var p mergePatch
	if err := json.Unmarshal(raw, &p); err != nil || p == nil {
		return nil, cause.Because(cause.BadInput, "a JSON object is expected")
	}
	return p, nil
}

// onto is what a ticket's fields are after the patch.
func (p mergePatch) onto(t *ticket.Ticket) (fields, error) {
	var now map[string]any
	text, err := json.Marshal(fields{Title: &t.Title, Description: &t.Description, Type: &t.Type, Requester: &t.Requester, Assignee: &t.Assignee,
		Approvers: &t.Approvers, MinApprovals: &t.MinApprovals, AllowSelfApproval: &t.AllowSelfApproval, BreakGlass: &t.BreakGlass,
		Targets: &t.Targets, Window: &t.Window, MaxSessions: &t.MaxSessions, MaxUses: &t.MaxUses, Labels: &t.Labels})
	if err == nil {
		err = json.Unmarshal(text, &now)
	}
	if err != nil {
		return fields{}, err
	}
	merge(now, p)
	out := empty()
	if text, err = json.Marshal(now); err == nil {
		err = strictjson.Decode(text, &out)
	}
	var refused *cause.Refusal
	if err != nil && !errors.As(err, &refused) {
		return fields{}, err
	}
	return out, err
}

// empty are fields of which none is missing, so that one that was taken away is
// empty rather than left as it was.
func empty() fields {
	var f fields
	f.Title, f.Description, f.Type, f.Requester, f.Assignee = new(string), new(string), new(string), new(string), new(string)
	f.Approvers, f.MinApprovals, f.AllowSelfApproval, f.BreakGlass = new([]ticket.Approver), new(int), new(bool), new(bool)
	f.Targets, f.Window, f.MaxSessions, f.MaxUses, f.Labels = new([]ticket.Target), new(ticket.Window), new(int), new(int), new(map[string]string)
	return f
}

// merge changes target as patch says.
func merge(target, patch map[string]any) {
	for k, v := range patch {
		inner, isObject := v.(map[string]any)
		was, wasObject := target[k].(map[string]any)
		switch {
		case v == nil:
			delete(target, k)
		case isObject && wasObject:
			merge(was, inner)
		default:
			target[k] = v
		}
	}
}

// revision is what If-Match demands; 0 demands nothing.
func (c *caller) revision() (int, error) {
	tag := c.Request().Header.Get("If-Match")
	if tag == "" || tag == "*" {
		return 0, nil
	}
	bare, opened := strings.CutPrefix(tag, `"`)
	bare, closed := strings.CutSuffix(bare, `"`)
	if !opened || !closed || bare == "" || len(bare) > 9 || strings.Trim(bare, "0123456789") != "" {
		return 0, cause.Because(cause.BadInput, "If-Match is an ETag of a ticket, like \"3\", not %q", tag)
	}
	n, err := strconv.Atoi(bare)
	if err != nil || n < 1 {
		return 0, cause.Because(cause.Stale, "no ticket has the revision %s", tag)
	}
	return n, nil
}
