package main

import (
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// at is an event from one moment to another, in ms.
func at(call, ret int, e event) event {
	e.call, e.ret = time.Duration(call)*time.Millisecond, time.Duration(ret)*time.Millisecond
	return e
}

func TestHistoriesThatOneProcessCouldHaveAnsweredAreKeptAndOthersAreNot(t *testing.T) {
	take := func(who string, o outcome) event { return event{what: "take", arg: who, ended: o} }
	give := func(who string, o outcome) event { return event{what: "give", arg: who, ended: o} }
	free := func(who string) event { return event{what: "free", arg: "lease-1", said: who} }
	spend := func(n int64, o outcome) event { return event{what: "spend", n: n, ended: o} }
	decide := func(end string, o outcome) event { return event{what: "decide", arg: end, ended: o} }
	look := func(end string) event { return event{what: "look", said: end} }
	make := func(id string, o outcome) event { return event{what: "make", said: id, ended: o} }
	count := func(n int64) event { return event{what: "count", n: n} }
	for name, c := range map[string]struct {
		model  porcupine.Model
		events []event
		kept   bool
	}{
		"one holder after the other":           {alone(false), []event{at(0, 1, take("a", ok)), at(2, 3, give("a", ok)), at(4, 5, take("b", ok))}, true},
		"two holders":                          {alone(false), []event{at(0, 3, take("a", ok)), at(1, 4, take("b", ok)), at(5, 6, give("a", ok))}, false},
		"two holders, of whom one gives back":  {alone(false), []event{at(0, 3, take("a", ok)), at(1, 9, take("b", ok)), at(5, 6, give("a", ok))}, true},
		"refused though nobody has it":         {alone(false), []event{at(0, 1, take("a", ok)), at(2, 3, give("a", ok)), at(4, 5, take("b", refused))}, false},
		"refused by one whom nobody knows of":  {alone(false), []event{at(0, 1, take("a", unknown)), at(4, 5, take("b", refused))}, true},
		"taken by one whom nobody knows of":    {alone(false), []event{at(0, 1, take("a", unknown)), at(4, 5, take("b", refused)), at(6, 7, free("a"))}, true},
		"freed of somebody who never had it":   {alone(false), []event{at(0, 1, take("a", ok)), at(6, 7, free("b"))}, false},
		"given back twice":                     {alone(false), []event{at(0, 1, take("a", ok)), at(2, 4, give("a", ok)), at(2, 4, give("a", ok))}, false},
		"given back, the other time refused":   {alone(false), []event{at(0, 1, take("a", ok)), at(2, 4, give("a", refused)), at(2, 4, give("a", ok))}, true},
		"late, but before it is settled":       {alone(false), []event{at(0, 1, take("a", unknown)), at(2, 3, take("b", ok)), at(4, 5, give("b", ok)), at(21, 22, free("a"))}, true},
		"late, after it was settled":           {alone(false), []event{at(0, 1, take("a", unknown)), at(21, 22, take("b", ok)), at(23, 24, give("b", ok)), at(25, 26, free("a"))}, false},
		"refused by one who gave up":           {alone(false), []event{at(0, 9, event{what: "take", face: "vault", arg: "v", ended: refused}), at(1, 2, take("b", refused)), at(1, 2, take("c", ok)), at(3, 4, give("c", ok))}, true},
		"refused after the other gave up":      {alone(false), []event{at(0, 1, event{what: "take", face: "vault", arg: "v", ended: refused}), at(0, 1, take("c", ok)), at(2, 3, give("c", ok)), at(4, 5, take("b", refused))}, false},
		"one session, ended twice":             {alone(true), []event{at(0, 1, take("a", ok)), at(2, 3, give("a", ok)), at(4, 5, give("a", ok))}, true},
		"two sessions":                         {alone(true), []event{at(0, 1, take("a", ok)), at(2, 3, take("b", ok))}, false},
		"an ended session that is still there": {alone(true), []event{at(0, 1, take("a", ok)), at(2, 3, give("a", ok)), at(4, 5, take("b", refused))}, false},
		"a code once":                          {spent(3), []event{at(0, 3, spend(4, ok)), at(0, 3, spend(4, refused)), at(4, 5, spend(5, ok))}, true},
		"a code twice":                         {spent(3), []event{at(0, 3, spend(4, ok)), at(1, 2, spend(4, ok))}, false},
		"a code that was right and refused":    {spent(3), []event{at(0, 3, spend(4, refused)), at(1, 2, spend(4, refused))}, false},
		"a code that may have been used":       {spent(3), []event{at(0, 3, spend(4, unknown)), at(1, 2, spend(4, refused))}, true},
		"a code that may not have been used":   {spent(3), []event{at(0, 3, spend(4, unknown)), at(5, 6, spend(4, ok))}, true},
		"a code of before":                     {spent(3), []event{at(0, 1, spend(5, ok)), at(2, 3, spend(4, ok))}, false},
		"a code that was out of its window":    {spent(3), []event{at(0, 1, event{what: "spend", n: 4, ended: refused, excused: true})}, true},
		"decided once":                         {decided(), []event{at(0, 3, decide("approved", ok)), at(0, 3, decide("denied", refused)), at(0, 9, look("approved"))}, true},
		"decided twice":                        {decided(), []event{at(0, 3, decide("approved", ok)), at(0, 3, decide("denied", ok))}, false},
		"two ends":                             {decided(), []event{at(0, 3, decide("approved", ok)), at(4, 5, look("denied"))}, false},
		"two ends of what nobody knows":        {decided(), []event{at(0, 3, decide("approved", unknown)), at(0, 3, decide("denied", unknown)), at(4, 5, look("denied")), at(6, 7, look("approved"))}, false},
		"a look that is a little late":         {decided(), []event{at(0, 3, decide("approved", ok)), at(1000, 1001, look(""))}, true},
		"a look that is too late":              {decided(), []event{at(0, 3, decide("approved", ok)), at(1400, 1401, look(""))}, false},
		"one answer for all":                   {once(""), []event{at(0, 3, make("1", ok)), at(0, 3, make("", refused)), at(4, 5, make("1", ok)), at(6, 7, count(1))}, true},
		"two answers":                          {once(""), []event{at(0, 3, make("1", ok)), at(4, 5, make("2", ok))}, false},
		"made twice":                           {once(""), []event{at(0, 3, make("1", ok)), at(6, 7, count(2))}, false},
		"answered and not made":                {once(""), []event{at(0, 3, make("1", ok)), at(1500, 1501, count(0))}, false},
		"made by one of whom nobody knows":     {once(""), []event{at(0, 3, make("", unknown)), at(6, 7, count(1)), at(8, 9, make("1", ok))}, true},
		"what was made already":                {once(anything), []event{at(0, 3, make("1", ok)), at(6, 7, count(1))}, true},
	} {
		if got := checked(c.model, c.events, 20*time.Millisecond); got != c.kept {
			t.Errorf("%s: kept is %v", name, got)
		}
	}
}

// TestTheShortestHistory shows the two that cannot both be, and nobody without effect.
func TestTheShortestHistory(t *testing.T) {
	events := []event{
		at(0, 1, event{what: "take", arg: "a"}), at(2, 3, event{what: "take", arg: "b", ended: refused}), at(4, 5, event{what: "give", arg: "a"}),
		at(6, 9, event{what: "take", arg: "c"}), at(7, 8, event{what: "take", arg: "d", replica: 2}), at(10, 11, event{what: "take", arg: "e", ended: refused}),
		at(12, 13, event{what: "give", arg: "c"}), at(14, 15, event{what: "give", arg: "d"}),
	}
	text := told(shortest(alone(false), events, 0))
	for word, want := range map[string]bool{"take a": true, "take b": false, "take c": true, "take d": true, "take e": false, "give c": false} {
		if strings.Contains(text, word) != want {
			t.Errorf("%q:\n%s", word, text)
		}
	}
}
