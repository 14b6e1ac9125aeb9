package servicenow

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/face/httpapi"
	"counterpart/servers/servicenow/internal/dict"
	"counterpart/servers/servicenow/internal/query"
)

// What one write may hold; longer texts are cut, as columns cut them.
const (
	maxFields = 500
	maxValue  = 8000
	maxEntry  = 32 << 10 // of a journal
)

// input is what a client writes to a column, as it is stored. False: it is
// nothing that the column takes, and is ignored. shown means that the client
// wrote what people see.
func (s *Server) input(f *dict.Field, v string, u *user, shown bool) (string, bool) {
	limit := maxValue
	if f.Type == dict.Journal {
		limit = maxEntry
	}
	if len(v) > limit {
		v = strings.ToValidUTF8(v[:limit], "")
	}
	if v == "" {
		return "", true
	}
	if c, ok := f.Choice(v); f.Choices != nil && (shown || c.Value == v) && ok {
		return c.Value, true
	}
	switch f.Type {
	case dict.Integer:
		_, err := strconv.ParseFloat(v, 64)
		return v, err == nil
	case dict.Boolean:
		switch strings.ToLower(v) {
		case "true", "1", "yes", "on":
			return "true", true
		}
		return "false", true
	case dict.DateTime, dict.Date:
		return inputTime(f, v, u, shown)
	case dict.Reference:
		if isID(v) && !shown {
			return v, true
		}
		id, ok := s.refID(f.Table, v)
		return id, ok
	}
	return v, true
}

// inputTime reads a time: UTC, or in display values the user's zone.
func inputTime(f *dict.Field, v string, u *user, shown bool) (string, bool) {
	zone := time.UTC
	if shown && u != nil {
		zone = u.zone
	}
	for _, layout := range []string{query.Layout, query.DateLayout, "2006-01-02 15:04"} {
		t, err := time.ParseInLocation(layout, v, zone)
		if err != nil {
			continue
		}
		if f.Type == dict.Date {
			return t.Format(query.DateLayout), true
		}
		return stamp(t), true
	}
	return "", false
}

// refID finds the row of a table that a name means.
func (s *Server) refID(table, name string) (string, bool) {
	switch table {
	case "sys_user":
		if u, ok := s.lookup(name); ok {
			return u.id, true
		}
		for p := range s.World.Users() {
			if strings.EqualFold(displayOf(p), name) {
				return s.sysID(p), true
			}
		}
		for _, u := range s.programs {
			if strings.EqualFold(u.display, name) {
				return u.id, true
			}
		}
		return "", false
	case "sys_user_group":
		g, ok := s.groupNamed(name)
		return s.idOf("sys_user_group", g.ID), ok
	}
	if a, ok := s.assetNamed(name); ok && s.covers(table, assetClass(a)) {
		return s.idOf("cmdb_ci", a.ID), true
	}
	if s.isTask(table) {
		if t, err := s.Tickets.Get(context.Background(), s.settings.System, name); err == nil {
			return s.ticketID(&t), true
		}
	}
	for _, class := range s.classes(table) {
		for _, r := range s.seeded[class] {
			if strings.EqualFold(s.nameOf(r), name) {
				return r.id, true
			}
		}
	}
	return "", false
}

// refName is what people see of a reference.
func (s *Server) refName(ctx context.Context, table, id string) string {
	if id == "" {
		return ""
	}
	switch table {
	case "sys_user":
		if u, ok := s.userBy(id); ok {
			return u.display
		}
	case "sys_user_group":
		if g, ok := s.index().groups[id]; ok {
			return g.Name
		}
	case "cmdb_ci":
		if a, ok := s.assetBy(id); ok {
			return a.Name
		}
	}
	if _, known := s.dict.Table(table); known {
		if r, err := s.find(ctx, table, id); err == nil {
			return s.nameOf(r)
		}
	}
	if isID(id) {
		return ""
	}
	return id
}

// body reads what a write sends: one object, of a list the first. Values become
// text. Single quotes are the vendor's own examples' way to write JSON; strict
// instances want double ones.
func (r *request) body() (map[string]string, error) {
	raw, err := r.whole()
	if err != nil {
		return nil, err
	}
	if isXML(r.Request().Header.Get("Content-Type")) {
		out, err := entry(raw)
		if err != nil {
			return nil, &failure{Cause: badXML, why: err.Error()}
		}
		return out, nil
	}
	var v any
	if err := (httpapi.Lenient{}).Decode(raw, &v); err != nil {
		if r.settings.StrictHeaders || (httpapi.Lenient{}).Decode(doubled(raw), &v) != nil {
			return nil, fail(badBody, "")
		}
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	object, ok := v.(map[string]any)
	if !ok || len(object) > maxFields {
		return nil, fail(badBody, "")
	}
	out := make(map[string]string, len(object))
	for k, v := range object {
		if text, ok := plainText(v); ok {
			out[k] = text
		}
	}
	return out, nil
}

// doubled makes double quotes of single ones that enclose texts.
func doubled(raw []byte) []byte {
	out, inside := make([]byte, 0, len(raw)), byte(0)
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\' && i+1 < len(raw):
			if i++; raw[i] == '\'' {
				out = append(out, '\'')
			} else {
				out = append(out, c, raw[i])
			}
		case c == inside && inside != 0:
			out, inside = append(out, '"'), 0
		case inside == 0 && (c == '\'' || c == '"'):
			out, inside = append(out, '"'), c
		case c == '"':
			out = append(out, '\\', '"')
		default:
			out = append(out, c)
		}
	}
	return out
}

// plainText is the text of a JSON value; of an object, its value.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case map[string]any:
		for _, key := range []string{"value", "display_value"} {
			if inner, ok := v[key]; ok && inner != nil {
				if _, nested := inner.(map[string]any); !nested {
					return plainText(inner)
				}
			}
		}
	}
	return "", false
}

// plantRow makes one row of the block's records.
func (s *Server) plantRow(class, where string, given map[string]string) error {
	tab, ok := s.dict.Table(class)
	if !ok {
		return fmt.Errorf("%s: there is no table %q; add it to tables", where, class)
	}
	values := map[string]string{}
	if s.isTask(class) {
		maps.Copy(values, fixed)
		maps.Copy(values, s.fixedOf(class))
		values["sys_class_name"], values["active"], values["approval"] = class, "true", "not requested"
		values["state"] = s.tableWords(class).draft
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		f, ok := tab.Field(name)
		if !ok {
			return fmt.Errorf("%s: table %s has no field %q; add it to fields", where, class, name)
		}
		v := given[name]
		if f.Type == dict.DateTime || f.Type == dict.Date {
			v = s.relative(f, v)
		}
		stored, ok := s.input(f, v, nil, f.Type == dict.Reference && !isID(v) || f.Choices != nil)
		if f.Type == dict.ID {
			stored, ok = v, isID(v)
		}
		if !ok {
			return fmt.Errorf("%s: %q is no value of %s", where, given[name], name)
		}
		values[name] = stored
	}
	id := given["sys_id"]
	if id == "" {
		id = s.idOf(class, fmt.Sprintf("record %s %d", given[tab.DisplayBy], len(s.seeded[class])))
	}
	if _, twice := s.seededAt[class+"/"+id]; twice {
		return fmt.Errorf("%s: another row has the sys_id %s", where, id)
	}
	s.derive(class, values)
	s.keep(&record{class: class, id: id, values: s.made(id, values)})
	return nil
}

// relative turns now-1h, -1h and +3h into a time.
func (s *Server) relative(f *dict.Field, v string) string {
	offset := strings.TrimPrefix(v, "now")
	if offset != "" && offset[0] != '-' && offset[0] != '+' || offset == "" && v == "" {
		return v
	}
	var d time.Duration
	if offset != "" {
		days, rest, found := strings.Cut(offset, "d")
		n, err := strconv.Atoi(days)
		if found && err == nil {
			d, offset = time.Duration(n)*24*time.Hour, rest
		}
		if offset != "" {
			x, err := time.ParseDuration(offset)
			if err != nil {
				return v
			}
			d += x
		}
	}
	if t := s.started.Add(d); f.Type == dict.Date {
		return t.Format(query.DateLayout)
	} else {
		return stamp(t)
	}
}

// derive sets the columns of a ticket that is this instance's alone which follow
// from others.
func (s *Server) derive(class string, values map[string]string) {
	if !s.isTask(class) {
		return
	}
	values["active"] = strconv.FormatBool(!s.tableWords(class).isClosed(values["state"]))
	if alias, ok := otherStates[s.kindOf(class)]; ok {
		values[alias] = values["state"]
	}
}
