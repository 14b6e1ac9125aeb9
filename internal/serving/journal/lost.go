package journal

import (
	"strings"
	"time"
)

// What an entry of Lost or Emptied is told by.
const (
	lostServer  = "fleet"
	lostOutcome = "lost"
)

// Lost records that a replica was lost with operations that nobody can know.
func (j *Journal) Lost(at time.Time, replica, why string) {
	if j != nil {
		j.Record(Entry{At: at, Server: lostServer, Op: "replica lost", Object: replica, Outcome: lostOutcome, Why: why})
	}
}

// Emptied records that what was recorded before is gone with the store.
func (j *Journal) Emptied(at time.Time, why string) {
	if j != nil {
		j.Record(Entry{At: at, Server: lostServer, Op: "store emptied", Outcome: lostOutcome, Why: why})
	}
}

func (e *Entry) isLost() bool {
	return e.Outcome == lostOutcome && strings.EqualFold(e.Server, lostServer)
}
