package plan

import (
	"time"

	"counterpart/internal/plugins/load/step"
)

// The structs below are the reference of load plans: their tags make the decoder, the
// JSON Schema and docs/load.md. See package seed for what the tags mean.

// File is one plan.
type File struct {
	Title      string            `yaml:"load" format:"any" required:"true" doc:"What the plan is about, in a few words. A YAML file without this key is no plan."`
	Fleet      Fleet             `yaml:"fleet" doc:"The fleet of its own that a run starts, on free ports, unless there is a target."`
	Target     string            `yaml:"target" format:"any" doc:"Control port of a running fleet: http://127.0.0.1:8099. --target of the command line wins."`
	Targets    map[string]Server `yaml:"targets" doc:"Servers outside of the fleet, or other addresses for those of the fleet, by the name that steps have in to."`
	RandomSeed uint64            `yaml:"random_seed" default:"1" doc:"Draws repeat from run to run: people, accounts, the mix, random gaps."`
	People     People            `yaml:"people" doc:"Who takes the journeys."`
	Accounts   Accounts          `yaml:"accounts" doc:"What vaults are asked for."`
	Arrival    []Stage           `yaml:"arrival" doc:"When journeys begin, whatever becomes of those before: stages, one after the other."`
	Closed     *Closed           `yaml:"closed" doc:"Closed loop, in place of arrival: a fixed number of people, each of whom begins anew when the journey is over. A slow server is then asked less, and the percentiles of what it was asked hide that."`
	WarmUp     time.Duration     `yaml:"warm_up" doc:"What begins in this time from the start is not measured."`
	Drain      time.Duration     `yaml:"drain" default:"30s" min:"0s" max:"1h" doc:"How long journeys may go on once the last has begun. What is not over then is unfinished."`
	InFlight   int               `yaml:"in_flight" default:"20000" min:"1" max:"200000" doc:"How many journeys may be on their way at once. One that would have to begin beyond that makes the run invalid."`
	Lag        time.Duration     `yaml:"lag" default:"50ms" min:"1ms" max:"1m" doc:"How late the generator may be with 1 % of the journeys that it begins. Beyond that the run is invalid: it has not asked what it was to ask."`
	Journeys   []Journey         `yaml:"journeys" required:"true" doc:"What people do."`
	At         []Moment          `yaml:"at" doc:"What happens to the fleet at given moments."`
	Expect     []Expectation     `yaml:"expect" doc:"What must be true at the end. One that is not fails the run."`
}

// Fleet is the fleet that a run starts.
type Fleet struct {
	Seed    string `yaml:"seed" format:"any" default:"load" doc:"A seed beside the plan, or one of the ready-made ones."`
	Merge   any    `yaml:"merge" doc:"Laid over the seed: blocks key by key, everything else replaces. docs/seed.md has the keys."`
	Journal bool   `yaml:"journal" default:"true" doc:"Whether the fleet remembers its operations."`
}

// Server is a server outside of the fleet.
type Server struct {
	URL       string            `yaml:"url" format:"any" doc:"Over HTTP: https://vault.example:8200/prefix."`
	Address   string            `yaml:"address" format:"any" doc:"Of any other protocol: host:port."`
	Addresses []string          `yaml:"addresses" format:"any" doc:"Replicas, in place of address; with a URL, what to connect to in place of its host."`
	TLS       bool              `yaml:"tls" doc:"Of another protocol than HTTP: it speaks TLS from the first octet."`
	CA        string            `yaml:"ca" format:"any" doc:"File with the certificates to trust, in PEM; by default the system's, and the fleet's own for its servers."`
	Insecure  bool              `yaml:"insecure" doc:"Trust any certificate."`
	Facts     map[string]string `yaml:"facts" doc:"What clients of it are configured with, for holes: {{ NAME.secret }}. The fact secret of a RADIUS server is its shared secret."`
}

// People says who takes the journeys.
type People struct {
	From []string `yaml:"from" format:"any" doc:"Names of people of the seed; by default the generated ones, or all if there are none."`
	Draw string   `yaml:"draw" enum:"rotate|random" default:"rotate" doc:"rotate: in an order that is drawn once, so that nobody comes again before all have come; random: anybody, each time."`
}

// Accounts says what vaults are asked for.
type Accounts struct {
	From []string `yaml:"from" format:"any" doc:"IDs of accounts of the seed: root@db01; by default the generated ones, or all if there are none."`
	Draw string   `yaml:"draw" enum:"rotate|random" default:"rotate" doc:"As for people. With random, two may want the same at once."`
}

// Stage is a part of the arrival.
type Stage struct {
	Rate    float64       `yaml:"rate" required:"true" min:"0" max:"1000000" doc:"Journeys that begin each second."`
	To      *float64      `yaml:"to" min:"0" max:"1000000" doc:"The rate changes to this until the stage is over: a ramp."`
	Steps   int           `yaml:"steps" min:"2" max:"1000" doc:"With to: in so many equal steps, of which rate is the first and to the last."`
	For     time.Duration `yaml:"for" required:"true" min:"1ms" max:"720h" doc:"How long the stage is."`
	Poisson bool          `yaml:"poisson" doc:"Gaps are drawn, as of people who know nothing of each other, and rate is their mean."`
	Spike   *Spike        `yaml:"spike" doc:"For a moment the rate is another one."`
}

// Spike is a moment of another rate.
type Spike struct {
	Rate  float64       `yaml:"rate" required:"true" min:"0" max:"1000000" doc:"Journeys that begin each second, then."`
	After time.Duration `yaml:"after" min:"0s" doc:"When it begins, from the start of the stage."`
	For   time.Duration `yaml:"for" required:"true" min:"1ms" doc:"How long it is."`
}

// Closed is a closed loop.
type Closed struct {
	People int           `yaml:"people" required:"true" min:"1" max:"100000" doc:"How many there are at a time."`
	For    time.Duration `yaml:"for" required:"true" min:"1ms" max:"720h" doc:"How long they begin anew."`
	Pause  time.Duration `yaml:"pause" min:"0s" doc:"Between the end of a journey and the next."`
}

// Journey is what one person does.
type Journey struct {
	Name   string      `yaml:"name" format:"name" required:"true" doc:"What it is called in reports."`
	Weight float64     `yaml:"weight" default:"1" min:"0" max:"1000000" doc:"Its share of all journeys, against the weights of the others."`
	People *People     `yaml:"people" doc:"Who takes it; by default as for all."`
	Steps  []step.Spec `yaml:"steps" doc:"What is done, in order."`

	Scenario     string `yaml:"scenario" format:"any" doc:"In place of steps: a file of scenarios of a plugin, beside the plan. Each walk is a session, against the scenario's own fleet, which is that of the whole plan then; what the scenario waits passes in real time."`
	Case         string `yaml:"case" format:"any" doc:"With scenario: which of its cases; by default the first."`
	As           string `yaml:"as" format:"any" doc:"With scenario: the person of the scenario in whose place the drawn one comes, in connection, prompts and holes. {{ user.name }} and the like are the drawn one anyway."`
	Mode         string `yaml:"mode" enum:"fresh|worker" doc:"With scenario: a new interpreter for each hook, as SPS does, or kept ones; by default what the scenario says."`
	Interpreters int    `yaml:"interpreters" default:"4" min:"1" max:"256" doc:"With scenario: how many run at once, of each plugin. Hooks wait for one, however many sessions are on their way."`
}

// Moment is something that happens to the fleet. One of its keys beside at is given.
type Moment struct {
	At     time.Duration `yaml:"at" required:"true" min:"0s" doc:"When, from the start of the run."`
	Faults any           `yaml:"faults" doc:"A list of fault rules, as docs/control.md has them; they replace those of before."`
	Clock  *ClockMove    `yaml:"clock" doc:"A move of the fleet's clock."`
	Decide any           `yaml:"decide" doc:"An order, as docs/control.md has them for /decisions."`
}

// ClockMove is a move of the fleet's clock.
type ClockMove struct {
	Advance time.Duration `yaml:"advance" min:"0s" doc:"Forward by so much."`
	Frozen  *bool         `yaml:"frozen" doc:"true stops it, false lets it run."`
}

// Expectation is what must be true of a row of the report.
type Expectation struct {
	Operation string         `yaml:"operation" format:"any" doc:"Name of a row; by default the sum of all."`
	Journey   string         `yaml:"journey" format:"any" doc:"Name of a journey, in place of operation: the time from its beginning to its end."`
	Clock     string         `yaml:"clock" enum:"felt|wire|truth|lag" default:"felt" doc:"felt: from when it was to be sent to the answer; wire: from when it was sent; truth: as the server has measured; lag: from when it was to be sent until it was."`
	P50       *time.Duration `yaml:"p50" doc:"At most, for half of them."`
	P90       *time.Duration `yaml:"p90" doc:"At most, for 90 % of them."`
	P95       *time.Duration `yaml:"p95" doc:"At most, for 95 % of them."`
	P99       *time.Duration `yaml:"p99" doc:"At most, for 99 % of them."`
	P999      *time.Duration `yaml:"p999" doc:"At most, for 99.9 % of them."`
	Max       *time.Duration `yaml:"max" doc:"At most, for each of them."`
	Failed    *float64       `yaml:"failed_percent" min:"0" max:"100" doc:"Share that failed, at most."`
	Refused   *float64       `yaml:"refused_percent" min:"0" max:"100" doc:"Share that was refused, at most."`
	Rate      *float64       `yaml:"rate" min:"0" doc:"How many each second were answered, at least."`
}
