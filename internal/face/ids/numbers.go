package ids

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// Scope is where whole numbers are told apart: all users of a system, the accounts of one
// safe. What the seed brings has the first of them, in its order, in every run and on
// every replica, and nothing is kept for it; what is made later gets the numbers above.
type Scope struct {
	Key   string // the same whenever the scope is meant: "users", "safe/Linux"
	First int64
	// Seeded are the names that the seed brings, by their places from 0. Place is the
	// way back. Without any, both may be nil.
	Seeded int
	Name   func(place int) string
	Place  func(name string) (place int, ok bool)
}

// Numbers gives whole numbers to names. No number is given twice, there may be gaps, and
// they fit int64: JSON readers that go through a float must not be used for them.
type Numbers struct {
	given    *state.Collection[numbered]
	byNumber *state.Index[numbered]
	counts   *state.Collection[int64] // of each scope: how many were given
}

type numbered struct {
	Scope  string `json:"scope"`
	Name   string `json:"name"`
	Number int64  `json:"number"`
}

func (n *numbered) at() string { return at(n.Scope, n.Number) }

// at is what a number of a scope is found by; under is the same for a name.
func at(scope string, number int64) string { return under(scope, strconv.FormatInt(number, 10)) }

func under(scope, name string) string { return url.PathEscape(scope) + "/" + url.PathEscape(name) }

// NewNumbers keeps numbers in collections of s.
func NewNumbers(s state.Store) *Numbers {
	n := &Numbers{given: state.Of[numbered](s, "numbers"), counts: state.Of[int64](s, "numbers given")}
	n.byNumber = n.given.By(s, "number", cause.Exists, func(v *numbered) []string { return []string{v.at()} })
	return n
}

// Give is the number of a name, a new one if it has none: of racing callers all get the
// same.
func (n *Numbers) Give(ctx context.Context, in Scope, name string) (number int64, err error) {
	number, known, err := n.Of(ctx, in, name)
	if err != nil || known {
		return number, err
	}
	var place int64
	err = n.counts.Edit(ctx, under(in.Key, ""), func(count *int64, _ bool) (time.Time, error) {
		place = *count
		*count++
		return time.Time{}, nil
	})
	if err != nil {
		return 0, err
	}
	err = n.given.Edit(ctx, under(in.Key, name), func(v *numbered, found bool) (time.Time, error) {
		if found { // somebody else was first: the number stays a gap
			number = v.Number
			return time.Time{}, state.ErrKeep
		}
		number = in.First + int64(in.Seeded) + place
		*v = numbered{Scope: in.Key, Name: name, Number: number}
		return time.Time{}, nil
	})
	return number, err
}

// Of is the number of a name; known is false when it has none.
func (n *Numbers) Of(ctx context.Context, in Scope, name string) (number int64, known bool, err error) {
	if in.Place != nil {
		if place, ok := in.Place(name); ok {
			return in.First + int64(place), true, nil
		}
	}
	v, known, err := n.given.Read(ctx, under(in.Key, name))
	return v.Number, known, err
}

// Name is whose number it is; known is false for nobody's.
func (n *Numbers) Name(ctx context.Context, in Scope, number int64) (name string, known bool, err error) {
	if place := number - in.First; place >= 0 && place < int64(in.Seeded) {
		return in.Name(int(place)), true, nil
	}
	e, err := n.byNumber.One(ctx, at(in.Key, number))
	if err != nil || e.Value == nil {
		return "", false, err
	}
	return e.Value.Name, true, nil
}

// Forget takes the number of a name that is not the seed's away. Nobody gets it again.
func (n *Numbers) Forget(ctx context.Context, in Scope, name string) error {
	_, err := n.given.Delete(ctx, under(in.Key, name))
	return err
}
