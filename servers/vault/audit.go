package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// auditDevice is where a real server would write down what it was asked. Here it is a
// record: the journal writes everything down.
type auditDevice struct {
	Type        string            `json:"type"`
	Description string            `json:"description,omitempty"`
	Local       bool              `json:"local,omitempty"`
	Options     map[string]string `json:"options,omitempty"`
}

func auditPaths() []*pathSpec {
	return []*pathSpec{
		{pattern: "audit", name: "audit", sudo: true, ops: map[operation]handler{opRead: listAudit}},
		{pattern: "audit/*path", name: "audit", sudo: true, leaf: true, ops: map[operation]handler{opWrite: putAudit, opDelete: dropAudit}},
		{pattern: "audit-hash/*path", name: "audit-hash", ops: map[operation]handler{opWrite: auditHash}},
	}
}

// auditKey is the device that the path names.
func (r *request) auditKey() string { return strings.Trim(r.vars["path"], "/") + "/" }

func listAudit(r *request) (*answer, error) {
	keys, err := r.audits.Names(r.ctx, "")
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	for _, k := range keys {
		d, err := r.audits.Get(r.ctx, k)
		if err != nil {
			return nil, err
		}
		if d != nil {
			data[k] = map[string]any{"description": d.Description, "local": d.Local, "options": d.Options, "path": k, "type": d.Type}
		}
	}
	return &answer{twin: true, data: data}, nil
}

func putAudit(r *request) (*answer, error) {
	d := auditDevice{Type: r.text("type"), Description: r.text("description")}
	var err error
	if d.Options, err = r.pairs("options"); err != nil {
		return nil, err
	}
	if d.Options == nil {
		d.Options = map[string]string{}
	}
	if d.Local, err = r.flag("local", false); err != nil {
		return nil, err
	}
	needs := map[string][]string{"file": {"file_path", "path"}, "socket": {"address"}, "syslog": nil}
	names, known := needs[d.Type]
	switch {
	case !known:
		return nil, bad("unknown backend type: %q: invalid configuration", d.Type)
	case d.Type == "syslog":
		return nil, bad("unable to create new audit backend: error creating syslog sink node: error creating syslogger: Unix syslog delivery error")
	case !slices.ContainsFunc(names, func(n string) bool { return d.Options[n] != "" }):
		return nil, bad("unable to create new audit backend: %q is required: invalid configuration", names[0])
	}
	return nil, r.audits.Change(r.ctx, r.auditKey(), func(v *auditDevice, found bool) error {
		if found {
			return bad("path already in use: invalid configuration")
		}
		*v = d
		return nil
	})
}

func dropAudit(r *request) (*answer, error) {
	_, err := r.audits.Delete(r.ctx, r.auditKey())
	return nil, err
}

// auditHash is what a value is called in what a device writes.
func auditHash(r *request) (*answer, error) {
	if r.text("input") == "" {
		return nil, bad(`the "input" parameter is empty`)
	}
	d, err := r.audits.Get(r.ctx, r.auditKey())
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, bad("unknown audit backend %q", r.auditKey())
	}
	salt := r.derivedID("audit", r.auditKey())
	h := hmac.New(sha256.New, []byte(salt))
	h.Write([]byte(r.text("input")))
	return &answer{twin: true, data: map[string]any{"hash": "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))}}, nil
}
