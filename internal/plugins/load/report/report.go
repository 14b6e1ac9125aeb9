// Package report is what a load test has found, and the forms in which it is told: on a
// terminal, as JSON, JUnit, Prometheus and HTML; and what differs between two of them.
package report

import "time"

// Version of the JSON. A reader refuses a later one.
const Version = 1

// The verdicts of a run.
const (
	Passed      = "passed"
	Failed      = "failed"      // an expectation or a law does not hold
	Invalid     = "invalid"     // the generator has not asked what it was to ask: nothing follows from the rest
	Interrupted = "interrupted" // it was ended before its time
)

// Report is what one run has found. Times are milliseconds, unless they say otherwise.
type Report struct {
	Version     int           `json:"version"`
	Title       string        `json:"title"`
	Plan        string        `json:"plan"` // its file
	Began       time.Time     `json:"began"`
	Seconds     float64       `json:"seconds"` // measured: without the warm-up and the drain
	Verdict     string        `json:"verdict"`
	Why         []string      `json:"why,omitempty"`         // of a verdict that is not passed
	Interrupted bool          `json:"interrupted,omitempty"` // whatever the verdict
	Closed      bool          `json:"closed,omitempty"`      // closed loop: felt is corrected by the expected interval
	Generator   Generator     `json:"generator"`
	All         Row           `json:"all"`
	Operations  []Row         `json:"operations"`
	Journeys    []Row         `json:"journeys"`
	Fleet       []Row         `json:"fleet,omitempty"` // what servers have measured of operations that no step names
	Laws        []Law         `json:"laws,omitempty"`
	Expected    []Expectation `json:"expectations,omitempty"`
	Moments     []Moment      `json:"moments,omitempty"`
	Series      Series        `json:"series"`
}

// Generator is how the generator has done.
type Generator struct {
	Intended   int64   `json:"intended"` // journeys that were to begin
	Begun      int64   `json:"begun"`
	Missed     int64   `json:"missed"`     // that could not begin, for too many were on their way
	Unfinished int64   `json:"unfinished"` // that were not over when the run was
	Lag        Times   `json:"lag"`        // from when a journey was to begin until it did
	Most       int     `json:"in_flight_max"`
	Processor  float64 `json:"processor_seconds"` // of the generator's process
	Each       float64 `json:"processor_us_each"` // microseconds for each operation
	Processors int     `json:"processors"`
}

// Row is what happened to one operation, or one journey.
type Row struct {
	Name       string    `json:"name"`
	Server     string    `json:"server,omitempty"`
	Count      int64     `json:"count"`
	Rate       float64   `json:"rate"` // each second
	LetIn      int64     `json:"let_in"`
	Asked      int64     `json:"asked"`
	Refused    int64     `json:"refused"`
	Failed     int64     `json:"failed"`
	Unexpected int64     `json:"unexpected"` // answered otherwise than the step expects
	Reasons    []Reason  `json:"reasons,omitempty"`
	Lag        *Times    `json:"lag,omitempty"`   // intended → sent
	Felt       *Times    `json:"felt,omitempty"`  // intended → answered
	Wire       *Times    `json:"wire,omitempty"`  // sent → answered
	Truth      *Times    `json:"truth,omitempty"` // as the server has measured
	First      string    `json:"first_unexpected,omitempty"`
	Points     []float64 `json:"felt_p99,omitempty"` // of each interval of the series; 0: none was answered
}

// Reason is how often answers were not what was asked for, and what they said.
type Reason struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Count   int64  `json:"count"`
}

// Times are what a histogram says.
type Times struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
	// Corrected is the same with what a closed loop has not asked while it waited; only there.
	Corrected *Times `json:"corrected,omitempty"`
	// Curve are values at the quantiles of Quantiles, for drawing and comparing.
	Curve []float64 `json:"curve,omitempty"`
	// Histogram is HdrHistogram's V2 compressed encoding, of microseconds, in base64.
	Histogram string `json:"histogram,omitempty"`
}

// Law is a law, and how often it was broken.
type Law struct {
	Name   string `json:"name"`
	Broken int    `json:"broken"`
	First  string `json:"first,omitempty"` // the operation that broke it first
	Said   string `json:"said,omitempty"`  // what was counted
}

// Expectation is one of the plan's.
type Expectation struct {
	At   string `json:"at"` // file:line:column
	What string `json:"what"`
	Saw  string `json:"saw"`
	OK   bool   `json:"ok"`
}

// Moment is something that happened to the fleet.
type Moment struct {
	Seconds float64 `json:"seconds"` // from the start
	What    string  `json:"what"`
	Error   string  `json:"error,omitempty"`
}

// Series is how the run went. Every slice has one value for each interval.
type Series struct {
	Interval float64   `json:"interval"` // seconds
	Rate     []float64 `json:"rate"`     // answers each second
	Intended []float64 `json:"intended"` // journeys that were to begin each second
	Failed   []float64 `json:"failed"`   // each second
	Refused  []float64 `json:"refused"`  // each second
	P50      []float64 `json:"p50"`      // of felt
	P99      []float64 `json:"p99"`
	Wire99   []float64 `json:"wire_p99"`
	InFlight []float64 `json:"in_flight"` // journeys on their way, at its end
}
