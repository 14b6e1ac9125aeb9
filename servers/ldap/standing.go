package ldap

import (
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// standings are the attributes that show how somebody stands.
var standings = []string{"userAccountControl", "lockoutTime", "pwdLastSet", "pwdAccountLockedTime", "pwdReset"}

// settle turns the changes of each state attribute into the one value that they
// leave, and refuses what cannot be, before anything is written: clients take the
// old value away and add the new one, and a request is done as a whole or not at all.
func (m *modification) settle(by dir.Author) error {
	if len(m.standing) == 0 {
		return nil
	}
	now := m.snap.Reader(m.ctx)
	now.Seek(m.id)
	var out []proto.Change
	s := m.op.c.s.schema
	for _, c := range m.standing {
		if err := dir.Check(s, c); err != nil {
			return err
		}
		a, _ := s.Describe(c.Desc)
		at := slices.IndexFunc(out, func(x proto.Change) bool { return x.Desc == a.Name })
		if at < 0 {
			at = len(out)
			out = append(out, proto.Change{Op: proto.ModReplace, Attribute: proto.Attribute{Desc: a.Name, Values: now.Values(a, "")}})
		}
		left, err := m.leaves(a, out[at].Values, c, by.Permissive)
		if err != nil {
			return err
		}
		out[at].Values = left
	}
	m.standing = out
	for _, c := range out {
		if !possible(c) {
			return dir.ErrUnwilling
		}
		if c.Desc == "userAccountControl" { // signin knows but one of its bits
			m.plain = append(m.plain, c)
		}
	}
	return now.Err
}

// leaves are the values of a single-valued attribute behind a change.
func (m *modification) leaves(a *schema.Attribute, have []string, c proto.Change, permissive bool) ([]string, error) {
	s, there := m.op.c.s.schema, len(have) > 0
	same := there && len(c.Values) > 0
	if same {
		old, _ := s.Norm(a, have[0])
		to, _ := s.Norm(a, c.Values[0])
		same = old == to
	}
	switch c.Op {
	case proto.ModReplace:
		return slices.Clone(c.Values), nil
	case proto.ModDelete:
		if !same && (len(c.Values) > 0 || !there) && !permissive {
			return nil, &dir.Detail{Err: dir.ErrNoSuchAttribute, Text: "modify/delete: " + a.Name + ": no such value", Attr: a}
		}
		if same || len(c.Values) == 0 {
			return nil, nil
		}
		return have, nil
	case proto.ModAdd:
		if there && !(same && permissive) {
			return nil, &dir.Detail{Err: dir.ErrValueExists, Text: "modify/add: " + a.Name + ": value #0 already exists", Attr: a}
		}
		return slices.Clone(c.Values), nil
	case proto.ModIncrement:
		if !there {
			return nil, &dir.Detail{Err: dir.ErrNoSuchAttribute, Text: "modify/increment: " + a.Name + ": no such attribute", Attr: a}
		}
		sum, err := dir.Increased(a, have[0], c.Values[0])
		return []string{sum}, err
	}
	return nil, dir.ErrUnwilling
}

// possible reports whether a state attribute can be given its value.
func possible(c proto.Change) bool {
	value := strings.Join(c.Values, "")
	switch c.Desc {
	case "lockoutTime":
		return value == "0" || value == ""
	case "pwdLastSet":
		return value == "0" || value == "-1"
	}
	return true
}

// stand turns the value of a state attribute into what it means.
func (m *modification) stand(userID string, c proto.Change) error {
	logins := m.op.c.s.env.Logins
	value := strings.Join(c.Values, "")
	switch c.Desc {
	case "userAccountControl":
		bits, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return dir.ErrSyntax
		}
		st, err := logins.Standing(m.ctx, userID)
		if err != nil {
			return err
		}
		off := bits&2 != 0
		switch {
		case off && st.Status != world.Disabled:
			return logins.SetStatus(m.ctx, userID, world.Disabled)
		case !off && st.Status == world.Disabled:
			return logins.SetStatus(m.ctx, userID, world.Active)
		}
	case "lockoutTime":
		return logins.Unlock(m.ctx, userID)
	case "pwdLastSet":
		return logins.SetMustChange(m.ctx, userID, value == "0")
	case "pwdAccountLockedTime":
		if value == "" {
			return logins.Unlock(m.ctx, userID)
		}
		return logins.SetStatus(m.ctx, userID, world.Locked)
	case "pwdReset":
		return logins.SetMustChange(m.ctx, userID, strings.EqualFold(value, "TRUE"))
	}
	return nil
}
