// Package bundle keeps a case of a scenario that went wrong as one file that can be given
// away: the company, the scenario, the clock, what happened, with other values in the
// place of secrets, and runs it again from there.
package bundle

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"time"

	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// format is the version of the file.
const format = 1

// What a bundle may hold. What is longer is cut in its middle, but for the seed and the
// scenario, without which there is nothing to run.
const (
	maxSeed  = 4 << 20   // octets of the seed
	maxPart  = 512 << 10 // of the timeline, of the journal, of the log
	maxFile  = 12 << 20  // of a bundle
	maxField = 8 << 10   // of one text in one of those parts
)

// ErrTooLarge is a company that is too large for a bundle.
var ErrTooLarge = errors.New("too large for a bundle")

// Bundle is a case that went wrong.
type Bundle struct {
	Format      int               `json:"format"`
	Counterpart string            `json:"counterpart"` // the version that wrote it
	Scenario    Scenario          `json:"scenario"`
	Seed        Seed              `json:"seed"`
	Plugins     map[string]Plugin `json:"plugins,omitempty"` // aa, credentialstore
	Python      string            `json:"python,omitempty"`
	Faults      []fault.Rule      `json:"faults,omitempty"` // in force at the end
	End         End               `json:"end"`
	Hooks       []Hook            `json:"hooks,omitempty"`
	Timeline    []scenario.Moment `json:"timeline,omitempty"`
	Journal     []journal.Entry   `json:"journal,omitempty"`
	Log         []string          `json:"log,omitempty"`
	Masked      []string          `json:"masked,omitempty"` // where another value stands in the place of a secret
	Left        []string          `json:"left,omitempty"`   // what could not be replaced, or runs otherwise than it did
	Cut         []string          `json:"cut,omitempty"`
}

// Scenario is the case, its file and suite merged.
type Scenario struct {
	File string `json:"file"` // its name, without the folder
	Case string `json:"case,omitempty"`
	Mode string `json:"mode"`
	Text string `json:"text"` // YAML
}

// Seed is the company.
type Seed struct {
	Name    string    `json:"name"`
	Text    string    `json:"text"`    // YAML
	Started time.Time `json:"started"` // the fleet's time when it began
	Ended   time.Time `json:"ended"`   // and when the case was over
}

// Plugin tells which plugin it was.
type Plugin struct {
	Path    string `json:"path"`   // where it was
	Digest  string `json:"digest"` // SHA-256 of its files, see Digest
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Deps    string `json:"deps,omitempty"` // where its extra site directory was
}

// End is how the case ended.
type End struct {
	Verdict     scenario.Verdict      `json:"verdict"`
	Problem     string                `json:"problem,omitempty"`
	Differences []scenario.Difference `json:"differences,omitempty"`
	Review      []string              `json:"review,omitempty"`
}

// Hook is one call.
type Hook struct {
	Plugin  string        `json:"plugin"`
	Hook    string        `json:"hook"`
	Verdict string        `json:"verdict,omitempty"`
	Error   string        `json:"error,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Write writes a bundle.
func (b *Bundle) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(b)
}

// StandIn is another text of the same length and kinds of characters, drawn anew each
// time: it stands for a secret that must not be written down.
func StandIn(secret string) (string, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return "", err
	}
	return newStandIns(key, func(string) bool { return false }).standIn(secret), nil
}
