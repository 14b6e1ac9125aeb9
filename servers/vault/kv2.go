package vault

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

// kv2Engine is version 2 of kv.
func kv2Engine(bao bool) *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	exists := func(r *request) (bool, error) {
		s, err := r.kv2.Get(r.ctx, r.secretKey())
		return s != nil, err
	}
	wrong := misuse(bao)
	data := map[operation]handler{opRead: unlessFolder(readVersion, wrong), opWrite: writeVersion, opPatch: patchVersion, opDelete: unlessFolder(deleteLatest, wrong), opList: wrong}
	if bao {
		data[opRead], data[opDelete], data[opList] = unlessFolder(readVersion, unnamed), deleteLatest, nil
	}
	e := newEngine("kv",
		&pathSpec{pattern: "data/*path", name: "data", exists: exists, ops: data},
		&pathSpec{pattern: "delete/*path", name: "delete", ops: write(func(r *request) (*answer, error) { return markVersions(r, markDeleted) })},
		&pathSpec{pattern: "undelete/*path", name: "undelete", ops: write(func(r *request) (*answer, error) { return markVersions(r, markLive) })},
		&pathSpec{pattern: "destroy/*path", name: "destroy", ops: write(func(r *request) (*answer, error) { return markVersions(r, markDestroyed) })},
		&pathSpec{pattern: "subkeys/*path", name: "subkeys", ops: map[operation]handler{opRead: subkeys}},
		&pathSpec{pattern: "metadata/*path", name: "metadata", exists: exists,
			ops: map[operation]handler{opRead: readMetadata, opWrite: writeMetadata, opPatch: writeMetadata, opDelete: deleteMetadata, opList: listSecrets}},
		&pathSpec{pattern: "config", name: "config", ops: map[operation]handler{opRead: readKVConfig, opWrite: writeKVConfig, opList: wrong}},
	)
	return e.otherwise(&pathSpec{name: "misuse", ops: map[operation]handler{opRead: wrong, opWrite: wrong, opPatch: wrong, opDelete: wrong, opList: wrong}})
}

// secretKey is the record of the secret that the path names.
func (r *request) secretKey() string {
	return r.mount.UUID + "/" + strings.TrimSuffix(r.vars["path"], "/")
}

// by says who makes the request.
func (r *request) by(operation string) *attribution {
	id := r.token.Data.Entity
	if id == "" { // as Vault counts clients: who has the same policies is the same
		sum := sha256.Sum256([]byte(strings.Join(r.token.Data.Policies, "\x7f") + "\x00root"))
		id = base64.StdEncoding.EncodeToString(sum[:])
	}
	return &attribution{Actor: r.token.Data.Display, ClientID: id, Operation: operation}
}

// shown is what answers tell of a version besides its data.
func (v *kvVersion) shown(s *kvSecret) map[string]any {
	var custom any
	if s.Custom != nil {
		custom = s.Custom
	}
	return map[string]any{"created_time": stamp(v.Created), "custom_metadata": custom, "deletion_time": orEmpty(v.Deletion),
		"destroyed": v.Destroyed, "version": v.N}
}

func orEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// versionAsked is the parameter version.
func (r *request) versionAsked() (int, error) { return r.number("version", 0) }

// readable finds the version that is asked for; refusals are those of the engine.
func (r *request) readable() (*kvSecret, *kvVersion, error) {
	n, err := r.versionAsked()
	if err != nil {
		return nil, nil, err
	}
	s, err := r.kv2.Get(r.ctx, r.secretKey())
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		return nil, nil, r.withoutData()
	}
	v := s.version(n)
	if v == nil {
		return nil, nil, errMissing
	}
	return s, v, nil
}

// withoutData is the refusal of a secret that is not there. What is told of a secret
// is found without regard to empty elements of its path, its data is not.
func (r *request) withoutData() error {
	name := r.vars["path"]
	if clean := strings.TrimPrefix(path.Clean("/"+name), "/"); strings.Contains("/"+name, "//") && clean != "" {
		if s, err := r.kv2.Get(r.ctx, r.mount.UUID+"/"+clean); err != nil || s != nil {
			return cmp.Or(err, faulty("could not find version data"))
		}
	}
	return errMissing
}

func readVersion(r *request) (*answer, error) {
	s, v, err := r.readable()
	if err != nil {
		return nil, err
	}
	if v.dead(r.Clock.Now()) {
		return nil, envelope404(&answer{data: map[string]any{"data": nil, "metadata": v.shown(s)}})
	}
	data := v.Data
	if s.Account != "" && v.N == s.Current {
		r.call.Object = s.Account
		if data, err = r.linked(v.Data, s.Account); err != nil {
			return nil, err
		}
	}
	r.reply = answer{version: v, secret: s, current: data}
	return &r.reply, nil
}

// encoded appends what an answer shows of a version whose data is current.
func (v *kvVersion) encoded(b []byte, s *kvSecret, data json.RawMessage) []byte {
	b = append(b, `{"data":`...)
	b = append(b, data...)
	b = append(b, `,"metadata":{"created_time":"`...)
	b = v.Created.UTC().AppendFormat(b, timeFormat)
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
func (r *request) kvSettings() (kvConfig, error) {
	c, err := r.kv2conf.Get(r.ctx, r.mount.UUID)
	if err != nil || c == nil {
		return kvConfig{}, err
	}
	return *c, nil
}

// write adds a version to the secret of the path. make gets what the last version
// held and gives what the new one holds.
func (r *request) addVersion(operation string, make func(s *kvSecret, last *kvVersion) (json.RawMessage, error)) (*answer, error) {
	config, err := r.kvSettings()
	if err != nil {
		return nil, err
	}
	cas, err := r.cas()
	if err != nil {
		return nil, err
	}
	var made kvVersion
	var secret kvSecret
	err = r.kv2.Change(r.ctx, r.secretKey(), func(s *kvSecret, found bool) error {
		now := r.Clock.Now()
		last := s.version(0)
		switch {
		case cas == nil && (config.CAS || s.CAS):
			return bad("check-and-set parameter required for this call")
		case cas != nil && *cas != s.Current:
			return bad("check-and-set parameter did not match the current version")
		}
		data, err := make(s, last)
		if err != nil {
			return err
		}
		if !found {
			s.Created = now
		}
		s.Updated, s.Current, s.By, s.Account = now, s.Current+1, r.by(operation), ""
		v := kvVersion{N: s.Current, Data: data, Created: now, By: r.by(operation)}
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
	return ok(made.shown(&secret))
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
func (r *request) cas() (*int, error) {
	options, err := r.mapping("options")
	if err != nil {
		return nil, err
	}
	if _, given := options["cas"]; !given {
		return nil, nil
	}
	n, err := fields(options).number("cas", 0)
	if err != nil {
		return nil, bad("error parsing check-and-set parameter")
	}
	return &n, nil
}

func writeVersion(r *request) (*answer, error) {
	data, err := r.mapping("data")
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, bad("no data provided")
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	operation := "update"
	if !r.exists {
		operation = "create"
	}
	return r.addVersion(operation, func(*kvSecret, *kvVersion) (json.RawMessage, error) { return raw, nil })
}

// errGone is the answer to a patch of something that is not there: no body.
func errGone() error {
	r := refuse(http.StatusNotFound, "")
	r.bare = true
	return r
}

func patchVersion(r *request) (*answer, error) {
	patch, err := r.mapping("data")
	if err != nil {
		return nil, err
	}
	if patch == nil {
		return nil, bad("no data provided")
	}
	return r.addVersion("patch", func(s *kvSecret, last *kvVersion) (json.RawMessage, error) {
		if last == nil {
			return nil, errGone()
		}
		if last.dead(r.Clock.Now()) {
			return nil, envelope404(&answer{data: last.shown(s)})
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
	err := reader.Decode(raw, &out)
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
