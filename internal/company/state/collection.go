package state

import (
	"context"
	"iter"
	"time"
)

// Collection is a table of values of one type, kept as JSON. Its owner declares it
// once, when it is made. Of the values below it that the seed brings, see Seeded.
type Collection[T any] struct {
	records
	seeds Seeds[T]
}

// Of declares the collection of a name in s.
func Of[T any](s Store, name string) *Collection[T] {
	c := &Collection[T]{records: records{name: name, table: s.Table(name)}}
	c.kind.fresh = func() any { return new(T) }
	if _, ok := c.kind.fresh().(Copier[T]); ok {
		c.kind.copy = func(v any) any { return v.(Copier[T]).Copy() }
	}
	return c
}

// Copier is a value that can copy itself with all that it points to. What is changed
// again and again need not be decoded each time then.
type Copier[T any] interface{ Copy() *T }

// as is a value with its type.
func as[T any](v any) *T {
	p, _ := v.(*T)
	return p
}

// Held is a record with its decoded value. Whoever asks for the same record again
// and again can keep it, and ask it rather than the collection.
type Held[T any] held

// Value is what the record holds; nil when there is none. It is shared and must
// not be modified.
func (h *Held[T]) Value() *T {
	if h == nil {
		return nil
	}
	return as[T](h.value)
}

// Unchanged reports at now that Hold would give the same; false means no more than
// that it has to be asked, and so it is for nil.
func (h *Held[T]) Unchanged(now time.Time) bool { return (*held)(h).unchanged(now) }

// Hold is Get for somebody who keeps what it returns, and who may know what time it
// is, so that a record which dies one day can be answered without asking the store.
// What has not changed is decoded once.
func (c *Collection[T]) Hold(ctx context.Context, key string, now time.Time) (*Held[T], error) {
	h, err := c.hold(ctx, key, now)
	return (*Held[T])(h), err
}

// Get is the value of key; nil when there is none. It is shared and must not be
// modified.
func (c *Collection[T]) Get(ctx context.Context, key string) (*T, error) {
	h, err := c.hold(ctx, key, time.Time{})
	return (*Held[T])(h).Value(), err
}

// Read is Get for somebody who wants a copy of their own.
func (c *Collection[T]) Read(ctx context.Context, key string) (v T, found bool, err error) {
	x, _, err := c.read(ctx, key)
	if p := as[T](x); p != nil {
		return *p, err == nil, err
	}
	return v, false, err
}

// Watch is Read for somebody who waits for the next change: ended is closed when the
// value has changed, or may have; nil: the store cannot tell, and has to be asked again.
func (c *Collection[T]) Watch(ctx context.Context, key string) (v T, found bool, ended <-chan struct{}, err error) {
	x, r, err := c.read(ctx, key)
	if r.Version != nil {
		ended = r.Version.Ended()
	}
	if p := as[T](x); p != nil {
		v, found = *p, err == nil
	}
	return v, found, ended, err
}

// GetMany is Get for several keys, in their order.
func (c *Collection[T]) GetMany(ctx context.Context, keys []string) ([]*T, error) {
	out := make([]*T, len(keys))
	err := c.each(ctx, keys, func(i int, v any) bool {
		out[i] = as[T](v)
		return true
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Edit changes the value of key through fn. found is false when there is none; v is
// then its zero value. fn may run again, so it must derive everything from v. It
// returns when the new value dies (zero: never), or an error, which is returned as
// it is after nothing was written; ErrKeep and ErrDelete are no errors.
func (c *Collection[T]) Edit(ctx context.Context, key string, fn func(v *T, found bool) (time.Time, error)) error {
	return c.edit(ctx, key, func(v any, found bool) (time.Time, error) { return fn(v.(*T), found) })
}

// Change is Edit for a value that does not die.
func (c *Collection[T]) Change(ctx context.Context, key string, fn func(v *T, found bool) error) error {
	return c.edit(ctx, key, func(v any, found bool) (time.Time, error) { return time.Time{}, fn(v.(*T), found) })
}

// Put sets the value of key, which dies at expires (zero: never).
func (c *Collection[T]) Put(ctx context.Context, key string, v T, expires time.Time) error {
	return c.edit(ctx, key, func(x any, _ bool) (time.Time, error) { *x.(*T) = v; return expires, nil })
}

// DeleteIf removes the value of key unless fn refuses; its error is returned as it
// is, but for ErrKeep.
func (c *Collection[T]) DeleteIf(ctx context.Context, key string, fn func(v *T) error) (was bool, err error) {
	return c.deleteIf(ctx, key, func(v any) error { return fn(v.(*T)) })
}

// All yields the values of a range in the order of their keys, a page at a time:
// however many there are, few are held. What changes meanwhile may be missing.
func (c *Collection[T]) All(ctx context.Context, r Range) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		c.all(ctx, r, func(key string, v any, err error) bool { return yield(Entry[T]{key, as[T](v)}, err) })
	}
}

// Entry is one value of a collection. It is shared and must not be modified.
type Entry[T any] struct {
	Key   string
	Value *T
}
