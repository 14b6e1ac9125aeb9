package fleet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"counterpart/internal/serving/fleet"
)

// TestReadDeadlinesHold: a wire sets few of the deadlines that it is given, and a
// reader cannot tell. Each row is what happens to one connection, in the bubble's
// time: a step sets a deadline, and the last read ends as it would without a wire.
func TestReadDeadlinesHold(t *testing.T) {
	const never = time.Duration(-1)
	long := time.Unix(1, 0) // what net/http ends reads with
	in := func(d time.Duration) func(*testing.T, net.Conn) {
		return func(_ *testing.T, w net.Conn) { w.SetReadDeadline(time.Now().Add(d)) }
	}
	lift := func(_ *testing.T, w net.Conn) { w.SetReadDeadline(time.Time{}) }
	cut := func(_ *testing.T, w net.Conn) { w.SetReadDeadline(long) }
	after := func(d time.Duration, do func(*testing.T, net.Conn)) func(*testing.T, net.Conn) {
		return func(t *testing.T, w net.Conn) { time.AfterFunc(d, func() { do(t, w) }) }
	}
	late := func(t *testing.T, w net.Conn) { // a read that ends without anything
		if _, err := w.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read before the last one ended with %v", err)
		}
	}
	for _, c := range []struct {
		name  string
		steps []func(*testing.T, net.Conn)
		data  time.Duration // when the client sends, from the last read on
		ends  time.Duration // never: the data is read
	}{
		{"none", nil, time.Hour, never},
		{"one", steps(in(time.Second)), never, time.Second},
		{"data comes first", steps(in(2 * time.Second)), time.Second, never},
		{"replaced by an earlier one", steps(in(time.Minute), in(time.Second)), never, time.Second},
		{"replaced by a later one", steps(in(time.Second), in(time.Minute)), never, time.Minute},
		{"lifted", steps(in(time.Second), lift), time.Hour, never},
		{"it has passed", steps(in(-time.Second)), time.Hour, 0},
		{"cut", steps(cut), time.Hour, 0},
		{"cut and lifted", steps(cut, lift), time.Hour, never},
		{"a read was cut, then there is none", steps(in(time.Hour), after(time.Second, cut), late, lift), time.Hour, never},
		{"a read was cut, then there is one", steps(after(time.Second, cut), late, lift, in(time.Minute)), never, time.Minute},
		{"while reading", steps(after(time.Second, in(time.Second))), never, 2 * time.Second},
		{"an earlier one while reading", steps(in(time.Hour), after(time.Second, in(time.Second))), never, 2 * time.Second},
		{"a later one while reading", steps(in(3*time.Second), after(time.Second, in(time.Minute))), never, 61 * time.Second},
		{"lifted while reading", steps(in(3*time.Second), after(time.Second, lift)), time.Hour, never},
		{"cut while reading", steps(in(time.Hour), after(time.Second, cut)), never, time.Second},
		{"two requests apart", steps(in(time.Minute), lift, in(10*time.Second), lift, after(time.Second, cut), late, lift, in(time.Minute), lift, in(10*time.Second)),
			never, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer theirs.Close()
				w := fleet.NewWire(ours)
				defer w.Close()
				for _, do := range c.steps {
					do(t, w)
				}
				if c.data != never {
					time.AfterFunc(c.data, func() { theirs.Write([]byte("x")) })
				}
				began := time.Now()
				got, err := io.ReadFull(w, make([]byte, 1))
				took := time.Since(began)
				switch {
				case c.ends == never && (err != nil || got != 1 || took != c.data):
					t.Errorf("read %d, %v after %s; the data came after %s", got, err, took, c.data)
				case c.ends != never && (!errors.Is(err, os.ErrDeadlineExceeded) || took != c.ends):
					t.Errorf("read %d, %v after %s; want a time-out after %s", got, err, took, c.ends)
				}
			})
		})
	}
}

func steps(s ...func(*testing.T, net.Conn)) []func(*testing.T, net.Conn) { return s }
