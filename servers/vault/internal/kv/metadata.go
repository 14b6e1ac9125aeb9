package kv

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// editVersions changes a secret that is there.
func (b *Backend) editVersions(r *core.Request, fn func(*kvSecret)) error {
	return b.kv2.Change(r.Ctx, secretKey(r), func(s *kvSecret, found bool) error {
		if !found {
			return state.ErrKeep
		}
		fn(s)
		return nil
	})
}

func (b *Backend) deleteLatest(r *core.Request) (*core.Answer, error) {
	return nil, b.editVersions(r, func(s *kvSecret) {
		if v := s.version(0); v != nil && !v.dead(r.Clock.Now()) {
			v.Deletion, v.DeletedBy, s.By = r.Clock.Now(), by(r, "delete"), by(r, "delete")
		}
	})
}

// Marks that delete, undelete and destroy set.
func markDeleted(r *core.Request, s *kvSecret, v *kvVersion) {
	if !v.dead(r.Clock.Now()) {
		v.Deletion, v.DeletedBy, s.By = r.Clock.Now(), by(r, "update"), by(r, "update")
	}
}

func markLive(r *core.Request, s *kvSecret, v *kvVersion) {
	if v.Destroyed {
		return
	}
	v.Deletion, v.DeletedBy, s.By = time.Time{}, nil, by(r, "undelete")
	if s.DeleteAfter > 0 {
		v.Deletion = r.Clock.Now().Add(s.DeleteAfter)
	}
}

func markDestroyed(_ *core.Request, _ *kvSecret, v *kvVersion) { v.Destroyed, v.Data = true, nil }

func (b *Backend) markVersions(r *core.Request, mark func(*core.Request, *kvSecret, *kvVersion)) (*core.Answer, error) {
	list := r.List("versions")
	if len(list) == 0 {
		if strings.HasPrefix(r.Rest, "destroy/") {
			return nil, core.BadRequest("no version number provided")
		}
		return nil, core.BadRequest("No version number provided")
	}
	var wanted []int
	for i, text := range list {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, core.Invalid("versions", fmt.Sprintf("1 error(s) decoding:\n\n* cannot parse '[%d]' as int: strconv.ParseInt: parsing %q: invalid syntax", i, text))
		}
		wanted = append(wanted, n)
	}
	return nil, b.editVersions(r, func(s *kvSecret) {
		for _, n := range wanted {
			if v := s.version(n); v != nil && n > 0 {
				mark(r, s, v)
			}
		}
	})
}

func (b *Backend) subkeys(r *core.Request) (*core.Answer, error) {
	s, v, err := b.readable(r)
	if err != nil {
		return nil, err
	}
	depth, err := r.Int("depth", 0)
	if err != nil {
		return nil, err
	}
	if v.dead(r.Clock.Now()) {
		return nil, core.NotFoundWith(&core.Answer{Data: map[string]any{"metadata": v.shown(s), "subkeys": nil}})
	}
	data, err := decoded(v.Data)
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"subkeys": leaves(data, depth), "metadata": v.shown(s)})
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

func (b *Backend) readMetadata(r *core.Request) (*core.Answer, error) {
	s, err := core.Require(r.Ctx, b.kv2, secretKey(r))
	if err != nil {
		return nil, err
	}
	modern := !r.Flavour.Bao && !r.Flavour.Old
	versions := map[string]any{}
	for _, v := range s.Versions {
		shown := map[string]any{"created_time": core.FormatTime(v.Created), "deletion_time": orEmpty(v.Deletion), "destroyed": v.Destroyed}
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
	data := map[string]any{"cas_required": s.CAS, "created_time": core.FormatTime(s.Created), "current_version": s.Current, "custom_metadata": custom,
		"delete_version_after": core.GoDuration(s.DeleteAfter), "max_versions": s.Max, "oldest_version": s.Oldest, "updated_time": core.FormatTime(s.Updated), "versions": versions}
	if modern {
		data["last_updated_by"] = nil
		if s.By != nil {
			data["last_updated_by"] = s.By
		}
	}
	if r.Flavour.Bao {
		data["current_metadata_version"], data["metadata_cas_required"] = s.MetaWrites, false
	}
	return core.OK(data)
}

// Bounds of custom metadata.
const (
	maxCustom      = 64
	maxCustomKey   = 128
	maxCustomValue = 512
)

func (b *Backend) writeMetadata(r *core.Request) (*core.Answer, error) {
	custom, err := r.TextMap("custom_metadata")
	if err != nil {
		return nil, core.Unframed(err)
	}
	if len(custom) > maxCustom {
		return nil, core.BadRequest("custom_metadata validation failed: payload must contain at most %d keys, provided %d", maxCustom, len(custom))
	}
	for k, v := range custom {
		if k == "" || len(k) > maxCustomKey || len(v) > maxCustomValue {
			return nil, core.BadRequest("custom_metadata validation failed: length of key %q or of its value is out of bounds", k)
		}
	}
	most, err := r.Int("max_versions", 0)
	if err != nil {
		return nil, err
	}
	after, err := r.Duration("delete_version_after")
	if err != nil {
		return nil, err
	}
	cas, err := r.Bool("cas_required", false)
	if err != nil {
		return nil, err
	}
	return nil, b.kv2.Change(r.Ctx, secretKey(r), func(s *kvSecret, found bool) error {
		if !found {
			if r.Op == core.OpPatch {
				return errGone()
			}
			s.Created = r.Clock.Now()
		}
		s.Updated = r.Clock.Now()
		if len(r.Raw) > 0 {
			s.MetaWrites++
		}
		if r.Has("max_versions") { // the next version makes the old ones go
			s.Max = int(uint32(most))
		}
		if r.Has("delete_version_after") {
			s.DeleteAfter = after
		}
		if r.Has("cas_required") {
			s.CAS = cas
		}
		if r.Has("custom_metadata") {
			s.take(r, custom)
		}
		return nil
	})
}

// take sets the custom metadata, or merges it when it is patched.
func (s *kvSecret) take(r *core.Request, custom map[string]string) {
	if r.Op != core.OpPatch || s.Custom == nil {
		s.Custom = map[string]string{}
	}
	patch, _ := r.Fields["custom_metadata"].(map[string]any)
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

func (b *Backend) deleteMetadata(r *core.Request) (*core.Answer, error) {
	_, err := b.kv2.Delete(r.Ctx, secretKey(r))
	return nil, err
}

func (b *Backend) listSecrets(r *core.Request) (*core.Answer, error) {
	prefix := strings.TrimSuffix(r.Vars["path"], "/")
	if prefix != "" {
		prefix += "/"
	}
	keys, err := b.kv2.Names(r.Ctx, r.Mount.UUID+"/"+prefix)
	if err != nil {
		return nil, err
	}
	withoutDeleted, err := r.Bool("exclude_deleted", false)
	if err != nil {
		return nil, err
	}
	if withoutDeleted {
		if keys, err = b.undeleted(r, r.Mount.UUID+"/"+prefix, keys); err != nil {
			return nil, err
		}
	}
	return core.ListKeys(core.Folders(keys), nil)
}

// undeleted are the keys of secrets whose current version is not deleted.
func (b *Backend) undeleted(r *core.Request, prefix string, keys []string) (out []string, err error) {
	for _, k := range keys {
		s, err := b.kv2.Get(r.Ctx, prefix+k)
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

func (b *Backend) readKVConfig(r *core.Request) (*core.Answer, error) {
	c, err := b.kvSettings(r)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"cas_required": c.CAS, "delete_version_after": core.GoDuration(c.DeleteAfter), "max_versions": c.Max}
	if r.Flavour.Bao {
		data["metadata_cas_required"] = false
	}
	return core.OK(data)
}

func (b *Backend) writeKVConfig(r *core.Request) (*core.Answer, error) {
	return nil, b.kv2conf.Change(r.Ctx, r.Mount.UUID, func(c *kvConfig, _ bool) (err error) {
		if c.Max, err = r.Int("max_versions", c.Max); err != nil {
			return err
		}
		c.Max = int(uint32(c.Max)) // as the server keeps it
		if c.CAS, err = r.Bool("cas_required", c.CAS); err != nil {
			return err
		}
		if r.Has("delete_version_after") {
			c.DeleteAfter, err = r.Duration("delete_version_after")
		}
		return err
	})
}

// upgrade copies the secrets of a mount from version 1 to version 2: before the
// mount changes, so that readers find them at once, and after it, when what was
// written in between is copied, too, and the old ones go.
func (b *Backend) upgrade(r *core.Request, path string, after bool) error {
	t, err := r.MountTable()
	if err != nil {
		return err
	}
	m := t.At(path)
	if m == nil || m.Type != "kv" || !after && m.Options["version"] == "2" {
		return nil
	}
	keys, err := b.kv1.Names(r.Ctx, m.UUID+"/")
	if err != nil {
		return err
	}
	for _, k := range keys {
		old, err := b.kv1.Get(r.Ctx, m.UUID+"/"+k)
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
		err = b.kv2.Change(r.Ctx, m.UUID+"/"+k, func(v *kvSecret, found bool) error {
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
		if _, err := b.kv1.Delete(r.Ctx, m.UUID+"/"+k); err != nil {
			return err
		}
	}
	return nil
}
