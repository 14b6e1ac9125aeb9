package seed

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"reflect"
	"time"
)

// fault is a rule of faults, as docs/control.md describes it.
type fault struct {
	At      place
	ID      string            `yaml:"id" format:"id" doc:"Its name; by default rule-1, rule-2, …"`
	Kind    string            `yaml:"kind" required:"true" format:"word" doc:"What goes wrong: delay, status, body, edit, slow, reset, hang, tls, drop, duplicate, reorder, or a kind of a server's own."`
	Server  string            `yaml:"server" format:"any" doc:"Only at that server, by its name."`
	Port    string            `yaml:"port" format:"any" doc:"Only at that port of it."`
	Op      string            `yaml:"op" format:"any" doc:"Only that operation; * stands for anything."`
	Actor   string            `yaml:"actor" format:"any" doc:"Only for that person or client."`
	Object  string            `yaml:"object" format:"any" doc:"Only about that object."`
	Moment  string            `yaml:"moment" enum:"before|after" doc:"Before the operation changes anything, or after it did; by default before, as far as what is matched is known by then."`
	Args    map[string]string `yaml:"args" format:"any" doc:"What the kind wants to know."`
	Percent int               `yaml:"percent" min:"0" max:"100" doc:"So many of a hundred; 0 means all."`
	Skip    int               `yaml:"skip" min:"0" doc:"Spare the first ones."`
	Times   int               `yaml:"times" min:"0" doc:"At most so often; 0 means for ever."`
	Every   int               `yaml:"every" min:"0" doc:"Every n-th."`
	Nth     int               `yaml:"nth" min:"0" doc:"The n-th alone."`
	Lasts   time.Duration     `yaml:"lasts" doc:"For that time from the start; 0 means for ever."`
}

// decision is an order in force from the start.
type decision struct {
	At      place
	Verb    string        `yaml:"verb" required:"true" enum:"approve|deny|delay|timeout|fraud|lock|expire|require_approval|interactive" doc:"What is decided."`
	On      string        `yaml:"on" enum:"login|code|push|checkout|ticket" doc:"Only about operations of that sort."`
	User    string        `yaml:"user" ref:"user" doc:"About that person."`
	Device  string        `yaml:"device" format:"any" doc:"About that device."`
	Account string        `yaml:"account" format:"any" doc:"About that account, like root@db01."`
	Ticket  string        `yaml:"ticket" format:"any" doc:"About that ticket."`
	Next    int           `yaml:"next" min:"0" doc:"For so many operations; 0 means until lifted."`
	After   time.Duration `yaml:"after" doc:"How long the answer takes."`
	For     time.Duration `yaml:"for" doc:"The order dies by itself after that time; 0 means never."`
}

// saved is what an export has put behind the seed that it was made from.
type saved struct {
	At      place
	Started time.Time `yaml:"started" doc:"When the exported fleet had started; the seed's relative times count from here."`
	Now     time.Time `yaml:"now" doc:"Its time when it was exported, which is where this fleet's clock begins."`
	Frozen  bool      `yaml:"frozen" doc:"Whether its clock stood still."`
	Data    string    `yaml:"data" format:"any" doc:"Everything that had changed; only an export writes it."`
}

// Fault is one rule of faults. What it means is the affair of the fleet.
type Fault struct {
	Pos                                       Pos
	ID, Kind, Server, Port, Op, Actor, Object string
	Moment                                    string
	Args                                      map[string]string
	Percent, Skip, Times, Every, Nth          int
	Lasts                                     time.Duration
}

// Decision is one order of decisions.
type Decision struct {
	Pos                                     Pos
	Verb, On, User, Device, Account, Ticket string
	Next                                    int
	After, For                              time.Duration
}

// State is what a fleet had changed when it was exported; nil for a plain seed.
type State struct {
	Started, Now time.Time
	Frozen       bool
	Records      []Record
}

// Record is one value of the exported store: of which table, and by which key.
type Record struct {
	Table   string
	Key     string
	Value   []byte
	Expires time.Time // zero: never
}

// data is what saved.Data holds.
type data struct {
	Records []Record
	Files   map[string][]byte // that the seed names
}

// unpack reads the state of an export ahead of all else: times and files of the
// seed depend on it.
func (l *loader) unpack(ctx context.Context, root *node) (*State, error) {
	n := root.Get("state")
	if n == nil || n.Kind != mapping {
		return nil, nil
	}
	var s saved
	early := &decoder{report: &reporter{}, layouts: layouts{}, now: l.opt.Now}
	early.value(n, reflect.ValueOf(&s).Elem(), field{key: "state"})
	if len(early.report.problems) > 0 { // said again, in its place, when the file is read
		return nil, nil
	}
	d, err := unpackData(ctx, s.Data)
	if err != nil {
		return nil, err
	}
	if !s.Started.IsZero() {
		l.opt.Now = s.Started
	}
	if len(d.Files) > 0 {
		l.opt.FS = overlay{d.Files, l.opt.FS}
	}
	return &State{Started: l.opt.Now, Now: s.Now, Frozen: s.Frozen, Records: d.Records}, nil
}

// overlay is a folder with some files in front of another.
type overlay struct {
	files map[string][]byte
	under fs.FS
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if text, ok := o.files[path.Clean(name)]; ok {
		return &file1{Reader: bytes.NewReader(text), name: path.Base(name), size: int64(len(text))}, nil
	}
	if o.under == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.under.Open(name)
}

// file1 is a file that is only in memory.
type file1 struct {
	*bytes.Reader
	name string
	size int64
}

// Stat implements fs.File.
func (f *file1) Stat() (fs.FileInfo, error) { return f, nil }

// Close implements fs.File.
func (f *file1) Close() error { return nil }

// The methods of fs.FileInfo.

// Name implements fs.FileInfo.
func (f *file1) Name() string { return f.name }

// Size implements fs.FileInfo.
func (f *file1) Size() int64 { return f.size }

// Mode implements fs.FileInfo.
func (f *file1) Mode() fs.FileMode { return 0o444 }

// ModTime implements fs.FileInfo.
func (f *file1) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (f *file1) IsDir() bool { return false }

// Sys implements fs.FileInfo.
func (f *file1) Sys() any { return nil }

// steer is what the seed says about faults and decisions.
func (l *loader) steer(s *Seed) {
	pos := func(p place) Pos { return Pos{l.report.file, p.n.Line, p.n.Column} }
	for _, f := range l.file.Faults {
		s.Faults = append(s.Faults, Fault{Pos: pos(f.At), ID: f.ID, Kind: f.Kind, Server: f.Server, Port: f.Port, Op: f.Op, Actor: f.Actor, Object: f.Object,
			Moment: f.Moment, Args: f.Args, Percent: f.Percent, Skip: f.Skip, Times: f.Times, Every: f.Every, Nth: f.Nth, Lasts: f.Lasts})
	}
	for _, d := range l.file.Decisions {
		s.Decisions = append(s.Decisions, Decision{Pos: pos(d.At), Verb: d.Verb, On: d.On, User: d.User, Device: d.Device, Account: d.Account, Ticket: d.Ticket,
			Next: d.Next, After: d.After, For: d.For})
	}
}
