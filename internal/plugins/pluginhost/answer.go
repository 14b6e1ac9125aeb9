package pluginhost

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// The verdicts of authenticate and authorize.
const (
	Accept   = "ACCEPT"
	Deny     = "DENY"
	NeedInfo = "NEEDINFO"
	NoAnswer = "NONE"
)

// answer is a hook's result, taken apart. A nil map is None.
type answer map[string]json.RawMessage

func bad(format string, args ...any) *HookError {
	return &HookError{Kind: BadResult, Text: fmt.Sprintf(format, args...)}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }

// shape names what a JSON value is, in Python's words.
func shape(raw json.RawMessage) string {
	if isNull(raw) {
		return "None"
	}
	switch raw[0] {
	case '{':
		return "dict"
	case '[':
		return "list"
	case '"':
		return "str"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

// readAnswer takes a result apart: a dict or None.
func readAnswer(raw json.RawMessage) (answer, *HookError) {
	if isNull(raw) {
		return nil, nil
	}
	var a answer
	if raw[0] != '{' || json.Unmarshal(raw, &a) != nil {
		return nil, bad("the result is a %s, not a dict or None", shape(raw))
	}
	return a, nil
}

// text returns a key that, if present, must be text.
func (a answer) text(key string) (value string, present bool, err *HookError) {
	raw, ok := a[key]
	if !ok {
		return "", false, nil
	}
	if shape(raw) != "str" || json.Unmarshal(raw, &value) != nil {
		return "", false, bad("%s is a %s, not a str", key, shape(raw))
	}
	return value, true, nil
}

// texts returns a key that, if present, must be a list of text.
func (a answer) texts(key string) ([]string, *HookError) {
	raw := a[key]
	if isNull(raw) {
		return nil, nil
	}
	var items []json.RawMessage
	if shape(raw) != "list" || json.Unmarshal(raw, &items) != nil {
		return nil, bad("%s is a %s, not a list", key, shape(raw))
	}
	out := make([]string, len(items))
	for i, item := range items {
		if shape(item) != "str" || json.Unmarshal(item, &out[i]) != nil {
			return nil, bad("%s[%d] is a %s, not a str", key, i, shape(item))
		}
	}
	return out, nil
}

// cookie returns a returned cookie; nil if there was none.
func (a answer) cookie(key string) (json.RawMessage, *HookError) {
	raw, ok := a[key]
	if !ok {
		return nil, nil
	}
	if shape(raw) != "dict" {
		return nil, bad("%s is a %s, not a dict", key, shape(raw))
	}
	if len(raw) > maxCookie {
		return nil, bad("%s has %d bytes of JSON, at most %d are kept", key, len(raw), maxCookie)
	}
	return raw, nil
}

// verdict fills in what authenticate and authorize have in common.
func (a answer) verdict(c *Call) *HookError {
	v, ok, err := a.text("verdict")
	switch {
	case err != nil:
		return err
	case !ok:
		return bad("the verdict is missing")
	}
	switch v {
	case Accept, Deny, NeedInfo, NoAnswer:
	default:
		return bad("verdict %q is none of ACCEPT, DENY, NEEDINFO, NONE", v)
	}
	c.Verdict = v
	if c.Metadata, _, err = a.text("additional_metadata"); err != nil {
		return err
	}
	c.Reason, _, err = a.text("reason")
	return err
}

// question reads what a NEEDINFO asks. Two members are as good as three, but
// their types are checked strictly.
func (a answer) question() (Ask, *HookError) {
	raw := a["question"]
	var parts []json.RawMessage
	if shape(raw) != "list" || json.Unmarshal(raw, &parts) != nil {
		return Ask{}, bad("NEEDINFO with a question that is a %s, not a list or tuple", shape(raw))
	}
	if len(parts) != 2 && len(parts) != 3 {
		return Ask{}, bad("the question has %d members, not 2 or 3", len(parts))
	}
	var q Ask
	for i, into := range []*string{&q.Key, &q.Text} {
		if shape(parts[i]) != "str" || json.Unmarshal(parts[i], into) != nil {
			return Ask{}, bad("member %d of the question is a %s, not a str", i, shape(parts[i]))
		}
	}
	if len(parts) == 3 {
		if shape(parts[2]) != "bool" || json.Unmarshal(parts[2], &q.Hidden) != nil {
			return Ask{}, bad("member 2 of the question is a %s, not a bool", shape(parts[2]))
		}
	}
	return q, nil
}

// newUser reads the pair by which a plugin replaces the gateway user; odd says
// that only one of the two is there.
func (a answer) newUser() (user string, groups []string, both, odd bool, err *HookError) {
	hasUser, hasGroups := !isNull(a["gateway_user"]), !isNull(a["gateway_groups"])
	if hasUser {
		if user, _, err = a.text("gateway_user"); err != nil {
			return "", nil, false, false, err
		}
	}
	if hasGroups {
		if groups, err = a.texts("gateway_groups"); err != nil {
			return "", nil, false, false, err
		}
	}
	return user, groups, hasUser && hasGroups, hasUser != hasGroups, nil
}

// keys reads a list of (type, pem) pairs and judges each.
func (a answer) keys() ([]Key, *HookError) {
	raw := a["private_keys"]
	if isNull(raw) {
		return nil, nil
	}
	var pairs []json.RawMessage
	if shape(raw) != "list" || json.Unmarshal(raw, &pairs) != nil {
		return nil, bad("private_keys is a %s, not a list", shape(raw))
	}
	var out []Key
	for i, p := range pairs {
		var pair []json.RawMessage
		if shape(p) != "list" || json.Unmarshal(p, &pair) != nil || len(pair) != 2 {
			return nil, bad("private_keys[%d] is not a tuple of type and key", i)
		}
		both, err := answer{"private_keys": p}.texts("private_keys")
		if err != nil {
			return nil, bad("private_keys[%d] is not a tuple of two str", i)
		}
		out = append(out, CheckKey(both[0], both[1]))
	}
	return out, nil
}

// totp reads the codes of get_totp_codes.
func (a answer) totp() ([]TOTP, *HookError) {
	raw := a["totp_codes"]
	if isNull(raw) {
		return nil, nil
	}
	var items []json.RawMessage
	if shape(raw) != "list" || json.Unmarshal(raw, &items) != nil {
		return nil, bad("totp_codes is a %s, not a list", shape(raw))
	}
	out := make([]TOTP, len(items))
	for i, item := range items {
		var m map[string]json.RawMessage
		if shape(item) != "dict" || json.Unmarshal(item, &m) != nil ||
			json.Unmarshal(m["unix_time"], &out[i].UnixTime) != nil || json.Unmarshal(m["code"], &out[i].Code) != nil || isNull(m["code"]) {
			return nil, bad("totp_codes[%d] is not a dict of unix_time, period and code", i)
		}
		out[i].Period = 30
		if p, ok := m["period"]; ok && json.Unmarshal(p, &out[i].Period) != nil {
			return nil, bad("totp_codes[%d] has a period that is a %s", i, shape(p))
		}
	}
	return out, nil
}
