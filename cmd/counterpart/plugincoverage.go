package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"counterpart/internal/plugins/bundle"
	"counterpart/internal/plugins/coverage"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

// observeFlags are what plugin test keeps and counts of cases besides their verdicts.
type observeFlags struct {
	Coverage     bool   `help:"Say which refusals of the systems the scenarios met and which never, which hooks they called, and which lines of the plugin ran (with coverage.py in its Python)."`
	CoverageJSON string `name:"coverage-json" placeholder:"FILE" help:"Write the coverage as JSON; implies --coverage."`
	Bundles      string `placeholder:"DIR" help:"Keep each case that did not pass as a file in this folder, secrets replaced, for plugin replay."`
}

// observer looks at cases while their fleets stand.
type observer struct {
	observeFlags
	meter  *coverage.Meter // nil: nothing is counted
	python pluginhost.Python
	traced string
	noCode string

	mu      sync.Mutex
	written []string
	wrong   []error
}

// observe makes an observer and lets it look.
func (f observeFlags) observe(e *env, o *scenario.Options) (*observer, error) {
	w := &observer{observeFlags: f}
	w.Coverage = f.Coverage || f.CoverageJSON != ""
	if f.Bundles != "" {
		if err := os.MkdirAll(f.Bundles, 0o755); err != nil {
			return nil, err
		}
	}
	if w.Coverage {
		w.meter = coverage.New(servers.Table())
		w.trace(e, o)
	}
	if before := o.Ran; w.Coverage || f.Bundles != "" {
		o.Ran = func(r *scenario.Ran) {
			if before != nil {
				before(r)
			}
			w.ran(r)
		}
	}
	return w, nil
}

// trace lets fresh interpreters write down what they run, if they can.
func (w *observer) trace(e *env, o *scenario.Options) {
	python, err := pluginhost.FindPython(e.ctx, o.Python)
	switch {
	case err != nil:
		w.noCode = err.Error()
		return
	case !coverage.Traces(e.ctx, python.Path):
		w.noCode = fmt.Sprintf("not counted: %s has no coverage.py (pip install coverage)", python.Path)
		return
	}
	if w.traced, err = os.MkdirTemp("", "counterpart-coverage-"); err != nil {
		w.noCode = err.Error()
		return
	}
	w.python, o.Traced = python, w.traced
}

// ran looks at one case.
func (w *observer) ran(r *scenario.Ran) {
	if w.meter != nil {
		w.meter.Ran(r)
	}
	if w.Bundles == "" || r.Result.Verdict != scenario.Failed && r.Result.Verdict != scenario.Crashed {
		return
	}
	b, err := bundle.Of(r, buildVersion())
	if err == nil {
		err = w.keep(b)
	}
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wrong = append(w.wrong, fmt.Errorf("no bundle of %s: %w", r.Result.Label, err))
	}
}

// keep writes a bundle under a name that nothing has yet.
func (w *observer) keep(b *bundle.Bundle) error {
	name := strings.TrimSuffix(b.Scenario.File, filepath.Ext(b.Scenario.File))
	for _, part := range []string{b.Scenario.Case, b.Scenario.Mode} {
		if part != "" {
			name += "-" + part
		}
	}
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
			return r
		}
		return '-'
	}, name)
	name = name[:min(len(name), 100)]
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := 1; ; n++ {
		path := filepath.Join(w.Bundles, name+".bundle.json")
		if n > 1 {
			path = filepath.Join(w.Bundles, fmt.Sprintf("%s-%d.bundle.json", name, n))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		err = b.Write(f)
		if closed := f.Close(); err == nil {
			err = closed
		}
		w.written = append(w.written, path)
		return err
	}
}

// hint says what to do about cases that failed and were not kept.
func (w *observer) hint(e *env, results []scenario.Result) {
	for _, r := range results {
		if w.Bundles == "" && (r.Verdict == scenario.Failed || r.Verdict == scenario.Crashed) {
			fmt.Fprintln(e.err, "--bundles DIR keeps failed cases as files without secrets, which plugin replay runs again anywhere")
			return
		}
	}
}

// close says what was kept and counted. quiet: standard output is somebody else's.
func (w *observer) close(e *env, quiet, verbose bool) error {
	if w.traced != "" {
		defer os.RemoveAll(w.traced)
	}
	for _, err := range w.wrong {
		fmt.Fprintln(e.err, "counterpart:", err)
	}
	for _, path := range w.written {
		fmt.Fprintf(e.err, "kept %s; run it again with: counterpart plugin replay %s\n", path, path)
	}
	if w.meter == nil {
		return nil
	}
	report := w.meter.Report()
	report.NoCode = w.noCode
	if w.traced != "" {
		code, err := w.meter.Code(e.ctx, w.python.Path, w.traced)
		switch report.Code = append(report.Code, code...); {
		case err != nil:
			report.NoCode = fmt.Sprintf("not counted: %v", err)
		case len(code) == 0:
			report.NoCode = "not counted: no hook ran in a fresh interpreter of " + w.python.Path
		}
	}
	if !quiet {
		report.Print(e.out, verbose)
	}
	if w.CoverageJSON == "" {
		return nil
	}
	return writeTo(w.CoverageJSON, func(out io.Writer) error { return report.JSON(out) })
}
