package fault

import (
	"math"
	"strconv"
	"time"

	"counterpart/internal/serving/fault/edit"
)

// Wait is how long a delay that fired lasts. With args.spread it is uniform
// within that of args.for, or normal with it as the deviation; an exponential
// one has args.for as its mean. What it drew follows from the seed's number.
func (r Rule) Wait() time.Duration {
	d, _ := time.ParseDuration(r.Args["for"]) // checked when the rule was set
	spread, _ := time.ParseDuration(r.Args["spread"])
	u := (float64(r.draw>>11) + 0.5) / (1 << 53) // above 0, below 1
	switch shape := r.Args["shape"]; {
	case shape == "exponential":
		d = time.Duration(-math.Log(u) * float64(d))
	case spread == 0:
	case shape == "normal":
		v := (float64(mix(r.draw+1)>>11) + 0.5) / (1 << 53)
		d += time.Duration(math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v) * float64(spread))
	default:
		d += time.Duration((2*u - 1) * float64(spread))
	}
	return min(max(d, 0), longest)
}

// Held is how long a reordered datagram waits for another answer to overtake it.
func (r Rule) Held() time.Duration {
	if d, err := time.ParseDuration(r.Args["for"]); err == nil {
		return d
	}
	return time.Second
}

// Rate is how many octets per second a slow answer gets.
func (r Rule) Rate() int {
	n, _ := strconv.Atoi(r.Args["rate"])
	return max(n, 1)
}

// Code is the status that a status rule answers with.
func (r Rule) Code() int {
	n, err := strconv.Atoi(r.Args["code"])
	if err != nil {
		return 503
	}
	return n
}

// Change is what an edit rule makes of an answer. One that is to answer what was answered
// before says so with what that was, once the table knows.
func (r Rule) Change() edit.Change {
	return edit.Change{Field: r.Args["field"], As: r.Args["as"], Value: r.Args["value"]}
}

// Spoil is what a body rule makes of an answer's body; cut says that the
// connection is to end in its middle. A field that the body does not have stays as it
// is, and done is false.
func (r Rule) Spoil(body []byte) (spoilt []byte, cut, done bool) {
	d := edit.Read("", body)
	if done = d.Change(r.Change()); !done {
		return body, false, false
	}
	return d.Body(), d.Ending, true
}
