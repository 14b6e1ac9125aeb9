package kv

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
)

// kvSecret is a secret of kv version 2 with all its versions.
type kvSecret struct {
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
	Current     int               `json:"current"`
	Max         int               `json:"max,omitempty"` // 0: the mount's
	CAS         bool              `json:"cas,omitempty"`
	DeleteAfter time.Duration     `json:"delete_after,omitempty"`
	Custom      map[string]string `json:"custom,omitempty"`
	By          *attribution      `json:"by,omitempty"`
	Versions    []kvVersion       `json:"versions,omitempty"`    // oldest first
	Oldest      int               `json:"oldest,omitempty"`      // that is kept; 0 until the number of them is at its bound
	Account     string            `json:"account,omitempty"`     // seeded: the current version shows this account's secret
	MetaWrites  int               `json:"meta_writes,omitempty"` // how often what belongs to all versions was written
}

// kvVersion is one version.
type kvVersion struct {
	N         int             `json:"n"`
	Data      json.RawMessage `json:"data,omitempty"`
	Created   time.Time       `json:"created"`
	Deletion  time.Time       `json:"deletion,omitzero"` // may lie ahead
	Destroyed bool            `json:"destroyed,omitempty"`
	By        *attribution    `json:"by,omitempty"`
	DeletedBy *attribution    `json:"deleted_by,omitempty"`
}

// attribution says who changed something.
type attribution struct {
	Actor     string `json:"actor"`
	Operation string `json:"operation"`
	ClientID  string `json:"client_id"`
}

// kvConfig is the configuration of a mount.
type kvConfig struct {
	Max         int           `json:"max"`
	CAS         bool          `json:"cas"`
	DeleteAfter time.Duration `json:"delete_after"`
}

// keptVersions is how many versions are kept when nothing else is said.
const keptVersions = 10

// dead reports a version that cannot be read.
func (v *kvVersion) dead(now time.Time) bool {
	return v.Destroyed || !v.Deletion.IsZero() && !now.Before(v.Deletion)
}

// version is the version n; 0 is the current one.
func (s *kvSecret) version(n int) *kvVersion {
	if n <= 0 {
		n = s.Current
	}
	for i := range s.Versions {
		if s.Versions[i].N == n {
			return &s.Versions[i]
		}
	}
	return nil
}

// V2 is version 2 of kv.
func (b *Backend) V2(bao bool) *core.Engine {
	write := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpWrite: h}
	}
	exists := func(r *core.Request) (bool, error) {
		s, err := b.kv2.Get(r.Ctx, secretKey(r))
		return s != nil, err
	}
	wrong := misuse(bao)
	data := map[core.Operation]core.Handler{core.OpRead: unlessFolder(b.readVersion, wrong), core.OpWrite: b.writeVersion, core.OpPatch: b.patchVersion, core.OpDelete: unlessFolder(b.deleteLatest, wrong), core.OpList: wrong}
	if bao {
		data[core.OpRead], data[core.OpDelete], data[core.OpList] = unlessFolder(b.readVersion, b.unnamed), b.deleteLatest, nil
	}
	e := core.NewEngine("kv",
		&core.Path{Pattern: "data/*path", Name: "data", Exists: exists, Ops: data},
		&core.Path{Pattern: "delete/*path", Name: "delete", Ops: write(func(r *core.Request) (*core.Answer, error) { return b.markVersions(r, markDeleted) })},
		&core.Path{Pattern: "undelete/*path", Name: "undelete", Ops: write(func(r *core.Request) (*core.Answer, error) { return b.markVersions(r, markLive) })},
		&core.Path{Pattern: "destroy/*path", Name: "destroy", Ops: write(func(r *core.Request) (*core.Answer, error) { return b.markVersions(r, markDestroyed) })},
		&core.Path{Pattern: "subkeys/*path", Name: "subkeys", Ops: map[core.Operation]core.Handler{core.OpRead: b.subkeys}},
		&core.Path{Pattern: "metadata/*path", Name: "metadata", Exists: exists,
			Ops: map[core.Operation]core.Handler{core.OpRead: b.readMetadata, core.OpWrite: b.writeMetadata, core.OpPatch: b.writeMetadata, core.OpDelete: b.deleteMetadata, core.OpList: b.listSecrets}},
		&core.Path{Pattern: "config", Name: "config", Ops: map[core.Operation]core.Handler{core.OpRead: b.readKVConfig, core.OpWrite: b.writeKVConfig, core.OpList: wrong}},
	)
	return e.Otherwise(&core.Path{Name: "misuse", Ops: map[core.Operation]core.Handler{core.OpRead: wrong, core.OpWrite: wrong, core.OpPatch: wrong, core.OpDelete: wrong, core.OpList: wrong}})
}

// secretKey is the record of the secret that the path names.
func secretKey(r *core.Request) string {
	return r.Mount.UUID + "/" + strings.TrimSuffix(r.Vars["path"], "/")
}

// by says who makes the request.
func by(r *core.Request, operation string) *attribution {
	id := r.Token.Data.Entity
	if id == "" { // as Vault counts clients: who has the same policies is the same
		sum := sha256.Sum256([]byte(strings.Join(r.Token.Data.Policies, "\x7f") + "\x00root"))
		id = base64.StdEncoding.EncodeToString(sum[:])
	}
	return &attribution{Actor: r.Token.Data.Display, ClientID: id, Operation: operation}
}

// shown is what answers tell of a version besides its data.
func (v *kvVersion) shown(s *kvSecret) map[string]any {
	var custom any
	if s.Custom != nil {
		custom = s.Custom
	}
	return map[string]any{"created_time": core.FormatTime(v.Created), "custom_metadata": custom, "deletion_time": orEmpty(v.Deletion),
		"destroyed": v.Destroyed, "version": v.N}
}

func orEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return core.FormatTime(t)
}

// versionAsked is the parameter version.
func versionAsked(r *core.Request) (int, error) { return r.Int("version", 0) }

// readable finds the version that is asked for; refusals are those of the engine.
func (b *Backend) readable(r *core.Request) (*kvSecret, *kvVersion, error) {
	n, err := versionAsked(r)
	if err != nil {
		return nil, nil, err
	}
	s, err := b.kv2.Get(r.Ctx, secretKey(r))
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		return nil, nil, b.withoutData(r)
	}
	v := s.version(n)
	if v == nil {
		return nil, nil, core.ErrNotFound
	}
	return s, v, nil
}

// withoutData is the refusal of a secret that is not there. What is told of a secret
// is found without regard to empty elements of its path, its data is not.
func (b *Backend) withoutData(r *core.Request) error {
	name := r.Vars["path"]
	if clean := strings.TrimPrefix(path.Clean("/"+name), "/"); strings.Contains("/"+name, "//") && clean != "" {
		if s, err := b.kv2.Get(r.Ctx, r.Mount.UUID+"/"+clean); err != nil || s != nil {
			return cmp.Or(err, core.Faulty("could not find version data"))
		}
	}
	return core.ErrNotFound
}

func (b *Backend) readVersion(r *core.Request) (*core.Answer, error) {
	s, v, err := b.readable(r)
	if err != nil {
		return nil, err
	}
	if v.dead(r.Clock.Now()) {
		return nil, core.NotFoundWith(&core.Answer{Data: map[string]any{"data": nil, "metadata": v.shown(s)}})
	}
	data := v.Data
	if s.Account != "" && v.N == s.Current {
		r.Call.Object = s.Account
		if data, err = linked(r, v.Data, s.Account); err != nil {
			return nil, err
		}
	}
	r.Reply = core.Answer{AppendData: appendVersion, Record: s, Part: v, Current: data}
	return &r.Reply, nil
}

// appendVersion appends what an answer shows of a version (its part) of a secret (its
// record) whose data is current.
func appendVersion(b []byte, a *core.Answer) []byte {
	v, s, data := a.Part.(*kvVersion), a.Record.(*kvSecret), a.Current
	b = append(b, `{"data":`...)
	b = append(b, data...)
	b = append(b, `,"metadata":{"created_time":"`...)
	b = v.Created.UTC().AppendFormat(b, core.TimeFormat)
	b = append(b, `","custom_metadata":`...)
	if s.Custom == nil {
		b = append(b, "null"...)
	} else {
		raw, _ := json.Marshal(s.Custom)
		b = append(b, raw...)
	}
	b = append(b, `,"deletion_time":"`...)
	b = append(b, orEmpty(v.Deletion)...)
	b = append(b, `","destroyed":`...)
	b = strconv.AppendBool(b, v.Destroyed)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(v.N), 10)
	return append(b, "}}"...)
}

// config is the mount's configuration.
func (b *Backend) kvSettings(r *core.Request) (kvConfig, error) {
	c, err := b.kv2conf.Get(r.Ctx, r.Mount.UUID)
	if err != nil || c == nil {
		return kvConfig{}, err
	}
	return *c, nil
}

// write adds a version to the secret of the path. make gets what the last version
// held and gives what the new one holds.
func (b *Backend) addVersion(r *core.Request, operation string, make func(s *kvSecret, last *kvVersion) (json.RawMessage, error)) (*core.Answer, error) {
	config, err := b.kvSettings(r)
	if err != nil {
		return nil, err
	}
	cas, err := cas(r)
	if err != nil {
		return nil, err
	}
	var made kvVersion
	var secret kvSecret
	err = b.kv2.Change(r.Ctx, secretKey(r), func(s *kvSecret, found bool) error {
		now := r.Clock.Now()
		last := s.version(0)
		switch {
		case cas == nil && (config.CAS || s.CAS):
			return core.BadRequest("check-and-set parameter required for this call")
		case cas != nil && *cas != s.Current:
			return core.BadRequest("check-and-set parameter did not match the current version")
		}
		data, err := make(s, last)
		if err != nil {
			return err
		}
		if !found {
			s.Created = now
		}
		s.Updated, s.Current, s.By, s.Account = now, s.Current+1, by(r, operation), ""
		v := kvVersion{N: s.Current, Data: data, Created: now, By: by(r, operation)}
		after := s.DeleteAfter
		if after == 0 {
			after = config.DeleteAfter
		}
		if after > 0 {
			v.Deletion = now.Add(after)
		}
		s.Versions = append(s.Versions, v)
		s.trim(config)
		made, secret = v, *s
		return nil
	})
	if err != nil {
		return nil, err
	}
	return core.OK(made.shown(&secret))
}

// trim forgets the versions that are too many: more than the secret or the mount
// allows, whichever is more.
func (s *kvSecret) trim(c kvConfig) {
	most := cmp.Or(max(s.Max, c.Max), keptVersions)
	if s.Current-s.Oldest < most {
		return
	}
	s.Oldest = s.Current - most + 1
	s.Versions = slices.DeleteFunc(s.Versions, func(v kvVersion) bool { return v.N < s.Oldest })
}

// cas is the parameter options.cas; nil when it is not there.
func cas(r *core.Request) (*int, error) {
	options, err := r.Object("options")
	if err != nil {
		return nil, err
	}
	if _, given := options["cas"]; !given {
		return nil, nil
	}
	n, err := core.Fields(options).Int("cas", 0)
	if err != nil {
		return nil, core.BadRequest("error parsing check-and-set parameter")
	}
	return &n, nil
}

func (b *Backend) writeVersion(r *core.Request) (*core.Answer, error) {
	data, err := r.Object("data")
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, core.BadRequest("no data provided")
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	operation := "update"
	if !r.Exists {
		operation = "create"
	}
	return b.addVersion(r, operation, func(*kvSecret, *kvVersion) (json.RawMessage, error) { return raw, nil })
}

// errGone is the answer to a patch of something that is not there: no body.
func errGone() error {
	r := core.Refuse(http.StatusNotFound, "")
	r.Bare = true
	return r
}

func (b *Backend) patchVersion(r *core.Request) (*core.Answer, error) {
	patch, err := r.Object("data")
	if err != nil {
		return nil, err
	}
	if patch == nil {
		return nil, core.BadRequest("no data provided")
	}
	return b.addVersion(r, "patch", func(s *kvSecret, last *kvVersion) (json.RawMessage, error) {
		if last == nil {
			return nil, errGone()
		}
		if last.dead(r.Clock.Now()) {
			return nil, core.NotFoundWith(&core.Answer{Data: last.shown(s)})
		}
		old, err := decoded(last.Data)
		if err != nil {
			return nil, err
		}
		return json.Marshal(merge(old, patch))
	})
}

// decoded reads stored data and keeps numbers as they are written.
func decoded(raw json.RawMessage) (map[string]any, error) {
	out := map[string]any{}
	err := core.Reader.Decode(raw, &out)
	return out, err
}

// merge is RFC 7396: null removes, objects are merged, everything else replaces.
func merge(old, patch map[string]any) map[string]any {
	if old == nil {
		old = map[string]any{}
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(old, k)
		case map[string]any:
			inner, _ := old[k].(map[string]any)
			old[k] = merge(inner, v)
		default:
			old[k] = v
		}
	}
	return old
}
