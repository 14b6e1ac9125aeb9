package main

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// stale is how far a mere read may be behind what another process wrote: the bound of the
// store over Redis (1 s) and what its watch may be late. Whatever decides has no such
// bound.
const stale = 1250 * time.Millisecond

// model makes one of porcupine of what an operation makes of a state: no state at all
// when it cannot have ended so.
func model[S comparable](first S, step func(s S, e event) []S) porcupine.Model {
	n := porcupine.NondeterministicModel{
		Init: func() []any { return []any{first} },
		Step: func(s, input, _ any) (out []any) {
			for _, x := range step(s.(S), input.(event)) {
				out = append(out, x)
			}
			return out
		},
	}
	return n.ToModel()
}

// when is the state, if something holds.
func when[S comparable](holds bool, s S) []S {
	if holds {
		return []S{s}
	}
	return nil
}

// either is what may have happened or not.
func either[S comparable](s S, happens bool, next S) []S {
	if happens && next != s {
		return []S{s, next}
	}
	return []S{s}
}

// alone is something that one has at a time; the state is who.
//
//	take arg   ok: nobody had it.  refused: somebody has it
//	give arg   ok: arg had it.     refused: arg does not have it
//	free       ok: the one that was said had it
//	let go     arg has it no more, if it had it
//
// Where a repetition is no error, who gives what is not theirs is told that it is done.
func alone(repetition bool) porcupine.Model {
	return model("", func(holder string, e event) []string {
		switch {
		case e.what == "let go" && holder == e.arg:
			return []string{""}
		case e.what == "let go":
			return []string{holder}
		case e.what == "give" && e.ended == ok && repetition && holder != e.arg:
			return []string{holder}
		case e.what == "take" && e.ended == ok:
			return when(holder == "", e.arg)
		case e.what == "take" && e.ended == refused:
			return when(holder != "", holder)
		case e.what == "take":
			return either(holder, holder == "", e.arg)
		case e.what == "free" && e.ended == ok:
			return when(holder == e.said, "")
		case e.what == "free" && e.ended == refused, e.what == "give" && e.ended == refused:
			return when(holder != e.arg, holder)
		case e.what == "give" && e.ended == ok:
			return when(holder == e.arg, "")
		}
		return either(holder, holder == e.arg, "")
	})
}

// spent are codes that come one after the other; the state is the last one that was used.
func spent(last int64) porcupine.Model {
	return model(last, func(last int64, e event) []int64 {
		switch {
		case e.ended == ok:
			return when(e.n > last, e.n)
		case e.ended == refused:
			return when(e.n <= last || e.excused, last)
		}
		return either(last, e.n > last, e.n)
	})
}

// decided is a question that is answered once; the state is the answer.
func decided() porcupine.Model {
	return model("", func(end string, e event) []string {
		switch {
		case e.what == "look":
			return when(e.said == end, end)
		case e.ended == ok:
			return when(end == "", e.arg)
		case e.ended == refused:
			return when(end != "", end)
		}
		return either(end, end == "", e.arg)
	})
}

// anything is the answer of a request that had its effect, and nobody knows it yet.
const anything = "?"

// once is a request that is repeated and has its effect once; the state is what was
// answered, first empty. A refusal says that it is under way.
func once(first string) porcupine.Model {
	return model(first, func(answer string, e event) []string {
		switch {
		case e.what == "count":
			return when(e.n == 0 && answer == "" || e.n == 1 && answer != "", answer)
		case e.ended == ok:
			return when(slices.Contains([]string{"", anything, e.said}, answer), e.said)
		case e.ended == refused:
			return []string{answer}
		}
		return either(answer, answer == "", anything)
	})
}
