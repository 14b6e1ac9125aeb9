package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// marked is the key of a mark in a context.
type marked struct{}

// WithMark gives what is done under ctx a mark: something that only repetitions of one
// request share, such as what its client calls it. Records that know of marks (Marks)
// then take a repeated change for the first one.
func WithMark(ctx context.Context, mark string) context.Context {
	return context.WithValue(ctx, marked{}, mark)
}

// MarkOf is the mark of what is done under ctx; "" when it has none.
func MarkOf(ctx context.Context) string {
	mark, _ := ctx.Value(marked{}).(string)
	return mark
}

// Marks are the changes that marked requests have made to one record, and what they
// were answered. They stand in the record itself, so that a change and its mark are one
// write: whoever was not answered, because something failed after it, asks again and
// gets what was done. A record that is never marked costs nothing.
type Marks []Mark

// Mark is one of them.
type Mark struct {
	Mark   string          `json:"mark"`
	What   string          `json:"what"` // one request may make several changes
	At     time.Time       `json:"at"`
	Result json.RawMessage `json:"result"`
}

// How long a mark is known, and how many of one record.
const (
	MarksLive = 24 * time.Hour
	keptMarks = 50
)

// Change is a change of a record that marks know.
type Change[T any] struct {
	What string // one request may make several
	Now  time.Time
	Out  *T           // what Make sets, and what a repetition is told
	Make func() error // within an update of the record
}

// Once makes a change within an update of the record that has m, unless what is done under
// ctx has made it before. Then *Out is what it was and the error ErrKeep.
func Once[T any](ctx context.Context, m *Marks, c Change[T]) error {
	mark := MarkOf(ctx)
	if mark == "" {
		return c.Make()
	}
	for _, x := range *m {
		if x.Mark == mark && x.What == c.What && c.Now.Before(x.At.Add(MarksLive)) {
			if err := json.Unmarshal(x.Result, c.Out); err != nil {
				return fmt.Errorf("%w: a mark is damaged: %w", ErrUnavailable, err)
			}
			return ErrKeep
		}
	}
	if err := c.Make(); err != nil {
		return err
	}
	result, err := json.Marshal(c.Out)
	if err != nil {
		return err
	}
	live := Marks{}
	for _, x := range (*m)[max(0, len(*m)-keptMarks+1):] {
		if c.Now.Before(x.At.Add(MarksLive)) {
			live = append(live, x)
		}
	}
	*m = append(live, Mark{mark, c.What, c.Now, result})
	return nil
}
