package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// outcome is how an operation ended for whoever asked.
type outcome int

// An operation that got no clear answer (5xx, a timeout, a connection that was cut) is
// unknown: it may have happened, and if so at any moment until its key was settled.
const (
	ok outcome = iota
	refused
	unknown
)

func (o outcome) String() string { return [...]string{"ok", "refused", "unknown"}[o] }

// event is one operation as the one who asked saw it.
type event struct {
	replica int
	face    string // what it was asked over
	what    string // take, give, free, spend, decide, look, make, count
	arg     string // who or what, as the model compares it
	n       int64  // spend: which code, in the order in which they come; count: how many there are
	excused bool   // a refusal needs no reason: the code may have been out of its window
	said    string // what was answered, as the model compares it
	why     string // what was answered, for people
	ended   outcome
	call    time.Duration // since the start of the run
	ret     time.Duration
}

// reads is whether an operation changes nothing.
func (e event) reads() bool { return e.what == "look" || e.what == "count" }

func (e event) String() string {
	text := fmt.Sprintf("%12.6f – %12.6f  replica %d %-7s %s %s", e.call.Seconds(), e.ret.Seconds(), e.replica, e.face, e.what, e.arg)
	if e.what == "spend" || e.what == "count" {
		text += fmt.Sprintf(" #%d", e.n)
	}
	text += ": " + e.ended.String()
	if e.said != "" {
		text += " " + e.said
	}
	if e.why != "" {
		text += " (" + e.why + ")"
	}
	return text
}

// checked is whether there is an order of a key's operations that a single process could
// have answered so. late is until when those can have happened that nobody knows of.
func checked(m porcupine.Model, events []event, late time.Duration) bool {
	var history []porcupine.Operation
	for _, e := range events {
		end := e.ret
		if e.ended == unknown {
			if e.reads() {
				continue
			}
			end = max(end, late)
		}
		call := e.call
		if e.reads() {
			call -= stale
		}
		history = append(history, porcupine.Operation{Input: e, Call: int64(call), Return: int64(end)})
		if e.face == "vault" && e.what == "take" && e.ended != ok {
			// Vault takes the account first and notes that in its library then. When the
			// second fails it gives the account back by itself, and others may have been
			// refused meanwhile.
			for _, what := range []string{"take", "let go"} {
				passing := event{what: what, arg: fmt.Sprint("passing at ", e.call), ended: unknown}
				history = append(history, porcupine.Operation{Input: passing, Call: int64(call), Return: int64(end)})
			}
		}
	}
	return porcupine.CheckOperations(m, history)
}

// shortest is the shortest part of a history that is still wrong: its beginning up to the
// first answer that cannot be, with those left out who changed nothing and do not matter.
func shortest(m porcupine.Model, events []event, late time.Duration) []event {
	all := slices.Clone(events)
	slices.SortFunc(all, func(a, b event) int { return int(a.ret - b.ret) })
	late = max(late, all[len(all)-1].ret)
	upTo := func(n int) []event { // what was not answered by then may have happened or not
		head := slices.Clone(all[:n])
		for _, e := range all[n:] {
			if e.call < all[n-1].ret {
				e.ended, e.said, e.why, e.ret = unknown, "", "not answered yet", late
				head = append(head, e)
			}
		}
		return head
	}
	out := all
	for n := 1; n <= len(all); n++ {
		if part := upTo(n); !checked(m, part, late) {
			out = part
			break
		}
	}
	// Only what had no effect can be left out: the others may be the reason of what follows.
	for i := len(out) - 1; i >= 0; i-- {
		e := out[i]
		named := slices.ContainsFunc(out, func(other event) bool { return e.arg != "" && other.said == e.arg })
		if named || e.ended != refused && !e.reads() {
			continue
		}
		if less := slices.Delete(slices.Clone(out), i, i+1); !checked(m, less, late) {
			out = less
		}
	}
	return out
}

// told is a history for people.
func told(events []event) string {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b event) int { return int(a.call - b.call) })
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "    %s\n", e)
	}
	return b.String()
}
