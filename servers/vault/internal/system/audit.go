package system

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"counterpart/servers/vault/internal/core"
)

// auditDevice is where a real server would write down what it was asked. Here it is a
// record: the journal writes everything down.
type auditDevice struct {
	Type        string            `json:"type"`
	Description string            `json:"description,omitempty"`
	Local       bool              `json:"local,omitempty"`
	Options     map[string]string `json:"options,omitempty"`
}

func (b *Backend) auditPaths() []*core.Path {
	return []*core.Path{
		{Pattern: "audit", Name: "audit", Sudo: true, Ops: map[core.Operation]core.Handler{core.OpRead: b.listAudit}},
		{Pattern: "audit/*path", Name: "audit", Sudo: true, Leaf: true, Ops: map[core.Operation]core.Handler{core.OpWrite: b.putAudit, core.OpDelete: b.dropAudit}},
		{Pattern: "audit-hash/*path", Name: "audit-hash", Ops: map[core.Operation]core.Handler{core.OpWrite: b.auditHash}},
	}
}

// auditKey is the device that the path names.
func auditKey(r *core.Request) string { return strings.Trim(r.Vars["path"], "/") + "/" }

func (b *Backend) listAudit(r *core.Request) (*core.Answer, error) {
	keys, err := b.audits.Names(r.Ctx, "")
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	for _, k := range keys {
		d, err := b.audits.Get(r.Ctx, k)
		if err != nil {
			return nil, err
		}
		if d != nil {
			data[k] = map[string]any{"description": d.Description, "local": d.Local, "options": d.Options, "path": k, "type": d.Type}
		}
	}
	return &core.Answer{Twin: true, Data: data}, nil
}

func (b *Backend) putAudit(r *core.Request) (*core.Answer, error) {
	d := auditDevice{Type: r.Text("type"), Description: r.Text("description")}
	var err error
	if d.Options, err = r.KeyValues("options"); err != nil {
		return nil, err
	}
	if d.Options == nil {
		d.Options = map[string]string{}
	}
	if d.Local, err = r.Bool("local", false); err != nil {
		return nil, err
	}
	needs := map[string][]string{"file": {"file_path", "path"}, "socket": {"address"}, "syslog": nil}
	names, known := needs[d.Type]
	switch {
	case !known:
		return nil, core.BadRequest("unknown backend type: %q: invalid configuration", d.Type)
	case d.Type == "syslog":
		return nil, core.BadRequest("unable to create new audit backend: error creating syslog sink node: error creating syslogger: Unix syslog delivery error")
	case !slices.ContainsFunc(names, func(n string) bool { return d.Options[n] != "" }):
		return nil, core.BadRequest("unable to create new audit backend: %q is required: invalid configuration", names[0])
	}
	return nil, b.audits.Change(r.Ctx, auditKey(r), func(v *auditDevice, found bool) error {
		if found {
			return core.BadRequest("path already in use: invalid configuration")
		}
		*v = d
		return nil
	})
}

func (b *Backend) dropAudit(r *core.Request) (*core.Answer, error) {
	_, err := b.audits.Delete(r.Ctx, auditKey(r))
	return nil, err
}

// auditHash is what a value is called in what a device writes.
func (b *Backend) auditHash(r *core.Request) (*core.Answer, error) {
	if r.Text("input") == "" {
		return nil, core.BadRequest(`the "input" parameter is empty`)
	}
	d, err := b.audits.Get(r.Ctx, auditKey(r))
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, core.BadRequest("unknown audit backend %q", auditKey(r))
	}
	salt := r.DerivedID("audit", auditKey(r))
	h := hmac.New(sha256.New, []byte(salt))
	h.Write([]byte(r.Text("input")))
	return &core.Answer{Twin: true, Data: map[string]any{"hash": "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))}}, nil
}
