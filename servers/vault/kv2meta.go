package vault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/state"
)

// editVersions changes a secret that is there.
func (r *request) editVersions(fn func(*kvSecret)) error {
	return r.kv2.Change(r.ctx, r.secretKey(), func(s *kvSecret, found bool) error {
		if !found {
			return state.ErrKeep
		}
		fn(s)
		return nil
	})
}

func deleteLatest(r *request) (*answer, error) {
	return nil, r.editVersions(func(s *kvSecret) {
		if v := s.version(0); v != nil && !v.dead(r.Clock.Now()) {
			v.Deletion, v.DeletedBy, s.By = r.Clock.Now(), r.by("delete"), r.by("delete")
		}
	})
}

// Marks that delete, undelete and destroy set.
func markDeleted(r *request, s *kvSecret, v *kvVersion) {
	if !v.dead(r.Clock.Now()) {
		v.Deletion, v.DeletedBy, s.By = r.Clock.Now(), r.by("update"), r.by("update")
	}
}

func markLive(r *request, s *kvSecret, v *kvVersion) {
	if v.Destroyed {
		return
	}
	v.Deletion, v.DeletedBy, s.By = time.Time{}, nil, r.by("undelete")
	if s.DeleteAfter > 0 {
		v.Deletion = r.Clock.Now().Add(s.DeleteAfter)
	}
}

func markDestroyed(_ *request, _ *kvSecret, v *kvVersion) { v.Destroyed, v.Data = true, nil }

func markVersions(r *request, mark func(*request, *kvSecret, *kvVersion)) (*answer, error) {
	list := r.list("versions")
	if len(list) == 0 {
		if strings.HasPrefix(r.rest, "destroy/") {
			return nil, bad("no version number provided")
		}
		return nil, bad("No version number provided")
	}
	var wanted []int
	for i, text := range list {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, invalid("versions", fmt.Sprintf("1 error(s) decoding:\n\n* cannot parse '[%d]' as int: strconv.ParseInt: parsing %q: invalid syntax", i, text))
		}
		wanted = append(wanted, n)
	}
	return nil, r.editVersions(func(s *kvSecret) {
		for _, n := range wanted {
			if v := s.version(n); v != nil && n > 0 {
				mark(r, s, v)
			}
		}
	})
}

func subkeys(r *request) (*answer, error) {
	s, v, err := r.readable()
	if err != nil {
		return nil, err
	}
	depth, err := r.number("depth", 0)
	if err != nil {
		return nil, err
	}
	if v.dead(r.Clock.Now()) {
		return nil, envelope404(&answer{data: map[string]any{"metadata": v.shown(s), "subkeys": nil}})
	}
	data, err := decoded(v.Data)
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"subkeys": leaves(data, depth), "metadata": v.shown(s)})
}

// leaves replaces values by null, and what lies deeper than depth (0: nothing).
func leaves(m map[string]any, depth int) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = nil
		if inner, ok := v.(map[string]any); ok && depth != 1 && len(inner) > 0 {
			out[k] = leaves(inner, depth-1)
		}
	}
	return out
}

// goDuration writes a duration as the engine does: 0s, 3h0m0s.
func goDuration(d time.Duration) string { return d.String() }

func readMetadata(r *request) (*answer, error) {
	s, err := need(r.ctx, r.kv2, r.secretKey())
	if err != nil {
		return nil, err
	}
	modern := !r.flavour.bao && !r.flavour.old
	versions := map[string]any{}
	for _, v := range s.Versions {
		shown := map[string]any{"created_time": stamp(v.Created), "deletion_time": orEmpty(v.Deletion), "destroyed": v.Destroyed}
		if modern {
			shown["created_by"], shown["deleted_by"] = nil, nil
			if v.By != nil {
				shown["created_by"] = v.By
			}
			if v.DeletedBy != nil {
				shown["deleted_by"] = v.DeletedBy
			}
		}
		versions[strconv.Itoa(v.N)] = shown
	}
	var custom any
	if s.Custom != nil {
		custom = s.Custom
	}
	data := map[string]any{"cas_required": s.CAS, "created_time": stamp(s.Created), "current_version": s.Current, "custom_metadata": custom,
		"delete_version_after": goDuration(s.DeleteAfter), "max_versions": s.Max, "oldest_version": s.Oldest, "updated_time": stamp(s.Updated), "versions": versions}
	if modern {
		data["last_updated_by"] = nil
		if s.By != nil {
			data["last_updated_by"] = s.By
		}
	}
	if r.flavour.bao {
		data["current_metadata_version"], data["metadata_cas_required"] = s.MetaWrites, false
	}
	return ok(data)
}

// Bounds of custom metadata.
const (
	maxCustom      = 64
	maxCustomKey   = 128
	maxCustomValue = 512
)

func writeMetadata(r *request) (*answer, error) {
	custom, err := r.texts("custom_metadata")
	if err != nil {
		return nil, unframed(err)
	}
	if len(custom) > maxCustom {
		return nil, bad("custom_metadata validation failed: payload must contain at most %d keys, provided %d", maxCustom, len(custom))
	}
	for k, v := range custom {
		if k == "" || len(k) > maxCustomKey || len(v) > maxCustomValue {
			return nil, bad("custom_metadata validation failed: length of key %q or of its value is out of bounds", k)
		}
	}
	most, err := r.number("max_versions", 0)
	if err != nil {
		return nil, err
	}
	after, err := r.lasts("delete_version_after")
	if err != nil {
		return nil, err
	}
	cas, err := r.flag("cas_required", false)
	if err != nil {
		return nil, err
	}
	return nil, r.kv2.Change(r.ctx, r.secretKey(), func(s *kvSecret, found bool) error {
		if !found {
			if r.op == opPatch {
				return errGone()
			}
			s.Created = r.Clock.Now()
		}
		s.Updated = r.Clock.Now()
		if len(r.raw) > 0 {
			s.MetaWrites++
		}
		if r.has("max_versions") { // the next version makes the old ones go
			s.Max = int(uint32(most))
		}
		if r.has("delete_version_after") {
			s.DeleteAfter = after
		}
		if r.has("cas_required") {
			s.CAS = cas
		}
		if r.has("custom_metadata") {
			s.take(r, custom)
		}
		return nil
	})
}

// take sets the custom metadata, or merges it when it is patched.
func (s *kvSecret) take(r *request, custom map[string]string) {
	if r.op != opPatch || s.Custom == nil {
		s.Custom = map[string]string{}
	}
	patch, _ := r.fields["custom_metadata"].(map[string]any)
	for k, v := range custom {
		if patch[k] == nil {
			delete(s.Custom, k)
			continue
		}
		s.Custom[k] = v
	}
	if len(s.Custom) == 0 {
		s.Custom = nil
	}
}

func deleteMetadata(r *request) (*answer, error) {
	_, err := r.kv2.Delete(r.ctx, r.secretKey())
	return nil, err
}

func listSecrets(r *request) (*answer, error) {
	prefix := strings.TrimSuffix(r.vars["path"], "/")
	if prefix != "" {
		prefix += "/"
	}
	keys, err := r.kv2.Names(r.ctx, r.mount.UUID+"/"+prefix)
	if err != nil {
		return nil, err
	}
	withoutDeleted, err := r.flag("exclude_deleted", false)
	if err != nil {
		return nil, err
	}
	if withoutDeleted {
		if keys, err = r.undeleted(r.mount.UUID+"/"+prefix, keys); err != nil {
			return nil, err
		}
	}
	return listKeys(folders(keys), nil)
}

// undeleted are the keys of secrets whose current version is not deleted.
func (r *request) undeleted(prefix string, keys []string) (out []string, err error) {
	for _, k := range keys {
		s, err := r.kv2.Get(r.ctx, prefix+k)
		if err != nil {
			return nil, err
		}
		if s == nil {
			continue
		}
		if v := s.version(0); v == nil || !v.dead(r.Clock.Now()) {
			out = append(out, k)
		}
	}
	return out, nil
}

func readKVConfig(r *request) (*answer, error) {
	c, err := r.kvSettings()
	if err != nil {
		return nil, err
	}
	data := map[string]any{"cas_required": c.CAS, "delete_version_after": goDuration(c.DeleteAfter), "max_versions": c.Max}
	if r.flavour.bao {
		data["metadata_cas_required"] = false
	}
	return ok(data)
}

func writeKVConfig(r *request) (*answer, error) {
	return nil, r.kv2conf.Change(r.ctx, r.mount.UUID, func(c *kvConfig, _ bool) (err error) {
		if c.Max, err = r.number("max_versions", c.Max); err != nil {
			return err
		}
		c.Max = int(uint32(c.Max)) // as the server keeps it
		if c.CAS, err = r.flag("cas_required", c.CAS); err != nil {
			return err
		}
		if r.has("delete_version_after") {
			c.DeleteAfter, err = r.lasts("delete_version_after")
		}
		return err
	})
}

// upgrade copies the secrets of a mount from version 1 to version 2: before the
// mount changes, so that readers find them at once, and after it, when what was
// written in between is copied, too, and the old ones go.
func (r *request) upgrade(path string, after bool) error {
	t, err := r.table()
	if err != nil {
		return err
	}
	m := t.at(path)
	if m == nil || m.Type != "kv" || !after && m.Options["version"] == "2" {
		return nil
	}
	keys, err := r.kv1.Names(r.ctx, m.UUID+"/")
	if err != nil {
		return err
	}
	for _, k := range keys {
		old, err := r.kv1.Get(r.ctx, m.UUID+"/"+k)
		if err != nil {
			return err
		}
		if old == nil {
			continue
		}
		now := r.Clock.Now()
		data := old.Data
		if data == nil {
			data = []byte("{}")
		}
		s := kvSecret{Created: now, Updated: now, Current: 1, Account: old.Account, Versions: []kvVersion{{N: 1, Data: data, Created: now}}}
		err = r.kv2.Change(r.ctx, m.UUID+"/"+k, func(v *kvSecret, found bool) error {
			if after && found && !v.Created.Equal(now) { // written under the new version since
				return state.ErrKeep
			}
			*v = s
			return nil
		})
		if err != nil {
			return err
		}
		if !after {
			continue
		}
		if _, err := r.kv1.Delete(r.ctx, m.UUID+"/"+k); err != nil {
			return err
		}
	}
	return nil
}
