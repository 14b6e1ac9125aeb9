package servicenow

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/ticket"
	"counterpart/servers/servicenow/internal/dict"
)

// record is one row, whoever keeps it: a ticket of the world, a view of the
// world's people and machines, a row of the seed, or one that was inserted. What
// was written to the latter three lies over them in the store, one key per row.
type record struct {
	class    string // the table that the row is of, below the one asked for
	id       string
	ticket   *row              // of a ticket
	values   map[string]string // of all others
	standing *standing         // of a ticket, once it was asked for
}

// overlay is what was written to a row that is no ticket.
type overlay struct {
	Values  map[string]string `json:"values"`
	Deleted bool              `json:"deleted,omitempty"`
	Own     bool              `json:"own,omitempty"` // it was inserted
}

func rowKey(class, id string) string { return class + "/" + id }

// value is a column as it is stored.
func (s *Server) value(r *record, field string) string {
	if r.ticket != nil {
		return s.ticketValue(r, field)
	}
	return r.values[field]
}

func (s *Server) fromTicket(t ticket.Ticket) *record {
	return &record{class: s.classOf(&t), id: s.ticketID(&t), ticket: &row{t}}
}

// isTask reports whether rows of a table are tickets.
func (s *Server) isTask(class string) bool { return s.dict.Extends(class, "task") }

// covers reports whether a row of class is also a row of table.
func (s *Server) covers(table, class string) bool { return s.dict.Extends(class, table) }

// classes lists a table and those below it.
func (s *Server) classes(table string) []string {
	return append([]string{table}, s.dict.Below(table)...)
}

// rows yields the rows of a table and of those below it, one at a time.
func (s *Server) rows(ctx context.Context, table string) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		if s.isTask(table) {
			for t, err := range s.Tickets.All(ctx, s.settings.System) {
				if err != nil {
					yield(nil, err)
					return
				}
				if r := s.fromTicket(t); s.covers(table, r.class) && !yield(r, nil) {
					return
				}
			}
		}
		for _, class := range s.classes(table) {
			for r, err := range s.ownRows(ctx, class) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// ownRows yields the rows of one table that are no tickets.
func (s *Server) ownRows(ctx context.Context, class string) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		written, err := s.written.Names(ctx, class+"/")
		if err != nil {
			yield(nil, err)
			return
		}
		for base, err := range s.base(ctx, class) {
			if err != nil {
				yield(nil, err)
				return
			}
			if r, err := s.laid(ctx, base, len(written) > 0); err != nil || r != nil {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
		for _, id := range written {
			o, found, err := s.written.Read(ctx, rowKey(class, id))
			if err != nil {
				yield(nil, err)
				return
			}
			if found && o.Own && !yield(&record{class: class, id: id, values: o.Values}, nil) {
				return
			}
		}
	}
}

// laid puts what was written over a row; nil: it was deleted.
func (s *Server) laid(ctx context.Context, base *record, written bool) (*record, error) {
	if !written {
		return base, nil
	}
	o, found, err := s.written.Read(ctx, rowKey(base.class, base.id))
	if err != nil || !found {
		return base, err
	}
	if o.Deleted {
		return nil, nil
	}
	r := *base
	r.values = maps.Clone(base.values)
	maps.Copy(r.values, o.Values)
	return &r, nil
}

// find returns one row of a table by sys_id: noRecord when there is none.
func (s *Server) find(ctx context.Context, table, id string) (*record, error) {
	missing := cause.Because(noRecord, "%s has no row %q", table, id)
	if !isID(id) {
		return nil, missing
	}
	for _, class := range s.classes(table) {
		if r, err := s.findOwn(ctx, class, id); err != nil || r != nil {
			return r, err
		}
	}
	if !s.isTask(table) {
		return nil, missing
	}
	number, ok := s.numberOf(id)
	if !ok {
		return nil, missing
	}
	t, err := s.Tickets.Get(ctx, s.settings.System, number)
	if err != nil {
		return nil, mapped(err, cause.UnknownTicket, missing)
	}
	if r := s.fromTicket(t); r.id == id && s.covers(table, r.class) {
		return r, nil
	}
	return nil, missing
}

// mapped replaces a cause by another error.
func mapped(err error, c cause.Cause, by error) error {
	if errors.Is(err, c) {
		return by
	}
	return err
}

// findOwn is find for rows that are no tickets; nil when there is none.
func (s *Server) findOwn(ctx context.Context, class, id string) (*record, error) {
	if base, err := s.baseRow(ctx, class, id); err != nil || base != nil {
		if err == nil {
			base, err = s.laid(ctx, base, true)
		}
		return base, err
	}
	o, found, err := s.written.Read(ctx, rowKey(class, id))
	if err != nil || !found || !o.Own {
		return nil, err
	}
	return &record{class: class, id: id, values: o.Values}, nil
}

// pinned yields the rows that a query can only mean, where it names numbers or
// sys_ids, without looking at all others.
func (s *Server) pinned(ctx context.Context, table string, ids, numbers []string) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		seen := map[string]bool{}
		give := func(r *record, err error) bool {
			if errors.Is(err, noRecord) || errors.Is(err, cause.UnknownTicket) || err == nil && seen[r.id] {
				return true
			}
			if err == nil {
				seen[r.id] = true
			}
			return yield(r, err) && err == nil
		}
		for _, id := range ids {
			if !give(s.find(ctx, table, strings.ToLower(id))) {
				return
			}
		}
		for _, n := range numbers {
			t, err := s.Tickets.Get(ctx, s.settings.System, n)
			if err != nil {
				if !give(nil, err) {
					return
				}
				continue
			}
			if r := s.fromTicket(t); s.covers(table, r.class) && !give(r, nil) {
				return
			}
		}
		if numbers == nil {
			return
		}
		for _, class := range s.classes(table) { // a number may be there twice
			for r, err := range s.ownRows(ctx, class) {
				if err != nil || slices.ContainsFunc(numbers, func(n string) bool { return strings.EqualFold(n, r.values["number"]) }) {
					if !give(r, err) {
						return
					}
				}
			}
		}
	}
}

// people yields the rows of sys_user among which those are that find leads some
// login names or e-mail addresses to, in the order of the table. Nobody writes to it.
func (s *Server) people(values []string, find func(string) (int, bool)) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		for _, r := range s.seeded["sys_user"] {
			if !yield(r, nil) {
				return
			}
		}
		var at []int
		for _, v := range values {
			if i, ok := find(v); ok {
				at = append(at, i)
			}
		}
		slices.Sort(at)
		for _, i := range slices.Compact(at) {
			if !yield(s.userRow(s.personal(s.World.UserAt(i))), nil) {
				return
			}
		}
		for _, u := range s.programs {
			if !yield(s.userRow(u), nil) {
				return
			}
		}
	}
}

// put changes a row that is no ticket, as one decision. f gets the row as it
// stands and changes its values.
func (s *Server) put(ctx context.Context, r *record, f func(values map[string]string, now time.Time) error) (*record, error) {
	base, err := s.baseRow(ctx, r.class, r.id)
	if err != nil {
		return nil, err
	}
	out := &record{class: r.class, id: r.id}
	err = s.written.Edit(ctx, rowKey(r.class, r.id), func(o *overlay, found bool) (time.Time, error) {
		if o.Deleted || !found && base == nil {
			return time.Time{}, cause.Because(noRecord, "%s is gone", r.id)
		}
		values := map[string]string{}
		if base != nil {
			maps.Copy(values, base.values)
		}
		maps.Copy(values, o.Values)
		if err := f(values, s.Clock.Now()); err != nil {
			return time.Time{}, err
		}
		out.values = maps.Clone(values)
		if base != nil { // only what differs lies over it
			maps.DeleteFunc(values, func(k, v string) bool { return base.values[k] == v })
		}
		o.Values = values
		return time.Time{}, nil
	})
	return out, err
}

// drop deletes a row that is no ticket.
func (s *Server) drop(ctx context.Context, r *record) error {
	base, err := s.baseRow(ctx, r.class, r.id)
	if err != nil {
		return err
	}
	if base == nil {
		_, err := s.written.Delete(ctx, rowKey(r.class, r.id))
		return err
	}
	return s.written.Edit(ctx, rowKey(r.class, r.id), func(o *overlay, _ bool) (time.Time, error) {
		*o = overlay{Deleted: true}
		return time.Time{}, nil
	})
}

// insert adds a row that is no ticket.
func (s *Server) insert(ctx context.Context, r *record) error {
	return s.written.Edit(ctx, rowKey(r.class, r.id), func(o *overlay, found bool) (time.Time, error) {
		if found {
			return time.Time{}, cause.Because(aclInsert, "there is a row %s", r.id)
		}
		*o = overlay{Values: r.values, Own: true}
		return time.Time{}, nil
	})
}

// nameOf is the display value of a row.
func (s *Server) nameOf(r *record) string {
	t, ok := s.dict.Table(r.class)
	if !ok {
		return r.id
	}
	f, _ := t.Field(t.DisplayBy)
	v := s.value(r, t.DisplayBy)
	if f != nil && f.Type == dict.Reference {
		return s.refName(context.Background(), f.Table, v)
	}
	return v
}
