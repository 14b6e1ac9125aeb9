// Package sarif writes findings in the Static Analysis Results Interchange Format, version
// 2.1.0 (OASIS standard, 27 March 2020), which code hosts show beside the code.
package sarif

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
)

// Schema is where the format's JSON Schema is published.
const Schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// Report is one run of a tool.
type Report struct {
	Tool, Version string
	Rules         []Rule
	Results       []Result
	Successful    bool // the tool has done all that it was to do
	ExitCode      int
}

// Rule is a kind of finding.
type Rule struct {
	ID, Name    string
	Short, Help string
	Level       Level
}

// Level is how bad a finding is (section 3.27.10).
type Level string

// The levels.
const (
	Error   Level = "error"
	Warning Level = "warning"
	Note    Level = "note"
)

// Result is a finding.
type Result struct {
	Rule        string // its ID
	Message     string
	Path        string // of a file, relative to where the tool ran, or absolute
	Line        int    // from 1 on; 0: the file as a whole
	Fingerprint string // the same for the same finding in every run
	Properties  map[string]any
}

type text struct {
	Text string `json:"text"`
}

type document struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool        tool         `json:"tool"`
	Invocations []invocation `json:"invocations"`
	Results     []result     `json:"results"`
	ColumnKind  string       `json:"columnKind"`
}

type tool struct {
	Driver driver `json:"driver"`
}

type driver struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Rules   []rule `json:"rules"`
}

type rule struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Short  text   `json:"shortDescription"`
	Help   *text  `json:"help,omitempty"`
	Config struct {
		Level Level `json:"level"`
	} `json:"defaultConfiguration"`
}

type invocation struct {
	Successful bool `json:"executionSuccessful"`
	ExitCode   int  `json:"exitCode"`
}

type result struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        Level             `json:"level"`
	Message      text              `json:"message"`
	Locations    []location        `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
	Properties   map[string]any    `json:"properties,omitempty"`
}

type location struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *region `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type region struct {
	StartLine int `json:"startLine"`
}

// Write writes a report.
func Write(w io.Writer, r Report) error {
	x := run{Tool: tool{driver{Name: r.Tool, Version: r.Version, Rules: []rule{}}}, Results: []result{}, ColumnKind: "utf16CodeUnits",
		Invocations: []invocation{{r.Successful, r.ExitCode}}}
	index := map[string]int{}
	for i, known := range r.Rules {
		entry := rule{ID: known.ID, Name: known.Name, Short: text{known.Short}}
		if known.Help != "" {
			entry.Help = &text{known.Help}
		}
		entry.Config.Level = known.Level
		x.Tool.Driver.Rules = append(x.Tool.Driver.Rules, entry)
		index[known.ID] = i
	}
	for _, f := range r.Results {
		i := index[f.Rule]
		entry := result{RuleID: f.Rule, RuleIndex: i, Level: r.Rules[i].Level, Message: text{f.Message}, Properties: f.Properties}
		var at location
		at.Physical.Artifact.URI = uri(f.Path)
		if f.Line > 0 {
			at.Physical.Region = &region{f.Line}
		}
		entry.Locations = []location{at}
		if f.Fingerprint != "" {
			entry.Fingerprints = map[string]string{"finding/v1": f.Fingerprint}
		}
		x.Results = append(x.Results, entry)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(document{Schema, "2.1.0", []run{x}})
}

// uri is a path as a reference (RFC 3986).
func uri(path string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}
